"""What symbols are asked, and where the answer is an error with the user's line."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retix.codegen import generate
from retix.converter import convert
from tests.converter.equality import refused


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
    with refused("returns 3, in which there is no tensor"):
        convert(NoTensor(), frontend="fx")


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
