"""Base models for the tests; all take a tensor of shape (N, 4)."""

from __future__ import annotations

from typing import Any

import torch

import retix.nn.pytorch as nn
from retix import model_wrapper

INPUTS = torch.linspace(-1, 1, 8).reshape(2, 4)


@model_wrapper
class Net(nn.Module):
    """Eight models: a width, and a layer whose own choice counts only if it is taken."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        width = nn.ValueChoice([3, 5], label="width")
        self.first = nn.Linear(4, width)
        self.second = nn.LayerChoice(
            {
                "linear": nn.Linear(width, width),
                "drop": nn.Dropout(nn.ValueChoice([0.25, 0.5], label="rate")),
                "relu": nn.ReLU(),
            },
            label="layer",
        )
        self.head = nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.second(self.first(x)))


@model_wrapper
class DataDependent(nn.Module):
    """What it computes depends on its data, so that it has no graph."""

    def __init__(self, names: tuple[str, ...] = ("relu", "tanh")) -> None:
        super().__init__()
        candidates = {"relu": nn.ReLU(), "tanh": nn.Tanh()}
        self.first = nn.Linear(4, 4)
        self.act = nn.LayerChoice({name: candidates[name] for name in names}, label="act")
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> Any:
        x = self.act(self.first(x))
        if x.sum() > 0:
            x = x * 2
        return self.head(x)


class Unwrapped(DataDependent):
    """The same, and it does not remember how it was made."""


@model_wrapper
class Built(nn.Module):
    """How many layers there are is decided while it is built; a deep one asks for more."""

    def __init__(self) -> None:
        super().__init__()
        depth = nn.ModelParameterChoice([1, 2], label="depth")
        layers = [nn.Linear(4, 4) for _ in range(depth)]
        if depth > 1:
            layers.append(nn.Dropout(nn.ModelParameterChoice([0.1, 0.2, 0.3], label="rate")))
        self.body = nn.Sequential(*layers)
        self.act = nn.LayerChoice([nn.ReLU(), nn.Tanh()], label="act")

    def forward(self, x: torch.Tensor) -> Any:
        return self.act(self.body(x))


def make_built() -> nn.Module:
    """A factory of a model whose class is nothing special."""

    class Local(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, nn.ModelParameterChoice([1, 2, 3], label="width"))

        def forward(self, x: torch.Tensor) -> Any:
            return self.layer(x)

    return Local()
