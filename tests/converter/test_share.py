"""Parts that are used through the module that owns them."""

from __future__ import annotations

from typing import Any

import torch

import retix.nn.pytorch as nn
from tests.converter.equality import assert_same

X = torch.linspace(-1, 1, 8).view(2, 4)


class Embedding(nn.Module):
    """Has more than its own forward uses."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positions", torch.arange(40).view(1, 40) / 40)
        self.fc = nn.Linear(4, 4)
        self.other = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return self.fc(x)


class Outer(nn.Module):
    """Reads a buffer of a part before it calls the part, and calls a layer inside of it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = Embedding()

    def forward(self, x: Any) -> Any:
        positions = self.embedding.get_buffer("positions")[:, : x.shape[1]]
        return self.embedding.other(self.embedding(x) + positions)


def test_part_of_a_part() -> None:
    """The class of the part has what only others use of it."""
    text = assert_same(Outer(), (X,), (X[:1],))
    assert "self.embedding.positions[:, " in text
    assert text.count('"positions"') == 1


class Reader(nn.Module):
    """Is handed a module, and calls it."""

    def forward(self, x: Any, layer: Any) -> Any:
        return layer(x) * 2


def test_module_that_is_handed_in() -> None:
    """A call with a module among its arguments is written in place."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = Embedding()
            self.first, self.second = Reader(), Reader()

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x, self.shared), self.shared)

    assert_same(Net(), (X,), (X[:1],))
