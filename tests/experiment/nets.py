"""Base models for the tests; all take a tensor of shape (N, 4)."""

from __future__ import annotations

from typing import Any

import torch

import retix.nn.pytorch as nn
from tests.experiment.fragile import Fragile

INPUTS = torch.zeros(2, 4)


class Chain(nn.Module):
    """Six networks, told apart by their width."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([1, 2, 3, 4, 5, 6], label="width")
        self.first = nn.Linear(4, width)
        self.last = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.last(self.first(x))


class Gated(nn.Module):
    """Twelve samples of three networks: of two layers that are chosen, only one is used."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.LayerChoice([nn.Linear(4, 4), nn.Identity()], label="left")
        self.right = nn.LayerChoice([nn.Linear(4, 4), nn.Identity(), nn.ReLU()], label="right")
        self.gate = nn.InputChoice(n_candidates=2, label="gate")
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.gate([self.left(x), self.right(x)]))


class Cases(nn.Module):
    """One network for each way in which a trial can end; `scores.behave` tells them apart by the rate of dropout."""

    def __init__(self) -> None:
        super().__init__()
        candidates = {
            "fine": nn.Linear(4, 4),
            "killed": nn.Dropout(0.1),
            "shape": nn.Dropout(0.2),
            "timeout": nn.Dropout(0.3),
            "not_finite": nn.Dropout(0.4),
            "no_metric": nn.Dropout(0.5),
            "import": Fragile(),
            "also_fine": nn.Identity(),
        }
        self.case = nn.LayerChoice(candidates, label="case")
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.case(x))
