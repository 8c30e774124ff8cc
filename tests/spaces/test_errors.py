"""What is wrong in a space is told with the user's file and line."""

from __future__ import annotations

import linecache
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

import retix.nn.pytorch as nn
from retix import ModelSpace, Mutator, constraint
from retix.errors import GenerationError, MutationError, RetixError, SpaceError
from retix.ir import Model
from retix.strategy import GridSearch, Random, RegularizedEvolution, Strategy

X = torch.linspace(-1, 1, 8).reshape(2, 4)


@contextmanager
def refused(what: str, line: str, kind: type[RetixError] = SpaceError) -> Iterator[list[RetixError]]:
    """Expect an error that says ``what``, what to do, and the line of this file that begins with ``line``."""
    kept: list[RetixError] = []
    with pytest.raises(kind, match=what) as caught:
        yield kept
    kept.append(caught.value)
    assert caught.value.fix
    where = re.fullmatch(f"{re.escape(__file__)}:(\\d+)(, in .*)?", str(caught.value.where))
    assert where, caught.value
    assert linecache.getline(__file__, int(where[1])).strip().startswith(line), caught.value
    assert f"where: {caught.value.where}" in str(caught.value)


def make_space(body: Any, *inputs: Any, **arguments: Any) -> ModelSpace:
    """The space of a module, by its graph."""
    return ModelSpace(body, example_inputs=inputs or X, engine="graph", **arguments)


# -- while the model is built -----------------------------------------------------------------------------------------


class Counts(torch.nn.Module):
    """A module of the user's own, which remembers no arguments."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Identity()] * count)


def give_to_torch(width: Any) -> None:
    """Give it to a layer of torch's."""
    torch.nn.Linear(4, width)


def give_to_own_module(width: Any) -> None:
    """Give it to a module that remembers nothing."""
    Counts(width)


def use_as_number(width: Any) -> None:
    """Count with it."""
    range(width)


def use_as_condition(width: Any) -> None:
    """Branch on it."""
    if width > 2:
        raise AssertionError


@pytest.mark.parametrize(
    ("use", "line"),
    [
        (give_to_torch, "torch.nn.Linear(4, width)"),
        (give_to_own_module, "self.layers = "),
        (use_as_number, "range(width)"),
        (use_as_condition, "if width > 2:"),
    ],
)
def test_a_value_where_nothing_records_it(use: Callable[[Any], None], line: str) -> None:
    """A value choice is refused where a plain number is needed."""
    with refused("is used where a plain number is needed", line) as errors:
        use(nn.ValueChoice([2, 4], label="width"))
    assert "@basic_unit" in str(errors[0])


def test_no_candidates() -> None:
    """A choice among nothing is refused where it is made."""
    with refused("'op' has no candidates", "nn.LayerChoice([]"):
        nn.LayerChoice([], label="op")
    with refused("'LayerChoice' has no candidates", "nn.LayerChoice({}"):
        nn.LayerChoice({})
    with refused("'w' has no candidates", "nn.ValueChoice([]"):
        nn.ValueChoice([], label="w")


@pytest.mark.parametrize(("n_candidates", "n_chosen"), [(2, 3), (2, 0), (0, 1)])
def test_more_than_there_are(n_candidates: int, n_chosen: int) -> None:
    """An input choice that cannot choose as many as it should is refused where it is made."""
    with refused("'take'", "nn.InputChoice(n_candidates"):
        nn.InputChoice(n_candidates, n_chosen, label="take")


@pytest.mark.parametrize("depth", [0, (0, 0), (2, 1), (-1, 2), nn.ValueChoice([0]), nn.ValueChoice([1, -1]), 1.5])
def test_repeats_without_blocks(depth: Any) -> None:
    """A depth that is never above zero, negative, or no whole number is refused; zero among others is not."""
    with refused("Repeat has the depth", "nn.Repeat(nn.Linear(4, 4), depth"):
        nn.Repeat(nn.Linear(4, 4), depth)
    assert make_space(nn.Repeat(nn.Linear(4, 4), (0, 1))).size == 2


@pytest.mark.parametrize("blocks", [[], [torch.nn.Identity()]])
def test_too_few_blocks(blocks: Any) -> None:
    """Fewer blocks than the greatest depth are refused."""
    with refused(f"Repeat has {len(blocks)} blocks for a depth of up to 2", "nn.Repeat(blocks, (1, 2)"):
        nn.Repeat(blocks, (1, 2))


# -- when the model is captured ---------------------------------------------------------------------------------------


class TwoLists(nn.Module):
    def __init__(self, first: Any, second: Any) -> None:
        super().__init__()
        self.first = nn.Linear(4, first) if isinstance(first, nn.ValueChoice) else first
        self.second = nn.Linear(4, second) if isinstance(second, nn.ValueChoice) else second

    def forward(self, x: Tensor) -> Any:
        return self.first(x).sum() + self.second(x).sum()


def test_one_label_for_two_lists() -> None:
    """A label stands for one list of candidates; the line is that of the second list."""
    first = nn.LayerChoice([nn.ReLU(), nn.Tanh()], label="same")
    second = nn.LayerChoice([nn.ReLU(), nn.Tanh(), nn.Sigmoid()], label="same")
    with refused("'same' stands for two different choices", "second = nn.LayerChoice"):
        make_space(TwoLists(first, second))
    narrow = nn.ValueChoice([2, 4], label="same")
    wide = nn.ValueChoice([2, 8], label="same")
    with refused("'same' stands for two different choices", "wide = nn.ValueChoice"):
        make_space(TwoLists(narrow, wide))
    other = nn.ValueChoice([1, 2], label="same")
    with refused("'same' stands for two different choices", "other = nn.ValueChoice"):
        make_space(TwoLists(first, other))


class Picks(nn.Module):
    def __init__(self, choice: nn.InputChoice, count: int) -> None:
        super().__init__()
        self.choice = choice
        self.count = count

    def forward(self, x: Tensor) -> Any:
        values = [x + index for index in range(self.count)]
        return self.choice(values)


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_tensors(count: int) -> None:
    """An input choice that is called with another number of tensors is refused by the line that makes or calls it."""
    with refused(f"made for 2 tensors and is called with {count}", "Picks(nn.InputChoice(2"):
        Picks(nn.InputChoice(2, label="take"), count)(X)
    with pytest.raises(RetixError, match=f"2 tensors .* {count}") as caught:
        make_space(Picks(nn.InputChoice(2, label="take"), count))
    assert __file__ in str(caught.value)


# -- when a sample is built -------------------------------------------------------------------------------------------


class Narrowed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        ratio = nn.ValueChoice([1, 0.125], label="ratio")
        self.narrow = nn.Linear(4, nn.ValueChoice.to_int(ratio * 4))

    def forward(self, x: Tensor) -> Any:
        return self.narrow(x)


def test_arithmetic_that_comes_to_nothing() -> None:
    """A layer that would have no channels is refused by its name, its line and the sample, by graph and by Python."""
    space = make_space(Narrowed())
    with refused("narrow would be .* out_features=0", "return self.narrow(x)", GenerationError) as errors:
        space.source({"ratio": 0.125})
    assert "0.125" in str(errors[0])
    with warnings.catch_warnings(), refused(r"narrow cannot be made as Linear\(4, 0\)", "self.narrow = nn.Linear"):
        warnings.simplefilter("ignore")  # torch warns of a weight without elements
        space.python({"ratio": 0.125})


class Choosing(nn.Module):
    def __init__(self, rule: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        width = nn.ValueChoice([2, 4], label="width")
        self.layer = nn.Linear(4, width)
        self.op = nn.LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()}, label="op")
        self.take = nn.InputChoice(2, label="take")
        if rule is not None:
            self.rule = constraint(rule(width), "small enough")

    def forward(self, x: Tensor) -> Any:
        y = self.op(self.layer(x))
        return self.take([y, y + 1])


GOOD = {"width": 2, "op": "relu", "take": (0,)}


def test_a_rule_that_nothing_meets() -> None:
    """Whatever walks a space without models is told the rule, in the user's words, and the values that were seen."""
    space = make_space(Choosing(lambda width: width * 2 < 4))
    assert space.size == 0

    def search(strategy: Strategy) -> None:
        strategy.start(space)
        strategy.ask()

    walks: list[Callable[[], object]] = [space.random, lambda: list(space.grid())]
    walks += [lambda each=each: search(each) for each in (GridSearch(), Random(seed=1), RegularizedEvolution(seed=1))]
    for walk in walks:
        with refused("no model of the space meets the constraint small enough", "self.rule = constraint(") as errors:
            walk()
        assert "4 or 8" in str(errors[0])


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ({"width": 3}, "3 does not answer the choice 'width'.*one of \\[2, 4\\]"),
        ({"width": 2.0}, "2.0 does not answer the choice 'width'"),
        ({"width": "2"}, "'2' does not answer the choice 'width'"),
        ({"width": True}, "True does not answer the choice 'width'"),
        ({"width": object()}, "cannot be written as JSON"),
        ({"op": "gelu"}, "'gelu' does not answer the choice 'op'.*'relu', 'tanh'"),
        ({"op": 1}, "1 does not answer the choice 'op'"),
        ({"take": 0}, "0 does not answer the choice 'take'"),
        ({"take": (0, 1)}, "'take'.* of 1 indices below 2"),
        ({"take": (2,)}, "'take'.* of 1 indices below 2"),
    ],
)
def test_wrong_answers(answers: dict[str, Any], what: str) -> None:
    """An answer that is unknown or of the wrong type is refused by the line that uses it, with what would do."""
    space = make_space(Choosing())
    with refused(f"(?s){what}", "return self.take" if "take" in answers else "y = self.op(self.layer(x))"):
        space.build({**GOOD, **answers})


def test_an_answer_to_no_question() -> None:
    """A label that the model does not ask is named."""
    with pytest.raises(SpaceError, match="'wdith', which this model does not ask"):
        make_space(Choosing()).build({**GOOD, "wdith": 2})


def test_a_broken_rule() -> None:
    """A sample that breaks a rule is refused: by the line that uses the answer, and by Python by that of the rule."""
    space = make_space(Choosing(lambda width: width < 4))
    for build in (space.build, space.source):
        with refused("4 does not answer the choice 'width' here", "y = self.op(self.layer(x))") as errors:
            build({**GOOD, "width": 4})
        assert "constraints" in str(errors[0])
    with refused("breaks a rule of the model: .small enough", "self.rule = constraint("):
        nn.fix(Choosing(lambda width: width < 4), {**GOOD, "width": 4})


@pytest.mark.parametrize("label", list(GOOD))
def test_missing_answers(label: str) -> None:
    """An answer that is missing is named, with the line that needs it."""
    line = "return self.take" if label == "take" else "y = self.op(self.layer(x))"
    with refused(f"no answer to the choice '{label}'", line):
        make_space(Choosing()).build({key: value for key, value in GOOD.items() if key != label})


# -- mutators ---------------------------------------------------------------------------------------------------------


class Leaves(Mutator):
    """Breaks the rules of graphs."""

    def mutate(self, model: Model) -> None:
        root = model.root
        self.choice([1, 2])
        root.members["layer"] = root.members.pop("layer")
        del root.members["layer"]


class Erases(Mutator):
    """Takes out what others need."""

    def mutate(self, model: Model) -> None:
        node = next(iter(model.root.nodes))
        model.root.erase(node, node.output)


def test_mutators_that_break_the_graph() -> None:
    """The message shows the rule that is broken and the node that objects, with the mutator and its line."""
    space = make_space(Choosing(), mutators=[Leaves()])
    with refused("'Leaves'", "def mutate", MutationError) as errors:
        space.build({**GOOD, "Leaves/0": 1})
    assert "layer" in str(errors[0])
    space = make_space(Choosing(), mutators=[Erases()])
    with refused("node .layer. cannot be replaced", "model.root.erase(node, node.output)", MutationError) as errors:
        space.build(GOOD)
    assert "layer" in str(errors[0])
