"""Checks of data are no part of a graph."""

from __future__ import annotations

from typing import Any

import torch

import retix.nn.pytorch as nn
from retix.converter import convert
from tests.converter.equality import assert_same, refused

X = torch.linspace(-1, 1, 8).view(2, 4)


class Checked(nn.Module):
    """Refuses inputs in three ways, and one way of doing more than that."""

    def __init__(self, warns: bool = False) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.warns = warns
        self.count = 0

    def forward(self, x: Any) -> Any:
        assert x.max().item() < 9, "too big"
        if x.isnan().any() or x.isinf().any():
            raise ValueError("no numbers")
        torch._check_tensor_all(x > -9)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self.warns and x.sum() > 100:
            x = x / 2
        return self.fc(x)


def test_checks_are_left_out() -> None:
    """The generated model computes the same for inputs that pass."""
    text = assert_same(Checked(), (X,), (X[:1],))
    assert "return self.fc(x)" in text
    assert "max" not in text


def test_conditions_that_compute_are_no_checks() -> None:
    """What leads to other values is refused as ever."""
    with refused("turns data into a condition", file=__file__, line="x.sum() > 100"):
        convert(Checked(warns=True), X)


class Shift(nn.Module):
    """Is handed a size, and compares it."""

    def forward(self, x: Any, size: Any) -> Any:
        return x * 2 if size > 3 else x


def test_sizes_stay_sizes_in_other_modules() -> None:
    """A size that was handed on is no data."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift = Shift()

        def forward(self, x: Any) -> Any:
            return self.shift(x, x.shape[1])

    assert_same(Net(), (X,), (X[:1],))
