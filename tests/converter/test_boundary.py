"""Inputs that are no tensors stay in the signature, as what they were."""

from __future__ import annotations

import inspect
from typing import Any

import torch

import retix.nn.pytorch as nn
from retix.codegen import generate
from retix.converter import convert
from retix.ir import Model
from tests.converter.equality import assert_same, load

X = torch.linspace(-1, 1, 8).view(2, 4)


class Net(nn.Module):
    """Takes all sorts."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Any, mask: Any = None, y: Any = None, scale: float = 2.0, mode: str = "sum") -> Any:
        h = self.fc(x) * scale
        h = h if mask is None else h * mask
        return h if y is None else h + y


def test_places_are_kept() -> None:
    """An input between tensors keeps its place, those at the end have what they were as defaults."""
    assert "def forward(self, x, mask, y):" in assert_same(Net(), (X, None, X), (X[:1], None, X[:1]))
    text = assert_same(Net(), (X, X, None, 1.5), (X[:1], X[:1], None, 1.5))
    assert "def forward(self, x, mask, y=None, scale=1.5):" in text


def test_names_are_kept() -> None:
    """Keywords that are no tensors may be given again, or left out."""
    made = load(generate(convert(Net(), X, example_kwargs={"mode": "max", "y": X})))
    assert made(X, y=X, mode="max").equal(made(X, y=X))


def test_defaults_survive_json() -> None:
    """They are a part of the graph."""
    model = Model.from_json(convert(Net(), (X, None, None, 3.0)).to_json())
    signature = inspect.signature(load(generate(model)).forward)
    assert {name: p.default for name, p in signature.parameters.items() if p.default is not p.empty} == {
        "mask": None,
        "y": None,
        "scale": 3.0,
    }


class Candidate(nn.Module):
    """Called with everything but keywords."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)
        self.bias = bias

    def forward(self, x: Any, mask: Any, pair: Any, times: int = 3) -> Any:
        return self.fc(x) * times + pair[0] * pair[1] + self.bias


def test_candidates_take_them_too() -> None:
    """A candidate is called with None, a number and a tuple of tensors."""

    class Chosen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.choice = nn.LayerChoice([Candidate(1.0), Candidate(2.0)])

        def forward(self, x: Any) -> Any:
            return self.choice(x, None, (x, x), 2)

    assert "self.choice(x, None, (x, x), 2)" in assert_same(Chosen(), (X,), (X[:1],))
