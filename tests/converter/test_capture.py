"""What a trace would silently keep is refused, with the user's line."""

from __future__ import annotations

import linecache
import random
from functools import partial
from typing import Any

import numpy
import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.converter import convert
from retix.recipe import basic_unit
from tests.converter.equality import assert_same, refused

X = torch.linspace(-1, 1, 8).view(2, 4)


class Lambda(nn.Module):
    """Applies a function in forward."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self._function = [function]

    def forward(self, x: Any) -> Any:
        return self._function[0](self, x)


DATA = {
    "a condition": lambda m, x: x if x.sum() > 0 else -x,
    "a Python int": lambda m, x: x * int(x.sum()),
    "a Python float": lambda m, x: x * float(x.sum()),
    "a Python number": lambda m, x: x * x.sum().item(),
    "a Python list": lambda m, x: x * x.tolist()[0][0],
    "a numpy array": lambda m, x: x * x.numpy().sum(),
    "a new tensor, by way of Python": lambda m, x: x * torch.tensor([x.sum()]),
}


@pytest.mark.parametrize("what", DATA)
def test_data_as_python_is_refused(what: str) -> None:
    """Data that becomes something of Python is the answer for the example alone."""
    with refused(f"turns data into {what}", file=__file__, line=f'"{what}": lambda'):
        convert(Lambda(DATA[what]), X)


def test_equal_tensors_and_random_numbers_are_data() -> None:
    """A comparison of tensors and a draw are data like any other."""
    with refused("turns data into a condition", file=__file__, line="torch.equal"):
        convert(Lambda(lambda m, x: x if torch.equal(x, -x) else -x), X)
    with refused("turns data into a condition", file=__file__, line="torch.rand"):
        convert(Lambda(lambda m, x: x if torch.rand(()) < 0.5 else -x), X)


BATCH = {
    "int()": lambda m, x: x.reshape(int(x.shape[0]), 2, 2),
    "len()": lambda m, x: x * len(x),
    "range()": lambda m, x: sum(x[i] for i in range(x.shape[0])),
    "iteration": lambda m, x: torch.stack([row * 2 for row in x]),
    "split": lambda m, x: torch.cat(x.split(1)),
    "tensor()": lambda m, x: x * torch.tensor([x.size(0)]),
    "if": lambda m, x: x * 2 if x.shape[0] == 2 else x,
    "stride()": lambda m, x: x.t().contiguous().as_strided((3,), (x.t().contiguous().stride(0),)),
    "storage_offset()": lambda m, x: x * x.t().contiguous()[1:].storage_offset(),
}


@pytest.mark.parametrize("name", BATCH)
def test_batch_size_in_the_graph_is_refused(name: str) -> None:
    """A batch size that the trace would keep is found by tracing another batch."""
    with refused("the model uses a", file=__file__, line=f'"{name}": lambda'):
        convert(Lambda(BATCH[name]), X)


def test_other_sizes_may_be_python_numbers() -> None:
    """Sizes of features may be numbers; what does not depend on the batch stays."""
    assert_same(Lambda(lambda m, x: m.fc(x) / int(x.shape[1]) if x.shape[1] > 3 else x), (X,), (X[:1],))


IMAGE = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)
SIZES = {
    "int()": lambda m, x: x.view(x.shape[0], 3, int(x.shape[2]), -1),
    "len()": lambda m, x: x * len(x[0, 0]),
    "range()": lambda m, x: sum(x[:, :, i] for i in range(x.shape[2])),
    "unbind": lambda m, x: torch.stack(x.unbind(3)[:-1], 3),
    "if": lambda m, x: x * 2 if x.shape[3] > 6 else x,
    "mask": lambda m, x: x * torch.ones(int(x.shape[2]), int(x.shape[3])).tril(),
}


@pytest.mark.parametrize("name", SIZES)
def test_other_sizes_in_the_graph_are_reported(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A size that the user's model leaves free, and that the trace keeps, is reported once, with the user's line."""
    convert(Lambda(SIZES[name]), IMAGE)
    (message,) = caplog.messages
    assert "Lambda is captured for inputs of size 8, although it takes others" in message
    where = next(line for line in message.splitlines() if "where:" in line)
    file, _, number = where.removeprefix("  where: ").rpartition(":")
    assert file == __file__
    assert f'"{name}": lambda' in linecache.getline(file, int(number))


FREE = {
    "shape": lambda m, x: x.reshape(x.shape[0], 3, x.shape[2] * x.shape[3]),
    "number that is none": lambda m, x: F.conv2d(x, torch.ones(4, 3, 1, 1)) / int(x.shape[1]),
    "check": lambda m, x: x if x.shape[2] == x.shape[3] else x * 2,
    "fixed": lambda m, x: F.linear(x, torch.eye(8)) * len(x[0, 0]),
    "assertion": lambda m, x: (None if x.shape[2] == 8 else 1 / 0, x * 2)[1],
}


@pytest.mark.parametrize("name", FREE)
def test_sizes_that_are_free_or_a_part_of_the_model_are_not_reported(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is said where the graph holds for other sizes, or the model itself takes none."""
    convert(Lambda(FREE[name]), IMAGE)
    assert caplog.messages == []


def test_number_that_cannot_be_tried_is_refused() -> None:
    """A model that takes one batch size only says so."""

    def forward(module: Any, x: Any) -> Any:
        return x.view(2, 4) * int(x.shape[0])

    with refused("a size as the Python number 2", file=__file__, line="int(x.shape[0])"):
        convert(Lambda(forward), X)


def test_checks_of_shapes_are_followed() -> None:
    """A model that checks its input may refuse other batches."""

    def forward(module: Any, x: Any) -> Any:
        if x.shape[0] != 2:
            raise ValueError("two")
        return x * 2

    assert_same(Lambda(forward), (X,))


def test_autocast_in_forward_is_refused() -> None:
    """A graph holds no autocast."""

    def forward(module: Any, x: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return module.fc(x)

    with refused("switches autocast on cpu on", file=__file__, line="return module.fc(x)"):
        convert(Lambda(forward), X)


@pytest.mark.parametrize("function", [numpy.prod, partial(numpy.random.choice, 9)])
def test_sizes_that_numpy_does_not_take(function: Any) -> None:
    """In a trace sizes are tensors; where a library objects, the user's line that called it is named."""
    what = r"cannot be traced in eval mode: TypeError(.|\n)* hands sizes, which are tensors in a trace, to code"
    with refused(what, file=__file__, line="function(x.shape[1])"):
        convert(Lambda(lambda m, x: x * float(function(x.shape[1]))), X)


@pytest.mark.parametrize("draw", [random.random, lambda: numpy.random.rand()])
def test_draws_outside_of_torch_are_refused(draw: Any) -> None:
    """Python's and numpy's random numbers are in no trace; a basic unit may draw them."""
    with refused("forward of Lambda draws random numbers from Python or numpy", file=__file__, line="def forward"):
        convert(Lambda(lambda m, x: x * draw()), X)

    @basic_unit
    class Unit(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * random.random()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unit = Unit()

        def forward(self, x: Any) -> Any:
            return self.unit(x)

    assert [node.type for node in convert(Net(), X).root.nodes] != []


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.mean: torch.Tensor
        self.register_buffer("mean", torch.zeros(4))
        self.norm = nn.BatchNorm1d(4)
        self.how = "steps"

    def forward(self, x: Any) -> Any:
        if self.how == "steps":
            self.steps += 1
        elif self.how == "mean":
            self.mean = 0.9 * self.mean + x.mean(0)
        else:
            self.norm.eval()
        return self.norm(x)


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("steps", r"forward of Counter \(Counter\) assigns self\.steps"),
        ("mean", r"forward of Counter \(Counter\) assigns self\.mean"),
        ("norm", r"forward switches norm \(BatchNorm1d\) to eval mode"),
    ],
)
def test_changed_state_is_refused(how: str, what: str) -> None:
    """State that forward assigns, and modes that it switches, are in no graph."""
    net = Counter()
    net.how = how
    with refused(what, file=__file__, line="def forward"):
        convert(net, X)
    assert net.steps == 0
    assert net.mean.sum() == 0


class Cache(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.last = torch.zeros(4)
        self.reads = False

    def forward(self, x: Any) -> Any:
        before = self.last
        self.last = self.fc(x)
        return self.last * 2 + before if self.reads else self.last * 2


def test_attribute_that_every_call_computes_anew() -> None:
    """What forward only leaves behind is harmless; what the next call reads is in no graph."""
    net = Cache()
    assert_same(net, (X,), (X[:1],))
    convert(net, X)
    net.last, net.reads = torch.zeros(4), True
    with refused(r"forward of Cache \(Cache\) assigns self\.last", file=__file__, line="def forward"):
        convert(net, X)


def test_attribute_that_settles() -> None:
    """A setting that the first call brings into line stays there; the calls after it are all alike."""

    class Window(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.size = 7

        def forward(self, x: Any) -> Any:
            if x.shape[1] <= self.size:
                self.size = 4
            return x * self.size

    net = Window()
    convert(net, X)
    assert net.size == 7
    assert_same(net, (X,), (X[:1],))


def test_layer_called_by_its_forward_is_refused() -> None:
    """The call of a layer is what a graph holds."""
    with refused("calls the forward of a layer", file=__file__, line="m.fc.forward(x)"):
        convert(Lambda(lambda m, x: m.fc.forward(x)), X)


def test_layer_in_a_plain_list_is_refused() -> None:
    """A parameter that no module registers cannot be named."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [torch.nn.Linear(4, 4)]

        def forward(self, x: Any) -> Any:
            return self.layers[0](x)

    with refused("Net cannot be traced", file=__file__, line="self.layers[0](x)"):
        convert(Net(), X)


def test_failing_model() -> None:
    """A model that fails on the example inputs fails with its own message and line."""
    with refused("Lambda cannot be traced in eval mode: RuntimeError", file=__file__, line="x.view(3, 7)"):
        convert(Lambda(lambda m, x: x.view(3, 7)), X)


def test_scripted_function_is_written_in_place() -> None:
    """What TorchScript compiled before keeps its own control flow."""
    with pytest.warns(DeprecationWarning, match="jit"):
        compiled = torch.jit.script(_double)
    text = assert_same(Lambda(lambda m, x: compiled(m.fc(x), 0.5)), (X,), (X[:1],))
    assert "[0] > 1:" in text or ".size(0) > 1:" in text


def _double(x: torch.Tensor, factor: float) -> torch.Tensor:
    if x.shape[0] > 1:
        x = x * factor
    return x + x


@pytest.mark.parametrize(("args", "name"), [((X, object()), "'y'"), ((X, (X, None)), "'y'"), ((X, []), "'y'")])
def test_inputs_that_no_graph_takes_are_refused(args: tuple[Any, ...], name: str) -> None:
    """A traced model takes tensors, and next to them plain values."""

    class Net(nn.Module):
        def forward(self, x: Any, y: Any = None) -> Any:
            return x

    with refused(f"the example input {name} of Net"):
        convert(Net(), args)


class Pair:
    """A result that no call is known for."""


def test_results_that_no_graph_can_make_are_refused() -> None:
    """What is neither a structure nor a plain value cannot be returned."""
    with refused("Lambda returns a Pair"):
        convert(Lambda(lambda m, x: {"pair": [x, Pair()]}), X)
    with refused("Lambda returns None, in which there is no tensor"):
        convert(Lambda(lambda m, x: None), X)


def test_candidate_called_by_name_is_refused() -> None:
    """A candidate that is captured as a graph takes its arguments by position."""

    class Candidate(nn.Module):
        def forward(self, x: Any, scale: float = 1.0) -> Any:
            return x * scale

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.choice = nn.LayerChoice([Candidate(), nn.Identity()])

        def forward(self, x: Any) -> Any:
            return self.choice(x, scale=2.0)

    with refused(
        r"the candidate choice\.0 \(Candidate\) is called with scale by name", file=__file__, line="self.choice(x"
    ):
        convert(Net(), X)


class Double(torch.autograd.Function):
    """Twice the input, with the gradient of the input alone."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        return x * factor * float(x.detach().sum() * 0 + 1)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient, None


def _apply_double(module: Any, x: Any) -> Any:
    return Double.apply(module.fc(x), 2.0)  # type: ignore[no-untyped-call]  # torch leaves it untyped


def test_autograd_function_keeps_its_own_backward() -> None:
    """An operation with its own backward is called as it is, whatever it does with data."""
    text = assert_same(Lambda(_apply_double), (X,), (X[:1],))
    assert "Double.apply(self.fc(x), 2.0)" in text
