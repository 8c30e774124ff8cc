"""Spaces of every kind, captured by each front end: both builds of each sample agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import retix.nn.pytorch as nn
from retix.codegen import generate
from retix.converter import convert
from retix.mutation import MutationSpace
from retix.recipe import basic_unit
from retix.space import Sample
from tests.converter.networks import Bench201, Darts, MobileNetV3, NasNet
from tests.converter.spaces import assert_builds_agree

X = torch.arange(32.0).view(8, 4) / 10
IMAGE = torch.arange(2 * 3 * 8 * 8.0).view(2, 3, 8, 8) / 200


class Block(nn.Module):
    def __init__(self, width: Any = 4) -> None:
        super().__init__()
        self.fc = nn.Linear(4, width)
        self.out = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.fc(x).relu()) + x


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 4)
        self.right = nn.Linear(4, 4)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.left(x) + self.right(y)


class Swapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return self.fc(y), x


class Straight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return self.fc(x), self.fc(y)


class Nested(nn.Module):
    """A choice in a choice in a repeat, and one label in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Repeat(self._make, (0, 3), label="depth")
        self.head = nn.LayerChoice([nn.Linear(4, 4), nn.Identity()], label="op0")

    @staticmethod
    def _make(index: int) -> nn.Module:
        inner = nn.LayerChoice({"tanh": nn.Tanh(), "deep": nn.Repeat(Block(), (1, 2))})
        return nn.LayerChoice([nn.Linear(4, 4), nn.Sequential(Block(), inner)], label=f"op{index}")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.op = nn.LayerChoice([Both(), nn.Bilinear(4, 4, 4)])

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x, x * 2)


class Keywords(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.op = nn.LayerChoice([Both(), Both()])

    def forward(self, x: Tensor) -> Tensor:
        return self.op(y=x * 2, x=x)


class Tuples(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.op = nn.LayerChoice([Straight(), Swapped()])

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.op(x, x * 2)
        return left * right - left


class Inputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.LayerChoice([nn.Linear(4, 4), Block()])
        self.some = nn.InputChoice(3, None, "mean")
        self.pair = nn.InputChoice(3, 2, "concat")

    def forward(self, x: Tensor) -> Tensor:
        parts = [x, self.a(x), self.b(x)]
        return torch.cat([self.some(parts), self.pair(parts)], 1)


class Selected(nn.Module):
    """Inputs that follow another choice."""

    def __init__(self) -> None:
        super().__init__()
        self.k = nn.ValueChoice([1, 2, 3], label="k")
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.sum = nn.SelectInputs([True, self.k > 1, self.k > 2], "sum")
        self.one = nn.SelectInputs([self.k == 1, self.k == 2, self.k == 3], "one")

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.layers[0](x), self.layers[1](x), self.layers[2](x)]
        return self.sum(parts) * self.one(parts)


class Widths(nn.Module):
    """Open arguments, arithmetic on them, and one choice in several layers."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8], label="width")
        ratio = nn.ValueChoice([0.5, 2], label="ratio")
        hidden = nn.ValueChoice.to_int(width * ratio)
        self.first = nn.Linear(4, width)
        self.norm = nn.BatchNorm1d(width)
        self.second = nn.Linear(width, hidden)
        self.blocks = nn.Repeat(lambda _: nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU()), (1, 3), label="depth")
        self.last = nn.Linear(hidden, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.blocks(self.second(self.norm(self.first(x)))))


class Depths(nn.Module):
    """A depth that is computed."""

    def __init__(self) -> None:
        super().__init__()
        half = nn.ValueChoice([0, 1, 2], label="half")
        self.body = nn.Repeat([Block() for _ in range(4)], half * 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + 1


@basic_unit
class Pooled(nn.Module):
    def __init__(self, sizes: list[int], options: dict[str, Any]) -> None:
        super().__init__()
        self.pools = torch.nn.ModuleList(torch.nn.AdaptiveAvgPool1d(size) for size in sizes)
        self.scale = options["scale"]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([pool(x) for pool in self.pools], 1) * self.scale


class Structures(nn.Module):
    """Choices in lists and dicts among the arguments of a unit, and candidates that are lists."""

    def __init__(self) -> None:
        super().__init__()
        size = nn.ValueChoice([1, 2], label="size")
        self.pool = Pooled([size, size + 1, 4], {"scale": nn.ValueChoice([0.5, 2.0])})
        self.other = Pooled(nn.ValueChoice([[1], [2, 3]], label="sizes"), {"scale": 1})

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.pool(x), self.other(x)], 1)


class Lists(nn.Module):
    """Choices in the containers of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.ModuleList([nn.LayerChoice([nn.Linear(4, 4), Block()]) for _ in range(2)])
        self.named = nn.ModuleDict({"a": nn.LayerChoice({"x": nn.Tanh(), "y": nn.Sigmoid()})})
        self.chain = nn.Sequential(nn.Linear(4, 4), nn.LayerChoice([nn.ReLU(), nn.Sequential(Block(), nn.GELU())]))

    def forward(self, x: Tensor) -> Tensor:
        for item in self.items:
            x = item(x)
        return self.chain(self.named["a"](x))


class Dropped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rate = nn.ValueChoice([0.25, 0.5])
        self.body = nn.Repeat(Block(), (1, 2))

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.body(x), self.rate(), self.training)


OPS = {"skip": nn.Identity(), "fc": nn.Linear(4, 4), "block": Block()}


class Cells(nn.Module):
    """Cells of one label, with two operations per node and two predecessors."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Cell(OPS, 2, 2, 2, label="cell")
        self.narrow = nn.Linear(8, 4)
        self.second = nn.Cell(OPS, 2, 2, 2, label="cell")

    def forward(self, x: Tensor) -> Tensor:
        y = self.narrow(self.first(x, x * 2))
        return self.second([x, y])


class LooseEnds(nn.Module):
    """A cell without label, with candidates by place, of which the loose ends go on."""

    def __init__(self) -> None:
        super().__init__()
        candidates = [lambda node, op, start: nn.Linear(4, 4), lambda node, op, start: Block(4 + (start or 0))]
        self.cell = nn.Cell(candidates, 3, 1, 2, "loose_end", self._prepare, self._finish)

    @staticmethod
    def _prepare(inputs: list[Tensor]) -> list[Tensor]:
        return [inputs[0].relu(), inputs[1]]

    @staticmethod
    def _finish(merged: Tensor, inputs: list[Tensor]) -> Tensor:
        return merged.sum(1, keepdim=True) + inputs[0]

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x, x + 1)


class Cell101(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        ops = {"fc": lambda width: nn.Conv2d(width, width, 1), "pool": lambda width: nn.MaxPool2d(3, 1, 1)}
        self.cell = nn.NasBench101Cell(ops, 3, 8, lambda a, b: nn.Conv2d(a, b, 1), 4, 5, label="bench")
        self.fc = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.cell(x).mean((2, 3)))


class Cell201(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.NasBench201Cell([lambda a, b: nn.Linear(a, b), lambda a, b: Block()], 4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x)


class Activated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.AutoActivation(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)


class Deep(nn.Module):
    """A layer choice in a layer choice in a repeat in a cell."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.LayerChoice([nn.LayerChoice([nn.Linear(4, 4), Block()]), nn.Identity()])
        self.cell = nn.Cell([nn.Repeat(inner, (1, 2)), nn.Linear(4, 4)], 2, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x)


SPACES: list[tuple[Callable[[], torch.nn.Module], Tensor, tuple[str, ...]]] = [
    (Nested, X, ("trace", "script", "fx")),
    (TwoInputs, X, ("trace", "script", "fx")),
    (Keywords, X, ("trace", "script", "fx")),
    (Tuples, X, ("trace", "fx")),
    (Inputs, X, ("trace", "script", "fx")),
    (Selected, X, ("trace", "script", "fx")),
    (Widths, X, ("trace", "script", "fx")),
    (Depths, X, ("trace", "script", "fx")),
    (Structures, X, ("trace", "script", "fx")),
    (Lists, X, ("trace", "script", "fx")),
    (Dropped, X, ("trace", "script", "fx")),
    (Cells, X, ("trace", "fx")),
    (LooseEnds, X, ("trace", "fx")),
    (Cell101, IMAGE, ("trace", "fx")),
    (Cell201, X, ("trace", "fx")),
    (Activated, X, ("trace", "fx")),
    (Deep, X, ("trace", "fx")),
    (Darts, IMAGE, ("trace", "fx")),
    (NasNet, IMAGE, ("trace", "fx")),
    (Bench201, IMAGE, ("trace", "fx")),
    (MobileNetV3, IMAGE, ("trace", "script", "fx")),
]
"""The spaces, what they are run on, and the front ends that take them."""


@pytest.mark.parametrize(
    ("make", "inputs", "frontend"),
    [pytest.param(make, inputs, f, id=f"{make.__name__}-{f}") for make, inputs, each in SPACES for f in each],
)
def test_builds_agree(make: Callable[[], torch.nn.Module], inputs: Any, frontend: str) -> None:
    """The code of a sample computes what the Python build of it computes, weights by their names in the base model."""
    torch.manual_seed(0)
    assert_builds_agree(make(), inputs, 4, frontend=frontend)


@pytest.mark.parametrize("make", [make for make, _, _ in SPACES], ids=lambda make: make.__name__)
def test_front_ends_agree(make: Callable[[], torch.nn.Module]) -> None:
    """Whichever front end captured it, a space has the same decisions."""
    inputs, frontends = next((x, each) for cls, x, each in SPACES if cls is make)
    net = make()
    spaces = [MutationSpace(convert(net, None if f == "script" else inputs, frontend=f)) for f in frontends]
    assert len({space.size for space in spaces}) == 1
    assert len({tuple(sorted(d.label for d in space.decisions)) for space in spaces}) == 1


def test_repeat_is_written_as_a_sequential() -> None:
    """A chosen repeat is a plain chain, of depth 0 an empty one, and the names of its weights stay."""
    space = MutationSpace(convert(Nested(), X))
    source = generate(space.build(Sample({"depth": 1, "op0": "0"})))
    assert "self.body = nn.Sequential(nn.Linear(4, 4))" in source.text
    assert source.state_names == {
        "body.0.weight": "body.0.0.weight",
        "body.0.bias": "body.0.0.bias",
        "head.weight": "head.0.weight",
        "head.bias": "head.0.bias",
    }
