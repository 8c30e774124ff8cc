"""Operators on what a trace has as tensors and Python as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from tests.converter.equality import assert_same

X = torch.linspace(-1, 1, 8).view(2, 4)


class Net(nn.Module):
    """Applies a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self._function = [function]

    def forward(self, x: Any) -> Any:
        return self._function[0](self.fc(x), x.shape[0], x.shape[1])


def grow(x: Any, n: Any, m: Any) -> Any:
    """Augmented assignment: a trace changes the size itself."""
    before = n
    n *= 2
    return x * n + before


NUMBERS: dict[str, tuple[Callable[..., Any], str]] = {
    "clamp": (lambda x, n, m: x * torch.clamp(torch.tensor(n), min=1, max=3), "min(max(x.size(0), 1), 3)"),
    "reciprocal": (lambda x, n, m: x * (1 / m**0.5), "1 / x.size(1) ** 0.5"),
    "stack": (
        lambda x, n, m: x * torch.stack([torch.tensor(n), torch.tensor(m)]).float().mean(),
        "torch.stack([torch.tensor(x.size(0)), torch.tensor(x.size(1))])",
    ),
    "alone": (lambda x, n, m: x * torch.tensor(n).unsqueeze(0), "torch.tensor(x.size(0)).unsqueeze(0)"),
    "float": (lambda x, n, m: x * torch.tensor(n).float().exp(), "torch.tensor(x.size(0)).to(torch.float32)"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name: str) -> None:
    """Sizes are Python numbers, and tensors only where an operator takes nothing else."""
    function, written = NUMBERS[name]
    assert written in assert_same(Net(function), (X,), (torch.cat([X, X, X]),))


def test_sizes_do_not_change_in_place() -> None:
    """What else has the size keeps it."""
    net = Net(grow)
    text = assert_same(net, (X[:1],))
    assert "x.size(0) * 2" in text
