"""Capture by scripting: control flow stays."""

from __future__ import annotations

from typing import Any, Optional

import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.converter import convert
from retix.recipe import basic_unit
from tests.converter.equality import assert_same, refused

X = torch.linspace(-1, 1, 8).view(2, 4)
BATCHES = ((X,), (-X,), (torch.linspace(-2, 4, 20).view(5, 4),), (torch.zeros(1, 4),))


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)

    def forward(self, x):
        if x.sum() > 1:
            x = self.a(x)
        elif x.sum() >= 0 and x.mean() < 2:
            x = self.b(x)
        else:
            x = x * 2
        return x


class Ranges(nn.Module):
    def forward(self, x):
        for i in range(3):
            x = F.relu(x) + i
        for j in range(x.size(0)):
            x = x + j
        return x


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(2)])

    def forward(self, x):
        found: list[torch.Tensor] = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return torch.cat(found, 1)


class Appends(nn.Module):
    def forward(self, x):
        found: list[torch.Tensor] = []
        for i in range(x.size(0)):
            found.append(x[i] * i)  # noqa: PERF401  # the loop is what is tried
        return torch.stack(found)


class Halves(nn.Module):
    def forward(self, x):
        n = 0
        while x.abs().sum() > 1 and n < 10:
            x = x / 2
            n += 1
        return x * n


class NestedLoops(nn.Module):
    def forward(self, x):
        for i in range(2):
            for j in range(3):
                if j == 1:
                    continue
                x = x + i * j
        return x


class EarlyReturn(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x * 2
        x = x + 1
        if x.sum() > 0:
            return x * 3
        return x


class Break(nn.Module):
    def forward(self, x):
        for i in range(5):
            if bool(x.sum() > 3):
                break
            x = x + i
        return x


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x, mask: Optional[torch.Tensor] = None):  # noqa: UP045  # what TorchScript's users write
        x = self.fc(x)
        if mask is not None:
            x = x * mask
        return x


class OptionalArguments(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain = Masked()
        self.masked = Masked()

    def forward(self, x):
        return self.plain(x) + self.masked(x, x)


@basic_unit
class Unit(nn.Module):
    """Does what TorchScript does not understand."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k
        self.fc = torch.nn.Linear(4, 4)

    def forward(self, x, y=None, flip: bool = False):
        total = sum(part * self.k for part in (self.fc(x), x))
        total = -total if flip else total
        return total if y is None else total + y


@basic_unit
class Two(nn.Module):
    def forward(self, x) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x * 2


class Units(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = Unit(2)
        self.other = Unit(3)
        self.two = Two()

    def forward(self, x):
        a, b = self.two(x)
        return self.one(a) + self.other(b, x) + self.one(x, flip=True)


class Switch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        if x.sum() > 0:
            x = self.fc(x)
        return x


class Choices(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LayerChoice([Switch(), nn.Linear(4, 4)])
        self.second = nn.LayerChoice([nn.Linear(4, 4), Switch()])
        self.inputs = nn.InputChoice(n_candidates=2)
        self.tail = nn.Sequential(nn.LayerChoice([nn.ReLU(), Switch()]), nn.Dropout())

    def forward(self, x):
        return self.tail(self.inputs([self.first(x), self.second(x)]))


class Modes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.norm = nn.BatchNorm1d(4, momentum=0.5)
        self.scale = torch.nn.Parameter(torch.ones(4))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count.add_(1)
        if self.training:
            x = x * 2
        y, _ = self.lstm(x)
        y, _ = self.attention(y, y, y)
        return F.dropout(self.norm(torch.cat([y, x])), 0.3, self.training) * self.scale + self.count


def triple(x, n: int):
    """Multiply."""
    return x * n


class Functions(nn.Module):
    def own(self, x):
        if x.sum() > 0:
            return triple(x, 3)
        return x

    def forward(self, x):
        h, w = x.shape
        assert x.dim() == 2, "a matrix"
        y = triple(self.own(x), 2).view(h, 2, w // 2).flatten(1)
        zeros = torch.zeros(x.size(0), 1, device=x.device, dtype=x.dtype)
        return F.softmax(F.gelu(y), dim=-1) + F.layer_norm(x, [4]) + zeros


@pytest.mark.parametrize(
    "make",
    [
        *(Branches, Ranges, Layers, Appends, Halves, NestedLoops, EarlyReturn, Break, OptionalArguments),
        *(Units, Choices, Modes, Functions),
    ],
)
def test_computes_the_same(make: type[nn.Module]) -> None:
    """Control flow on data gives what the user's module gives, on batches that take different ways."""
    assert_same(make(), *BATCHES, traced=False)


def test_control_flow_is_written() -> None:
    """`if`, `for`, `while` and the user's names are in the text."""
    text = assert_same(Halves(), *BATCHES, traced=False)
    assert "while " in text
    assert "n = n + 1" in text
    assert "for i in range(3):" in assert_same(Ranges(), *BATCHES, traced=False)


def test_what_the_compiler_does_not_know() -> None:
    """The compiler's account is handed on, with the user's line."""

    class Net(nn.Module):
        def forward(self, x):
            return sum(part for part in [x, x])

    with refused("Net cannot be scripted", file=__file__, line="sum(part for part"):
        convert(Net(), frontend="script")


def test_variadic_unit_is_refused() -> None:
    """A compiled call has a fixed number of arguments."""

    @basic_unit
    class Any_(nn.Module):
        def forward(self, *xs):
            return xs[0]

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unit = Any_()

        def forward(self, x):
            return self.unit(x)

    with refused(r"takes \*xs", file=__file__, line="def forward(self, *xs)"):
        convert(Net(), frontend="script")


def test_assignment_in_forward_is_refused() -> None:
    """State is changed in place or not at all."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n = 3

        def forward(self, x):
            self.n = 4
            return x

    with refused(r"forward assigns self\.n", file=__file__, line="self.n = 4"):
        convert(Net())


def test_operations_on_lists_are_refused() -> None:
    """Python's list operations other than append have no form."""

    class Net(nn.Module):
        def forward(self, x):
            found = [x]
            found.extend([x, x])
            return found[0]

    with refused("extend has no form in a graph", file=__file__, line="found.extend"):
        convert(Net(), frontend="script")


def test_input_choice_among_unknown_inputs_is_refused() -> None:
    """An input choice needs to see its candidates."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.choice = nn.InputChoice(n_chosen=1)

        def forward(self, x):
            found: list[torch.Tensor] = []
            for i in range(2):
                found.append(x * i)  # noqa: PERF401  # the loop is what is tried
            return self.choice(found)

    with refused("choice is called with a list whose length", file=__file__, line="self.choice(found)"):
        convert(Net(), frontend="script")


def test_unknown_step_is_refused() -> None:
    """A step of TorchScript that has no form is named, with its line."""

    class Net(nn.Module):
        def forward(self, x):
            with torch.no_grad():
                x = x * 2
            return x + 1

    with refused("the step prim::.* of TorchScript has no form in a graph", file=__file__, line="torch.no_grad"):
        convert(Net(), frontend="script")


def test_module_is_left_as_it_was() -> None:
    """Stand-ins are gone afterwards, also when the compiler fails."""
    net = Choices()
    parts: list[Any] = list(net.modules())
    convert(net)
    assert list(net.modules()) == parts
    net.broken = Unit(2)
    net.forward = lambda x: x.foo  # type: ignore[attr-defined]  # is meant to fail
    with refused("cannot be scripted"):
        convert(net)
    assert list(net.modules()) == [*parts, net.broken, net.broken.fc]
