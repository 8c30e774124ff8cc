"""Classes that no import reaches are written out as their authors wrote them."""

from __future__ import annotations

import enum
import linecache
import math
import sys
import types
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.converter import convert
from retix.converter.user_source import SourceBook
from retix.recipe import basic_unit
from tests.converter.equality import assert_same, refused

X = torch.linspace(-1, 1, 8).view(2, 4)

SCRIPT = '''\
import enum
import math
from dataclasses import dataclass
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
import retix
import retix.nn.pytorch as nn

WIDTH = 4
TABLE = {"a": (1, 2.5), "inf": float("inf"), "set": {3}, "dtype": torch.float32}


class Kind(enum.Enum):
    A = 1


@dataclass
class Config:
    width: int = 4
    kind: Kind = Kind.A


CONFIG = Config(3)


def helper(x, *, k=WIDTH):
    # a helper's comment
    return x*k  # and another


class Base(nn.Module):
    """A base."""

    def scale(self, x): return x * CONFIG.width


@retix.basic_unit
class Unit(Base):

    # odd   spacing stays
    def __init__(self, n = 4,
                 act: Optional[str] = None):
        super(Unit, self).__init__()
        self.fc   = nn.Linear(n, n)

    def forward(self, x) -> Tuple[torch.Tensor, torch.Tensor]:
        helper = lambda y: y   # a local of the same name
        y = self.scale(self.fc(helper(x)))
        return y + math.pi, self.other(y)

    def other(self, x):
        return helper(F.relu(x)) * TABLE["a"][1]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.unit = Unit(4)

    def forward(self, x):
        a, b = self.unit(x)
        return a + b
'''


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The script as a notebook's cell: its file exists in linecache alone, and its name cannot be imported."""
    module = types.ModuleType("__main__")
    file = "<cell 7>"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, file, (len(SCRIPT), None, SCRIPT.splitlines(keepends=True), file))
    exec(compile(SCRIPT, file, "exec", dont_inherit=True), vars(module))
    return module


def test_script_is_written_out(script: types.ModuleType) -> None:
    """The unit, its base, what they use and their comments are in the text; retix is not."""
    text = assert_same(script.Net(), (X,))
    assert (
        "    # odd   spacing stays\n    def __init__(self, n = 4,\n                 act: Optional[str] = None):" in text
    )
    assert "return x*k  # and another" in text
    assert 'class Base(nn.Module):\n    """A base."""' in text
    assert "CONFIG = Config(width=3, kind=Kind.A)" in text
    assert "@dataclass\nclass Config:" in text
    assert "retix" not in text
    assert text.index("class Kind") < text.index("class Config:") < text.index("class Base") < text.index("class Unit")


def test_closure_is_written_as_a_constant() -> None:
    """A variable of the function around a class is written with its value."""

    def make(factor: float) -> nn.Module:
        @basic_unit
        class Scale(nn.Module):
            def forward(self, x: Any) -> Any:
                return x * factor

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.scale = Scale()

            def forward(self, x: Any) -> Any:
                return self.scale(x)

        return Net()

    assert "factor = 2.5" in assert_same(make(2.5), (X,))
    assert 'factor = float("inf")' in assert_same(make(math.inf), (X,))


def net_of(unit: nn.Module) -> nn.Module:
    """A model around one unit."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unit = unit

        def forward(self, x: Any) -> Any:
            return self.unit(x)

    return Net()


def test_base_that_a_function_imports() -> None:
    """A base that only the enclosing function knows is imported, from where it really lives."""
    from torch.autograd import Function

    class Double(Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x + x

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return grad * 2

    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = Double.apply(x)
            return made

    text = assert_same(Net(), (X,))
    assert "class Double(Function):" in text


def test_two_things_of_one_name_are_refused() -> None:
    """One module has one thing under a name."""

    def make(factor: float) -> nn.Module:
        @basic_unit
        class Scale(nn.Module):
            def forward(self, x: Any) -> Any:
                return x * factor

        return Scale()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = make(1.0)
            self.two = make(2.0)

        def forward(self, x: Any) -> Any:
            return self.one(self.two(x))

    with refused("two different things are called '(Scale|factor)'"):
        convert(Net(), X)


def test_live_object_is_refused() -> None:
    """An object that no expression makes is named."""
    lock = object()

    @basic_unit
    class Locked(nn.Module):
        def forward(self, x: Any) -> Any:
            return x if lock else -x

    with refused("Locked uses 'lock', a object that cannot be written", file=__file__, line="def forward"):
        convert(net_of(Locked()), X)


def test_choice_inside_a_unit_is_refused() -> None:
    """A unit is captured whole, so that nobody would make the choice."""

    @basic_unit
    class Chooses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.choice = nn.LayerChoice([nn.ReLU()])

        def forward(self, x: Any) -> Any:
            return self.choice(x)

    with refused(r"the basic unit unit \(.*Chooses\) holds a LayerChoice", file=__file__, line="def __init__"):
        convert(net_of(Chooses()), X)


def test_choice_imported_by_name_inside_a_unit_is_refused() -> None:
    """It is the same choice however it is imported."""
    label_choice = nn.ValueChoice

    @basic_unit
    class Scales(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * label_choice([1.0, 2.0]).candidates[0]

    with refused("Scales uses 'label_choice' of retix", file=__file__, line="def forward"):
        SourceBook().name(Scales, "unit")


def test_missing_name_is_refused() -> None:
    """A name that means nothing any more is named."""

    @basic_unit
    class Uses(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * missing  # noqa: F821  # is what the test is about

    with refused("Uses uses 'missing', which cannot be found", file=__file__, line="def forward"):
        SourceBook().name(Uses, "unit")


def test_lambda_is_refused() -> None:
    """A lambda is no definition."""
    with refused("is no class or function definition", file=__file__, line="lambda"):
        SourceBook().name(lambda x: x, "unit.act")


def test_missing_source_is_refused() -> None:
    """A class that was made without source cannot be written."""
    made: Any = {}
    exec("class Made:\n    pass\n", {"__name__": "__main__"}, made)
    with refused("the source of .*Made.* is not to be had"):
        SourceBook().name(made["Made"], "unit")


def test_importable_things_are_imported() -> None:
    """What has an importable name keeps it."""
    book = SourceBook()
    assert book.name(enum.Enum, "x") == "enum.Enum"
    assert book.name(math.sqrt, "x") == "math.sqrt"
    assert book.sources == {}
