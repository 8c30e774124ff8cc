"""Capture by tracing: what users write, and that it comes out the same."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.codegen import generate
from retix.converter import convert
from retix.mutation import MutationSpace
from retix.recipe import basic_unit
from tests.converter.equality import assert_same

X = torch.linspace(-1, 1, 8).view(2, 4)
BATCHES = ((X,), (torch.linspace(-2, 1, 20).view(5, 4),))


class Block(nn.Module):
    """Takes an optional tensor and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Any, mask: Any = None, scale: float = 1.0) -> Any:
        x = self.fc(x) * scale
        return x if mask is None else x * mask


class OptionalArguments(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain = Block()
        self.masked = Block()

    def forward(self, x: Any) -> Any:
        return self.plain(x) + self.masked(x, mask=torch.sigmoid(x), scale=2.0)


class CalledTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = Block()

    def forward(self, x: Any) -> Any:
        x = self.block(self.block(x))
        return self.block(x, scale=3.0) + self.block(x, mask=x)


class Nest(nn.Module):
    """Takes and returns nested structures."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, d: Any, pair: Any) -> Any:
        return {"y": self.fc(d["x"]), "z": [pair[0] + 1, pair[1][0]]}


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.nest = Nest()

    def forward(self, x: Any) -> Any:
        out = self.nest({"x": x}, (x, [x * 2]))
        return {"sum": out["y"] + out["z"][0] * out["z"][1], "rest": (x, [out["y"]])}


class PassThrough(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


@basic_unit
class Swap(nn.Module):
    """Returns its inputs."""

    def forward(self, x: Any, y: Any) -> Any:
        return y, (x + y, {"x": x})


class ReturnsInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.same = PassThrough()
        self.swap = Swap()

    def forward(self, x: Any) -> Any:
        y, (total, rest) = self.swap(self.same(x), x * 2)
        return y + total * rest["x"]


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(4, 4)
        self.decode = nn.Linear(4, 4)
        self.decode.weight = self.encode.weight
        self.again = self.encode

    def forward(self, x: Any) -> Any:
        return self.again(self.decode(self.encode(x)))


class OwnTensors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.listed = nn.ParameterList([torch.nn.Parameter(torch.full((4,), float(i + 1))) for i in range(2)])
        self.named = nn.ParameterDict({"a": torch.nn.Parameter(torch.tensor([0.1, 0.2, 0.3, 0.4]))})
        self.register_buffer("hidden", torch.arange(4.0), persistent=False)
        self.register_buffer("count", torch.zeros(1))
        self.plain = torch.tensor([4.0, 3.0, 2.0, 1.0])

    def forward(self, x: Any) -> Any:
        self.count.add_(1)
        return x * self.listed[0] + self.listed[1] * self.named["a"] + self.hidden * self.plain + self.count


class ZeroDim(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.long() * torch.tensor(2.0, dtype=torch.float64), torch.tensor(3), x * torch.as_tensor(4.0)


class Sizes(nn.Module):
    def forward(self, x: Any) -> Any:
        b, c = x.shape
        y = x.view(b, 2, c // 2).transpose(1, 2).reshape(b, -1)
        return y / math.sqrt(c), y.new_zeros(b, 3), torch.arange(x.size(0)), x.size(0) * 2


class Features(nn.Module):
    def forward(self, x: Any) -> Any:
        a, b, *_ = x.unbind(1)
        return sum(x[:, i] for i in range(x.shape[1])) + a * b


class Positions(nn.Module):
    """Takes no tensor."""

    def forward(self, n: int) -> Any:
        return torch.arange(n)


class NoTensorGiven(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.positions = Positions()

    def forward(self, x: Any) -> Any:
        return x + self.positions(x.size(0)).unsqueeze(1)


class Writes(nn.Module):
    def forward(self, x: Any) -> Any:
        y = torch.zeros_like(x)
        y[:, 0] = x[:, 1]
        y[:, 2] = 5
        return y, x.relu_(), x


class Cache(nn.Module):
    """Keeps a tensor for the next call."""

    def __init__(self) -> None:
        super().__init__()
        self.mask: Any = None

    def forward(self, x: Any) -> Any:
        if self.mask is None or self.mask.shape[0] != x.shape[0]:
            self.mask = torch.ones(x.shape[0], 1).cumsum(0)
        return x * self.mask


class OtherMethods(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = Block()

    def forward(self, x: Any) -> Any:
        return self.block.forward(x) + self.block.fc(x)


class Choices(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        inner = nn.LayerChoice([nn.ReLU(), nn.Tanh()])
        self.block = nn.LayerChoice({"seq": nn.Sequential(nn.Linear(4, 4), inner), "same": nn.Identity()})
        self.attend = nn.LayerChoice([nn.MultiheadAttention(4, heads, batch_first=True) for heads in (1, 2)])
        self.inputs = nn.InputChoice(n_candidates=3, n_chosen=2)

    def forward(self, x: Any) -> Any:
        x = x.unsqueeze(1)
        y, _ = self.attend(x, x, x, need_weights=False)
        return self.inputs([self.block(x), y, x])


class NamedLikeItsPart(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.NamedLikeItsPart = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: Any) -> Any:
        return self.NamedLikeItsPart(x)


@pytest.mark.parametrize(
    "make",
    [
        *(OptionalArguments, CalledTwice, Nested, ReturnsInputs, Tied, OwnTensors, ZeroDim, Sizes, Features),
        *(NoTensorGiven, Writes, Cache, OtherMethods, Choices, NamedLikeItsPart),
    ],
)
def test_computes_the_same(make: type[nn.Module]) -> None:
    """Results, gradients and state are those of the user's module, also for another batch size."""
    assert_same(make(), *BATCHES)


def _is_training(module: Any) -> bool:
    return bool(module.training)


class Switched(nn.Module):
    """Does something else in each mode, which it finds out in one of many ways."""

    def __init__(self, ask: Any) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.block = Block()
        self.ask = [ask]

    def forward(self, x: Any) -> Any:
        x = self.block(self.norm(x))
        return x.sigmoid() * 2 if self.ask[0](self) else x.tanh() + self.block(x)


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.training,
        lambda m: getattr(m, "training"),  # noqa: B009  # is what the test is about
        lambda m: vars(m)["training"],
        lambda m: m.__dict__.get("training", False),
        lambda m: m.norm.training,
        lambda m: next(m.children()).training,
        lambda m: copy.copy(m.block).training,
        lambda m: {"T": True}.get(repr(m.training)[0], False),
        _is_training,
    ],
)
def test_mode_is_found_however_it_is_asked_for(ask: Any) -> None:
    """Both modes are followed in full, although layers are computed in one of them only."""
    text = assert_same(Switched(ask), *BATCHES)
    assert "if self.training:" in text


def test_functional_dropout_follows_the_mode() -> None:
    """Dropout by function is told the mode of the module that calls it."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.fc(F.dropout(self.fc(x), 0.5, training=self.training))

    assert "training=self.training" in assert_same(Net(), *BATCHES)


def test_later_call_with_other_arguments_is_written_in_place() -> None:
    """The first call is a call of the class; one that does something else uses the parts of the same object."""
    text = assert_same(CalledTwice(), *BATCHES)
    assert text.count("self.block(") == 2
    assert text.count("self.block.fc(") == 2


def test_calls_of_parts_that_only_later_calls_use() -> None:
    """A part that the first call leaves out is a part of its class all the same."""

    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Any, deep: bool = False) -> Any:
            return self.fc(x) if deep else x * 2

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late = Late()

        def forward(self, x: Any) -> Any:
            return self.late(self.late(x), deep=True)

    text = assert_same(Net(), (X,), (X[:1],))
    assert "self.late.fc(self.late(x))" in text


def test_tensor_structures_as_inputs() -> None:
    """Dicts and lists of tensors are inputs like any other."""

    class Net(nn.Module):
        def forward(self, x: Any, batch: Mapping[str, Any], pair: Any) -> Any:
            return x + batch["k"] * pair[1]

    assert_same(Net(), (X, {"k": X}, [X, X + 1]))


def test_keyword_inputs() -> None:
    """Keyword arguments keep their names, and one tensor given twice is two inputs."""

    class Net(nn.Module):
        def forward(self, x: Any, *, y: Any, unused: Any = None) -> Any:
            return x - 2 * y

    text = assert_same(Net(), (X,), y=X)
    assert "def forward(self, x, y):" in text


def test_none_and_numbers_as_results() -> None:
    """What forward returns beside tensors is returned."""

    class Net(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2, None, {"n": 3}

    assert_same(Net(), *BATCHES)


def test_device_follows_the_input() -> None:
    """What forward makes is made where its input is, or where its module is."""
    assert "device=x.device" in assert_same(Sizes(), *BATCHES)
    text = assert_same(NoTensorGiven(), *BATCHES)
    assert "device=self.device_anchor.device" in text
    twin = convert(NoTensorGiven(), X)
    assert twin.digest() == convert(NoTensorGiven(), X).digest()


def test_every_candidate_is_captured() -> None:
    """Candidates that the base model never runs are captured too, and all models of the space differ."""
    space = MutationSpace(convert(Choices(), X))
    draw = random.Random(0)
    samples = {space.walk(lambda decision: decision.draw(draw)) for _ in range(200)}
    # what is not among the chosen inputs is dead, and its candidates are not asked for
    assert len(samples) == (2 + 1) * 2 + (2 + 1) + 2
    assert len({space.fingerprint(sample) for sample in samples}) == (2 + 1) * 2 + (2 + 1) + 2


def test_variables_keep_their_names() -> None:
    """Values are called what the user calls them."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Linear(4, 4)

        def forward(self, image: Any) -> Any:
            hidden = F.relu(self.stem(image))
            return hidden * hidden

    text = assert_same(Net(), *BATCHES)
    assert "def forward(self, image):" in text
    assert "hidden = F.relu(self.stem(image))" in text


def test_same_seed_gives_the_weights_of_the_users_model() -> None:
    """Members stand in the order of definition, whatever the order of use, so that weights are drawn in that order."""

    class Backwards(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(3, 2)
            self.blocks = torch.nn.ModuleList([torch.nn.Linear(4, 3), torch.nn.Linear(5, 4)])

        def forward(self, x: torch.Tensor) -> Any:
            return self.head(self.blocks[0](self.blocks[1](x)))

    torch.manual_seed(0)
    net = Backwards()
    source = generate(convert(net, torch.randn(2, 5)))
    namespace: dict[str, Any] = {}
    exec(compile(source.text, "generated.py", "exec"), namespace)
    torch.manual_seed(0)
    state = namespace[source.entry]().state_dict()
    assert list(state) == list(net.state_dict())
    assert all(torch.equal(state[name], tensor) for name, tensor in net.state_dict().items())
