"""Python's own operators on symbols: arithmetic, attributes and indexing do what the user's model does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retix.converter import convert
from tests.converter.equality import assert_same, refused


class Apply(nn.Module):
    """Applies a function to what a layer returns, of which the rank is known."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Any:
        return self.function(self.conv(x))


class ApplyToInput(nn.Module):
    """Applies a function to the input, of which nothing is known without examples."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


X = torch.linspace(-2, 2, 2 * 4 * 6 * 6).view(2, 4, 6, 6)
BATCHES = ((X,), (X[:1] * 2,))


def write(x: Tensor, index: Any, value: Any) -> Tensor:
    """``x`` with something written to a part of it."""
    x = x.clone()
    x[index] = value
    return x


FORMS: dict[str, Callable[[Tensor], Any]] = {
    "field by name": lambda x: x.max(1).values + x.sort(2).indices[:, 0],
    "fields unpacked": lambda x: torch.topk(x, 2, 1)[0],
    "attributes": lambda x: x.mT * x.flatten(2).data.mean() + torch.zeros((), dtype=x.dtype, device=x.device),
    "transposed": lambda x: x[0, 0].T,
    "ndim": lambda x: x * x.ndim,
    "numel of a shape": lambda x: x / x.shape[1:].numel() + x.shape.numel(),
    "shape in a shape": lambda x: x.new_zeros((*x.shape[:2], 1, 1)) + x,
    "shapes put together": lambda x: x.reshape(x.shape[:1] + (2, 2) + x.shape[2:]).sum(1),  # noqa: RUF005  # is what it tests
    "shape repeated": lambda x: x.expand(x.shape) * len((1,) * 2),
    "shape from the end": lambda x: x.view(-1, x.shape[-1]),
    "reflected numbers": lambda x: 2 - x + (1 / (3 + x * x)) + 2**x,
    "comparisons": lambda x: (x > 0).float() + (x > 0).float() + (x != 1).float() * (x <= 1).float(),
    "logic": lambda x: ((x > 0) & (x < 1) | ~(x == 0) ^ (x >= 1)).float() * x,
    "division": lambda x: x.detach() // 2 + x % 3 + 7 // (x.detach() ** 2 + 1) + 5 % (x.detach() ** 2 + 1),
    "signs": lambda x: -x + abs(x) + (+x),
    "matrices": lambda x: x @ x.transpose(-1, -2),
    "square root of a size": lambda x: (
        x / math.sqrt(x.shape[1]) + math.floor(x.shape[2] / 4) + math.ceil(x.shape[3] / 4)
    ),
    "size arithmetic": lambda x: x.view(x.shape[0], x.shape[1] * x.shape[2] // 2, abs(-x.shape[3]) * 2),
    "length": lambda x: x / len(x),
    "ellipsis": lambda x: x[..., 1:] + x[..., :1],
    "ellipsis and a tensor": lambda x: x[..., torch.tensor([0, 2])],
    "new dimensions": lambda x: x[:, None, 1, None] * x[..., None, 2:3],
    "tensors in the middle": lambda x: x[:, torch.tensor([0, 3]), ..., 1],
    "list of places": lambda x: x[:, [0, 2]],
    "mask": lambda x: x[x > 0],
    "steps": lambda x: x[::2, :, 1::2, :-1:3],
    "up to a size": lambda x: x[:, : x.shape[1] // 2],
    "write a slice": lambda x: write(x, (slice(None), 1), x[:, 0] * 2),
    "write a number": lambda x: write(x, (..., slice(0, 2)), 0.0),
    "write to places": lambda x: write(x, (slice(None), torch.tensor([0, 1])), x[:, 2:]),
    "write a number under a mask": lambda x: write(x, x > 0, 0.5),
}


@pytest.mark.parametrize("examples", [True, False], ids=["examples", "symbols"])
@pytest.mark.parametrize("name", FORMS)
def test_computes_the_same(name: str, examples: bool) -> None:
    """Each form, generated and run, equals the user's model bit by bit, on another batch too."""
    assert_same(Apply(FORMS[name]), *BATCHES, traced=examples, frontend="fx")


UNRANKED: dict[str, Callable[[Tensor], Any]] = {
    "all sizes": lambda x: torch.ones(x.shape) + x,
    "sizes compared": lambda x: x * (x.shape == x.mT.shape),
    "slice of a shape": lambda x: x.reshape(x.shape[:2] + (-1,)),  # noqa: RUF005  # is what it tests
    "ellipsis": lambda x: x[..., 0] + x[..., 1, None].sum(),
    "dim": lambda x: x * x.dim() + x.ndim,
}


@pytest.mark.parametrize("name", UNRANKED)
def test_computes_the_same_at_any_rank(name: str) -> None:
    """Where the number of dimensions is not known, shapes and places from the end are kept as they are."""
    assert_same(ApplyToInput(UNRANKED[name]), *BATCHES, traced=False, frontend="fx")


REFUSED: dict[str, tuple[Callable[[Tensor], Any], str, str]] = {
    "method of a shape": (
        lambda x: x * x.shape.index(4),
        "the shape's method index has no form",
        "x.shape.index(4)",
    ),
    "logarithm of a size": (
        lambda x: x * math.log(x.shape[1]),
        "math.log of a size has no form",
        "math.log(x.shape[1])",
    ),
    "remainder of a size": (  # which is no % in Python
        lambda x: x * math.remainder(x.shape[1], 3),
        "math.remainder of a size has no form",
        "math.remainder(x.shape[1], 3)",
    ),
    "tensor behind an ellipsis": (
        lambda x: x[..., torch.tensor([0])],
        "a tensor indexes dimensions behind `...`",
        "x[..., torch.tensor([0])]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    """What has no form in a graph is refused at the user's line."""
    function, what, line = REFUSED[name]
    with refused(what, file=__file__, line=line):
        convert(ApplyToInput(function), frontend="fx")
