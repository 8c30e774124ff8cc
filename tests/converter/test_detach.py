"""Gradients switched off in forward become detached tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from tests.converter.equality import assert_same

X = torch.linspace(-1, 1, 8).view(2, 4)


class Net(nn.Module):
    """A part of it runs without gradients."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.inner = nn.Linear(4, 4)
        self.scale = torch.nn.Parameter(torch.ones(4))
        self.register_buffer("table", torch.linspace(0, 1, 4))
        self._function = [function]

    def forward(self, x: Any) -> Any:
        h = self.fc(x)
        with torch.no_grad():
            part = self._function[0](self, h)
        return h * part + self.scale


CASES: dict[str, tuple[Callable[..., Any], str]] = {
    "layer": (lambda m, h: m.inner(h), "self.inner(h).detach()"),
    "parameter": (lambda m, h: m.scale * 2, "self.scale.detach() * 2"),
    "value": (lambda m, h: h.T.T.softmax(-1), "h.detach()"),
    "keyword": (lambda m, h: torch.sum(input=h, dim=0), "h.detach()"),
    "buffer": (lambda m, h: m.table.cos(), "self.table.cos()"),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_do_not_flow(name: str) -> None:
    """What comes from outside is detached where it is used; results and gradients are those of the model."""
    function, written = CASES[name]
    assert written in assert_same(Net(function), (X,), (X[:1],))


def test_changes_in_place_arrive() -> None:
    """A running mean is kept in the buffer itself, a value that is changed in the value itself."""

    def update(module: Any, h: Any) -> Any:
        module.table.mul_(0.9).add_(h.mean(0), alpha=0.1)
        return h.clone().add_(module.table)

    assert_same(Net(update), (X,), (X[:1],))


def test_sizes_are_read_without_detaching() -> None:
    """A shape needs no gradients."""
    assert "detach" not in assert_same(Net(lambda m, h: torch.ones(h.shape[0], 1)), (X,), (X[:1],))


def test_gradients_on_again() -> None:
    """Within, a part may ask for gradients again."""

    def back(module: Any, h: Any) -> Any:
        with torch.enable_grad():
            return module.scale * h

    assert "detach" not in assert_same(Net(back), (X,), (X[:1],))
