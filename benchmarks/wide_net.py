"""A network with two widths: 16,384 different models, the smallest there are."""

from __future__ import annotations

from torch import Tensor

import retix.nn.pytorch as nn

SIDE = 128


class WideNet(nn.Module):
    """Two layers whose widths are chosen, for inputs of (batch, 2)."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.ValueChoice(list(range(1, SIDE + 1)), label="first")
        second = nn.ValueChoice(list(range(1, SIDE + 1)), label="second")
        self.one = nn.Linear(2, first)
        self.two = nn.Linear(first, second)

    def forward(self, x: Tensor) -> Tensor:
        """Features of (batch, second) for ``x`` of (batch, 2)."""
        return self.two(self.one(x))  # type: ignore[no-any-return]  # modules return Any
