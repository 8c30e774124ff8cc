"""Tiny data, models and a listener that the tests of evaluators share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

import retix.evaluator.pytorch.lightning as pl


class Listener:
    """Keeps what is reported, and asks to stop after a number of intermediate results."""

    def __init__(self, patience: int | None = None):
        self.intermediates: list[Mapping[str, float]] = []
        self.finals: list[Mapping[str, float]] = []
        self.patience = patience

    def intermediate(self, metrics: Mapping[str, float]) -> bool:
        self.intermediates.append(metrics)
        return self.patience is None or len(self.intermediates) < self.patience

    def final(self, metrics: Mapping[str, float]) -> None:
        self.finals.append(metrics)


class Net(nn.Module):
    """Four numbers in, two scores out."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        return self.linear(x)


class Signs(Dataset[Any]):
    """Points and whether their first coordinate is positive.

    Args:
        size: How many.
    """

    def __init__(self, size: int):
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(size, 4, generator=generator)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return self.x[index], (self.x[index, 0] > 0).long()


def make_loader(size: int = 12, **kwargs: Any) -> pl.DataLoader:
    """A recorded loader of `Signs`, four at a time."""
    return pl.DataLoader(Signs(size), batch_size=4, **kwargs)


def make_regression_loader(size: int = 12) -> pl.DataLoader:
    """A loader of points and their first two coordinates."""
    x = Signs(size).x
    return pl.DataLoader(TensorDataset(x, x[:, :2]), batch_size=4)


def make_classification(**kwargs: Any) -> pl.Classification:
    """A classification of one epoch on the CPU, unless the arguments say otherwise."""
    loaders = {"train_dataloaders": make_loader(), "val_dataloaders": make_loader()}
    return pl.Classification(**{**loaders, "max_epochs": 1, "accelerator": "cpu", **kwargs})
