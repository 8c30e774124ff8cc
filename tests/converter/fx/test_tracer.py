"""What symbols are asked, and where the answer is an error with the user's line."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retix.codegen import generate
from retix.converter import convert
from tests.converter.equality import assert_same, refused


class Condition(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class SizeCondition(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.shape[1] > 3 else -x


class Range(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return sum((x * i for i in range(x.shape[0])), x)


class Integer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * int(x.max())


class Float(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * float(x.max())


class Item(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.max().item()


class Iterated(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([part + 1 for part in x])


class Length(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x for _ in range(len(x))])


class Nearest(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0)


class Autocast(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return x @ x.transpose(0, 1)


class Variadic(nn.Module):
    def forward(self, *xs: Tensor) -> Tensor:
        return xs[0] + xs[1]


class NoTensor(nn.Module):
    def forward(self, x: Tensor) -> int:
        return 3


@pytest.mark.parametrize(
    ("module", "what", "line"),
    [
        (Condition(), "turns data into a condition", "x.sum() > 0"),
        (SizeCondition(), "turns a size into a condition", "x.shape[1] > 3"),
        (Range(), "turns a size into a Python int", "range(x.shape[0])"),
        (Integer(), "turns data into a Python int", "int(x.max())"),
        (Float(), "turns data into a Python float", "float(x.max())"),
        (Item(), "turns data into a Python value, by item", ".item()"),
        (Iterated(), "loops over something of which the length is not known", "for part in x"),
        (Length(), "turns a size into a Python int", "range(len(x))"),
        (Nearest(), "number of dimensions is not known", "interpolate"),
        (Autocast(), "switches autocast in forward", "x @ x.transpose"),
        (Variadic(), r"takes \*xs", "def forward(self, *xs"),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, nn.Module) else "",
)
def test_refusals(module: nn.Module, what: str, line: str) -> None:
    """Every question that has no answer for all inputs is refused, with the line, the reason and what to do."""
    with refused(what, file=__file__, line=line):
        convert(module, frontend="fx")


def test_result_without_tensors_is_refused() -> None:
    """A graph computes tensors."""
    with refused("returns 3, in which there is no tensor", file=__file__, line="def forward(self, x: Tensor) -> int"):
        convert(NoTensor(), frontend="fx")


class ReturnsSet(nn.Module):
    def forward(self, x: Tensor) -> set[Tensor]:
        return {x + 1}


def test_result_that_no_graph_makes_is_refused() -> None:
    """What forward returns is made of tensors, plain values and the structures that the generated code can write."""
    with refused("returns a set, which a graph cannot make", file=__file__, line="def forward(self, x: Tensor) -> set"):
        convert(ReturnsSet(), frontend="fx")


class Listed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scales = [nn.Parameter(torch.ones(4))]

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scales[0]


class Reaching(nn.Module):
    """Reads a parameter of another module through a plain list, which does not register it."""

    def __init__(self, other: nn.Linear) -> None:
        super().__init__()
        self.others = [other]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.others[0].weight


class Reached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.reaching = Reaching(self.fc)

    def forward(self, x: Tensor) -> Tensor:
        return self.reaching(self.fc(x))


def test_parameters_from_elsewhere_are_refused() -> None:
    """A graph of a module knows the tensors of that module and of its parts."""
    with refused("a parameter that belongs to no registered module", file=__file__, line="x * self.scales[0]"):
        convert(Listed(), frontend="fx")
    with refused("uses fc.weight, which belongs to another module", file=__file__, line="self.others[0].weight"):
        convert(Reached(), frontend="fx")


class Functions:
    """Keeps an autograd function where no file's names lead to it."""

    class Double(torch.autograd.Function):
        """Doubles, and says so itself."""

        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: object, *gradients: Tensor) -> Tensor:
            return gradients[0] * 2


class Hidden(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Functions.Double.apply(x)


def test_autograd_function_that_is_not_seen_is_refused() -> None:
    """Its forward would be followed, and its backward lost."""
    with refused("calls an autograd function where torch.fx does not see it", file=__file__, line="return x * 2"):
        convert(Hidden(), frontend="fx")


class Kinds(nn.Module):
    """Asks what Python asks of tensors, with answers that hold for all inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(x, Tensor)
        assert not isinstance(x, (list, tuple))
        x = self.conv(x)
        if x.dim() == 4 and len(x.shape) == 4 and self.scale.shape[0] == 4:
            x = x * self.scale[:, None, None]
        pooled = F.adaptive_avg_pool2d(x, (None, 1)) / math.sqrt(x.size(1))
        return F.interpolate(pooled, scale_factor=2.0) + torch.zeros(x.shape[0], 1, 1, 1)


def test_answers_that_hold_for_all_inputs() -> None:
    """Types, ranks behind layers that tell, and shapes of parameters are known; sizes stay expressions."""
    text = generate(convert(Kinds(), frontend="fx")).text
    assert "math.sqrt(x.size(1))" in text
    assert "torch.zeros(x.shape[0], 1, 1, 1" in text or "torch.zeros(x.size(0), 1, 1, 1" in text


class Mixed(nn.Module):
    """Adds a parameter to a tensor of a known rank, and to another parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Scaled()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.conv(x))


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((4, 1, 1), 0.5))
        self.shift = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + (self.scale + self.shift)


@pytest.mark.parametrize("examples", [True, False], ids=["examples", "symbols"])
def test_parameters_beside_tensors_of_known_rank(examples: bool) -> None:
    """What is known of parameters is known before forward runs, so that asking leaves no node."""
    x = torch.linspace(-1, 1, 72).view(2, 4, 3, 3)
    text = assert_same(Mixed(), (x,), (x[:1],), traced=examples, frontend="fx")
    assert "dim()" not in text


class Sized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] == 4:
            x = self.fc(x)
        return x


def test_example_inputs_answer_for_sizes() -> None:
    """With examples a condition on a size is decided, and shapes stand on the values."""
    model = convert(Sized(), torch.zeros(2, 4), frontend="fx")
    (node,) = model.root.nodes
    assert node.output.shape == (2, 4)
    assert node.output.dtype == "torch.float32"


class BatchLoop(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([row * 2 for row in x])


def test_batch_size_is_not_kept() -> None:
    """A loop over the batch is seen on a batch of twice the size."""
    with refused("uses a size as the Python value 2", file=__file__, line="for row in x"):
        convert(BatchLoop(), torch.zeros(2, 4), frontend="fx")
