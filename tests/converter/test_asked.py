"""Choices that forward calls: they stay open in the graph, and what cannot stay open is refused with the line."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import retix.nn.pytorch as nn
from retix.codegen import generate
from retix.converter import convert
from retix.ir import Model
from retix.mutation import MutationSpace, find_decisions
from retix.recipe import basic_unit
from retix.space import CALLED, Sample
from tests.converter.equality import load, refused
from tests.converter.spaces import assert_builds_agree

X = torch.arange(32.0).view(8, 4) / 10
IMAGE = torch.arange(2 * 3 * 16 * 16.0).view(2, 3, 16, 16) / 700


class Dropped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.rate = nn.ValueChoice([0.25, 0.5], label="rate")

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.fc(x), self.rate())


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.ValueChoice([(0.35, 3), (0.6, 4)], label="pair")

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.pair()[0] - 0.1) * self.pair()[1]


class Settings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.settings = nn.ValueChoice([{"rate": 0.25, "k": 2}, {"rate": 0.5, "k": 4}], label="settings")

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.settings()["rate"]).view(-1, self.settings()["k"])


@basic_unit
class Pick(nn.Module):
    def forward(self, x: Tensor, index: int) -> Tensor:
        return x[:, index]


class Indexed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pick = Pick()
        self.index = nn.ValueChoice([0, 2], label="index")

    def forward(self, x: Tensor) -> Tensor:
        return self.pick(x, self.index()) + self.pick(x, index=self.index() + 1)


class Uncalled(Indexed):
    def forward(self, x: Tensor) -> Tensor:
        return self.pick(x, self.index)


class Sizes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.k = nn.ValueChoice([2, 4], label="k")
        self.wide = self.k * 2

    def forward(self, x: Tensor) -> Tensor:
        y = x.view(-1, self.k()).sum() + x.view(self.k(), -1).sum()
        z = x.view(x.size(0) * 2 // self.k() * self.k() // 2, -1) * self.k()
        return y + z - (self.wide() - 1) + torch.ones(self.wide()).sum()


class Factories(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.n = nn.ValueChoice([3, 5], label="n")

    def forward(self, x: Tensor) -> Tensor:
        parts = [x, torch.zeros(self.n(), 4), torch.ones([self.n(), 4]), torch.full((self.n(), 4), 2.0)]
        steps = torch.arange(self.n()).sum() + torch.linspace(0, 1, self.n()).sum() + x.new_zeros(self.n(), 2).sum()
        return torch.cat(parts) + steps + x.repeat(1, self.n()).sum()


class Operators(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.n = nn.ValueChoice([1, 3], label="n")

    def forward(self, x: Tensor) -> Tensor:
        y = x[:, : self.n()].sum(1, keepdim=True) + x[:, self.n()].unsqueeze(1) + x[self.n() :, None].sum()
        y = y + self.n() / (x + 1) + (self.n() - x) ** 2 + 2 ** -self.n() + x % self.n() + (x > self.n())
        return y.transpose(self.n() // 3, 1).softmax(self.n() // 3)


class Pools(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.n = nn.ValueChoice([2, 4], label="n")
        self.weight = nn.Parameter(torch.ones(4, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.weight, stride=self.n(), padding=(1, self.n()))
        x = F.max_pool2d(x, self.n(), padding=self.n() // 2)
        x = F.avg_pool2d(x, self.n(), stride=1, padding=self.n() // 2)
        x = F.pad(F.adaptive_avg_pool2d(x, self.n()), (self.n(), 1))
        return x.flatten(1).sum(dim=self.n() // 3)


class Scaled(nn.Module):
    def forward(self, x: Tensor, k: int) -> Tensor:
        return x * k


class HandedOn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scaled = Scaled()
        self.k = nn.ValueChoice([1, 3], label="k")

    def forward(self, x: Tensor) -> Tensor:
        return self.scaled(x, self.k()) + self.scaled(x, self.k() + 1) + self.scaled(x, 2)


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.k = nn.ValueChoice([1, 3], label="k")

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x)
        y.mul_(self.k())
        y += self.k()
        return y + y.detach() * self.k()


MODELS: list[tuple[type[nn.Module], Tensor]] = [
    (Dropped, X),
    (Pair, X),
    (Settings, X),
    (Indexed, X),
    (Uncalled, X),
    (Sizes, X),
    (Factories, X),
    (Operators, X),
    (Pools, IMAGE),
    (HandedOn, X),
    (InPlace, X),
]


UNTYPED: dict[type[nn.Module], str] = {Uncalled: "self.pick(x, self.index)", Settings: 'self.settings()["rate"]'}
"""What the compiler has no type for: a choice that is not called, a dict of several types."""


def samples(model: Model) -> list[dict[str, Any]]:
    """Every assignment of the model's value choices."""
    decisions = {decision.label: decision.candidates for decision in find_decisions(model)}
    return [dict(zip(decisions, answers, strict=True)) for answers in itertools.product(*decisions.values())]


def run_fixed(net: torch.nn.Module, sample: dict[str, Any], x: Tensor) -> Any:
    """What the user's own module returns when choices that are called answer by ``sample``."""
    if isinstance(net, Uncalled):
        return net.pick(x, sample["index"])
    token = CALLED.set(lambda expression: expression.evaluate(sample))
    try:
        return net(x)
    finally:
        CALLED.reset(token)


def assert_every_answer(net: torch.nn.Module, model: Model, x: Tensor) -> None:
    """Under each assignment, the generated code computes what the module computes."""
    space = MutationSpace(model)
    found = samples(model)
    assert len(found) > 1
    for sample in found:
        source = generate(space.build(Sample(sample)))
        twin = load(source)
        twin.load_state_dict({here: net.state_dict()[base] for here, base in source.state_names.items()})
        torch.manual_seed(0)
        wanted = run_fixed(net, sample, x)
        torch.manual_seed(0)
        assert torch.equal(twin(x), wanted), source.text


@pytest.mark.parametrize("frontend", ["trace", "script", "fx"])
@pytest.mark.parametrize(("cls", "x"), MODELS, ids=lambda item: getattr(item, "__name__", ""))
def test_stays_open(cls: type[nn.Module], x: Tensor, frontend: str) -> None:
    """A choice that forward calls is an argument of the graph, and generated code has the chosen value."""
    net = cls()
    if frontend == "script" and cls in UNTYPED:
        with refused("cannot be scripted", file=__file__, line=UNTYPED[cls]):
            convert(net, frontend=frontend)
        return
    model = convert(net, None if frontend == "script" else x, frontend=frontend)
    assert_every_answer(net, model, x)


@pytest.mark.parametrize(("cls", "x"), MODELS, ids=lambda item: getattr(item, "__name__", ""))
def test_without_inputs_by_fx(cls: type[nn.Module], x: Tensor) -> None:
    """Symbols do without example inputs too."""
    net = cls()
    assert_every_answer(net, convert(net, frontend="fx"), x)


def test_written_as_a_person_would() -> None:
    """The generated code has the plain value where the choice was called."""
    model = MutationSpace(convert(Dropped(), X)).build(Sample({"rate": 0.25}))
    assert "return F.dropout(self.fc(x), p=0.25, training=True)" in generate(model).text


def test_the_module_is_as_before() -> None:
    """After each capture the choices are attributes again, and answer with their defaults."""
    net = Sizes()
    before = dict(vars(net))
    for frontend in ("trace", "script", "fx"):
        convert(net, X, frontend=frontend)
        assert vars(net) == before
        assert CALLED.get() is None
        assert net.k() == 2


class Switched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 4)
        self.right = nn.Linear(4, 4)
        self.flag = nn.ValueChoice([True, False], label="flag")

    def forward(self, x: Tensor) -> Tensor:
        if self.flag():
            return self.left(x)
        return self.right(x) * 2


class Rounds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.k = nn.ValueChoice([1, 3], label="k")

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.k()):
            x = self.fc(x)
        return x


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.mode = nn.ValueChoice(["relu", "tanh"], label="mode")

    def forward(self, x: Tensor) -> Tensor:
        if self.mode() == "relu":
            return self.fc(x).relu()
        return self.fc(x).tanh()


@pytest.mark.parametrize("cls", [Switched, Rounds, Named])
def test_script_keeps_control_flow_on_choices(cls: type[nn.Module]) -> None:
    """Compiled, an `if` or a loop on a choice is part of the graph, and each answer takes its way."""
    net = cls()
    assert_every_answer(net, convert(net, frontend="script"), X)


@pytest.mark.parametrize("frontend", ["trace", "fx"])
@pytest.mark.parametrize(
    ("cls", "what", "line"),
    [
        (Switched, "turns the choice 'flag' into a condition", "if self.flag():"),
        (Rounds, "turns the choice 'k' into a Python int", "range(self.k())"),
        (Named, "turns the choice 'mode' into a condition", 'if self.mode() == "relu":'),
    ],
)
def test_one_way_through_forward_is_refused(cls: type[nn.Module], what: str, line: str, frontend: str) -> None:
    """Python that would decide by the first candidate is refused at its line, with the ways out."""
    with refused(what, file=__file__, line=line):
        convert(cls(), X, frontend=frontend)


class Checked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.k = nn.ValueChoice([2, 4], label="k")

    def forward(self, x: Tensor) -> Tensor:
        if self.k() <= 0:
            raise ValueError(self.k())
        assert self.k() % 2 == 0
        return x * self.k()


@pytest.mark.parametrize("frontend", ["trace", "fx"])
def test_a_condition_that_all_candidates_meet(frontend: str) -> None:
    """What is the same for every candidate may be asked."""
    net = Checked()
    assert_every_answer(net, convert(net, X, frontend=frontend), X)


class Multiplied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.ValueChoice([1.0, 2.0], label="scale")

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


@pytest.mark.parametrize("frontend", ["trace", "script", "fx"])
def test_a_choice_that_is_not_called(frontend: str) -> None:
    """A module of the user's that computes with a choice is refused at the line."""
    with refused(".", file=__file__, line="return x * self.scale"):
        convert(Multiplied(), X, frontend=frontend)


class Sized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dim = nn.ValueChoice([0, 1], label="dim")

    def forward(self, x: Tensor) -> Tensor:
        return x * len(x.split(2, self.dim()))


@pytest.mark.parametrize("frontend", ["trace", "fx"])
def test_a_number_of_parts_that_depends_on_a_choice(frontend: str) -> None:
    """How many parts there are is another number for each candidate, which no graph could keep."""
    with refused(".", file=__file__, line="len(x.split(2, self.dim()))"):
        convert(Sized(), X, frontend=frontend)


@basic_unit
class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.op = nn.LayerChoice([nn.Linear(4, 4), nn.Identity()], label="op")

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def test_a_choice_inside_a_basic_unit() -> None:
    """A basic unit is captured whole, so that a choice inside of it could never be made."""
    with refused("the basic unit inner .* holds the choice 'op'"):
        convert(Outer(), X)


class Heads(nn.Module):
    """Hands a choice to a method of tensors that is written in Python and calls its namesake."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ValueChoice([2, 4], label="heads")
        self.fc = nn.Linear(3, 3 * self.heads)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x).unflatten(-1, (self.heads(), 3)).mean(-1)


def test_method_that_calls_its_namesake() -> None:
    """Tensor.unflatten with a choice stays open."""
    sources = assert_builds_agree(Heads(), torch.randn(2, 3), 4)
    texts = "\n".join(source.text for source in sources)
    assert ".unflatten(-1, (2, 3))" in texts
    assert ".unflatten(-1, (4, 3))" in texts
