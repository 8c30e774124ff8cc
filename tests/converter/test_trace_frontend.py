"""Leaves as a trace has them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from retix.converter import convert
from retix.recipe import basic_unit
from tests.converter.equality import assert_same

X = torch.linspace(-1, 1, 8).view(2, 4)


class Both(nn.Module):
    """Returns two things, of which its caller takes one."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.rnn = nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Any) -> Any:
        x = self.fc(x)
        self.rnn(x)
        return x, self.norm(x)


class Picky(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.both = Both()
        self.out = nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        x, _ = self.both(x)
        return self.out(x)


def test_layers_called_in_vain_are_left_out() -> None:
    """A layer may return what nobody takes, in a module in between as well; there is no dead code in the graph."""
    text = str(convert(Picky(), X))
    assert "torch.nn.Linear" in text
    assert "LayerNorm" not in text
    assert "GRU" not in text


class InPlace(nn.Module):
    """Calls a layer for what it does to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        x = self.fc(x)
        self.act(x)
        return x


def test_layer_that_changes_its_input_stays_where_nobody_takes_its_result() -> None:
    """What an in-place layer returns is its input, which may be used in its stead."""
    assert "        self.act(x)\n" in assert_same(InPlace(), (X,), (X[:1],))


@basic_unit
class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self) -> Any:
        return self.weight * 2


class Lookup(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = Table()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        self.table()
        return self.fc(x)


def test_unit_that_is_given_nothing_and_called_in_vain() -> None:
    """A unit without inputs, whose result nobody takes, is left out."""
    assert "table" not in assert_same(Lookup(), (X,))
