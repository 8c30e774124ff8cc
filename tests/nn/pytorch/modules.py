"""Importable models, so that pickling can find them."""

from __future__ import annotations

from typing import Any

import retix.nn.pytorch as nn


class Wide(nn.Linear):
    """A user's subclass of a recorded layer."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 2 * width)


class Net(nn.Module):
    """A model with every kind of choice."""

    def __init__(self) -> None:
        super().__init__()
        self.width = nn.ValueChoice([4, 8], label="width")
        self.first = nn.Linear(3, self.width)
        self.act = nn.LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()}, label="act")
        self.join = nn.InputChoice(2, None, "sum", label="join")
        self.last = nn.Linear(self.width, 2, bias=False)

    def forward(self, x: Any) -> Any:
        """A small network with a skip."""
        y = self.first(x)
        return self.last(self.join([y, self.act(y)]))
