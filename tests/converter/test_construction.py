"""Results in classes of their own are made again by calling their class."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

import retix.nn.pytorch as nn
from retix.converter.construction import Construction, map_parts, take_apart
from tests.converter.equality import assert_same

X = torch.linspace(-1, 1, 8).view(2, 4)


class Heads(NamedTuple):
    """A named tuple."""

    main: Any
    auxiliary: Any = None


@dataclass
class Result:
    """A dataclass, registered with nobody."""

    logits: Any = None
    hidden: Any = None


class Net(nn.Module):
    """Returns what it is told to."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.aux = nn.Linear(4, 2)
        self.kind = kind

    def forward(self, x: Any) -> Any:
        h = self.fc(x)
        if self.kind == "mode":
            return Heads(h, self.aux(h)) if self.training else h
        if self.kind == "ordered":
            return OrderedDict(out=h, pair=Heads(h))
        return Heads([h, None], {"aux": self.aux(h)})


def test_named_tuples_and_ordered_dicts() -> None:
    """They come out as what they were, also nested."""
    assert 'OrderedDict({"out": fc, "pair": Heads(main=fc, auxiliary=None)})' in assert_same(Net("ordered"), (X,))
    assert_same(Net("nested"), (X,), (X[:1],))


def test_one_mode_returns_more() -> None:
    """An auxiliary head in training alone."""
    text = assert_same(Net("mode"), (X,), (X[:1],))
    assert "return Heads(main=h, auxiliary=self.aux(h))" in text


def test_take_apart() -> None:
    """Fields that are None are left to their defaults; sizes are tuples."""
    found = take_apart([Result(X), torch.Size([2]), {"a": (X,)}])
    assert found == [Construction(Result, (), {"logits": X}), (2,), {"a": (X,)}]
    point = namedtuple("point", "x y")
    assert take_apart(point(1, [2])) == Construction(point, (), {"x": 1, "y": [2]})
    assert map_parts(lambda item: item + 1, take_apart(point(1, [2]))).kwargs == {"x": 2, "y": [3]}
