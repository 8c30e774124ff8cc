"""Functions of torch that are written in Python end in the operators that a trace shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from retix.converter import convert


class Apply(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))


def _take_second(parts: tuple[Tensor, ...]) -> Tensor:
    _, second = parts
    return second


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "dropout": lambda x: F.dropout(x, 0.2, training=True),
    "dropout2d": lambda x: F.dropout2d(x, 0.2),
    "relu": lambda x: F.relu(x),
    "relu in place": lambda x: F.relu(x, inplace=True),
    "softmax": lambda x: F.softmax(x, dim=1),
    "log_softmax": lambda x: F.log_softmax(x, dim=-1),
    "layer_norm": lambda x: F.layer_norm(x, (6, 6)),
    "group_norm": lambda x: F.group_norm(x, 2),
    "instance_norm": lambda x: F.instance_norm(x),
    "pad": lambda x: F.pad(x, (1, 1, 0, 0), value=0.5),
    "normalize": lambda x: F.normalize(x, dim=1),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "max_pool2d with indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 1),
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "bilinear": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "unfold": lambda x: F.unfold(x, 2),
    "glu": lambda x: F.glu(x, 1),
    "split": lambda x: _take_second(x.split([1, 3], dim=1)),
    "einsum": lambda x: torch.einsum("bchw,bdhw->bcd", x, x),
    "norm": lambda x: x.norm(dim=1, keepdim=True),
    "mean": lambda x: x.mean((2, 3)),
    "flatten": lambda x: torch.flatten(x, 1),
    "reversed": lambda x: 1 - 2 / x,
    "cosine": lambda x: F.cosine_similarity(x, x * 2, dim=1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_ends_in_the_operators_of_a_trace(name: str) -> None:
    """The graph by torch.fx, which knows no shapes, is that of the trace."""
    module = Apply(FUNCTIONS[name])
    traced = convert(module, torch.randn(2, 4, 6, 6))
    followed = convert(module, frontend="fx")
    assert followed.digest() == traced.digest(), f"{followed}\n\n{traced}"
