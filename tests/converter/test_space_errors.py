"""What a space says wrongly is told with the line that says it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import retix
import retix.nn.pytorch as nn
from retix.codegen import generate
from retix.converter import convert
from retix.errors import GenerationError, SpaceError
from retix.ir import Call, Module, Open
from retix.mutation import MutationSpace, find_decisions
from retix.recipe import basic_unit
from retix.space import Sample, expression_from_json
from tests.converter.equality import refused

X = torch.arange(32.0).view(8, 4) / 10


def line_of(error: Any) -> str:
    """The text of the line that an error names."""
    file, _, number = str(error.where).rpartition(":")
    assert file == __file__
    with open(file) as source:
        return source.read().splitlines()[int(number) - 1].strip()


class OneLabel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LayerChoice([nn.Linear(4, 4), nn.Identity()], label="op")
        self.second = nn.LayerChoice([nn.Linear(4, 4), nn.Tanh(), nn.ReLU()], label="op")

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


class OneLabelOfValues(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, nn.ValueChoice([2, 4], label="width"))
        self.second = nn.Linear(nn.ValueChoice([2, 8], label="width"), 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


@pytest.mark.parametrize(
    ("cls", "line"),
    [(OneLabel, "self.second = nn.LayerChoice"), (OneLabelOfValues, "self.second = nn.Linear(nn.ValueChoice")],
)
def test_one_label_for_two_lists(cls: type[nn.Module], line: str) -> None:
    """The line is that of the second list."""
    with pytest.raises(SpaceError, match=r"'op'|'width'") as caught:
        convert(cls(), X)
    assert line_of(caught.value).startswith(line)


class Counts(torch.nn.Module):
    """A module of the user's own, which remembers no arguments."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(n))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


@pytest.mark.parametrize("make", [lambda vc: torch.nn.Linear(4, vc), Counts], ids=["layer", "module"])
def test_a_choice_that_nothing_records(make: Any) -> None:
    """A layer of torch, or a module of the user's, that needs a number refuses the choice where it is given one."""
    with pytest.raises(SpaceError, match="is used where a plain number is needed") as caught:
        make(nn.ValueChoice([2, 4], label="n"))
    assert "retix.nn.pytorch" in str(caught.value)
    assert "@basic_unit" in str(caught.value)


class Narrowed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        ratio = nn.ValueChoice([1, 0.125], label="ratio")
        self.narrow = nn.Linear(4, nn.ValueChoice.to_int(ratio * 4))
        self.other = nn.Linear(4, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(x).sum() + self.other(x).sum()


def test_arithmetic_that_comes_to_nothing() -> None:
    """A layer without channels is refused by its name, its line and the sample, and not made."""
    space = MutationSpace(convert(Narrowed(), X))
    generate(space.build(Sample({"ratio": 1})))
    with pytest.raises(GenerationError, match=r"narrow would be a torch.nn.Linear with out_features=0") as caught:
        generate(space.build(Sample({"ratio": 0.125})))
    assert "{'ratio': 0.125}" in str(caught.value)
    assert line_of(caught.value) == "return self.narrow(x).sum() + self.other(x).sum()"


class Fraction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, nn.ValueChoice.condition(nn.ValueChoice([False, True], label="halved"), 2.5, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


def test_arithmetic_that_comes_to_a_fraction() -> None:
    """A number of features that is no whole number is refused before a trial fails of it."""
    space = MutationSpace(convert(Fraction(), X))
    with pytest.raises(GenerationError, match=r"out_features=2.5, which is no positive integer"):
        generate(space.build(Sample({"halved": True})))


class Ruled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8])
        self.fc = nn.Linear(4, width)
        self.body = nn.Repeat(nn.Linear(4, 4), (1, 3))
        self.rule = retix.constraint(width * self.body.depth_choice <= 16, "small")

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x))


@pytest.mark.parametrize("frontend", ["trace", "script", "fx"])
def test_rules_are_kept(frontend: str) -> None:
    """Constraints of the model and its parts are part of what is captured, with the labels of the graph."""

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Ruled()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    model = convert(Whole(), None if frontend == "script" else X, frontend=frontend)
    (rule,) = model.constraints
    assert rule["message"] == "small"
    rule = expression_from_json(rule["expression"])
    width, depth = (decision.label for decision in rule.decisions())
    assert {width, depth} == {decision.label for decision in find_decisions(model)}
    assert rule.evaluate({width: 8, depth: 2})
    assert not rule.evaluate({width: 8, depth: 3})


class Slotted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.slot = nn.Placeholder("slot", width=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.slot(self.fc(x))


@pytest.mark.parametrize("frontend", ["trace", "script", "fx"])
def test_placeholder(frontend: str) -> None:
    """A placeholder is a leaf with what its mutator is to know; nothing is generated before it is filled."""
    model = convert(Slotted(), None if frontend == "script" else X, frontend=frontend)
    assert model.root.members["slot"].op == Module("retix.nn.pytorch.Placeholder", ("slot",), {"width": 4})
    with pytest.raises(GenerationError, match="the placeholder 'slot' is still there"):
        generate(model)
    root = model.graph(model.root_name)
    (node,) = [node for node in root.nodes if node.op == Call("slot")]
    root.erase(node, node.args[0])
    assert "slot" not in generate(model).text


class AnyNumber(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.some = nn.InputChoice(3, None, "none")

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self.some([x, x * 2, x * 3]), 1)


def test_a_list_of_any_length() -> None:
    """How many inputs are chosen is another number for each sample: compiled code keeps the list."""
    for frontend in ("trace", "fx"):
        with refused("returns a list of another length for each sample", file=__file__, line="self.some("):
            convert(AnyNumber(), X, frontend=frontend)
    space = MutationSpace(convert(AnyNumber(), frontend="script"))
    assert "cat([x, x * 2" in generate(space.build(Sample({"some": (0, 1)}))).text


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.op = nn.LayerChoice([nn.InputChoice(2), nn.InputChoice(2)])

    def forward(self, x: Tensor) -> Tensor:
        return self.op([x, x * 2])


def test_an_input_choice_among_candidates() -> None:
    """What is no layer is refused as a candidate."""
    with refused("the candidate op.0 is an input choice itself", file=__file__, line="self.op("):
        convert(Mixed(), X)


class ByName(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.op = nn.LayerChoice([Left(), Right()])

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x=x, y=x * 2)


class Left(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x - y


class Right(nn.Module):
    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        return x + y


@pytest.mark.parametrize("frontend", ["trace", "fx"])
def test_keywords_in_other_places(frontend: str) -> None:
    """Arguments by keyword that candidates have in different places are refused with the call's line."""
    with refused("the candidate op.0 .* is called with x, y by name", file=__file__, line="self.op(x=x"):
        convert(ByName(), X, frontend=frontend)


@basic_unit
class Activated(nn.Module):
    def __init__(self, act: type[torch.nn.Module]) -> None:
        super().__init__()
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)


class Classes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unit = Activated(nn.ValueChoice([nn.ReLU, nn.Tanh], label="act"))

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x)


def test_classes_as_candidates() -> None:
    """A class that is chosen is written by its name in torch."""
    model = convert(Classes(), X)
    op = model.root.members["unit"].op
    assert isinstance(op, Module)
    assert isinstance(op.args[0], Open)
    space = MutationSpace(model)
    texts = {generate(space.build(space.walk(lambda d, i=i: d.candidates[i]))).text for i in range(2)}
    assert {"ReLU" in text for text in texts} == {True, False}
    assert all("retix" not in text.replace("@basic_unit", "") for text in texts), texts
