"""Functions and methods of torch that have a lowering of their own do what the user's model does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from retix.converter import convert
from tests.converter.equality import assert_same, refused


class Apply(nn.Module):
    """Applies a function to what a layer returns, of which the rank is known, and to a parameter."""

    def __init__(self, function: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(4, 4, 1)
        self.weight = nn.Parameter(torch.linspace(-1, 1, 64).view(4, 4, 2, 2))

    def forward(self, x: Tensor) -> Any:
        return self.function(self.conv(x), self.weight)


class ApplyToInput(nn.Module):
    """Applies a function to the input, of which nothing is known without examples."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


X = torch.linspace(-2, 2, 2 * 4 * 6 * 6).view(2, 4, 6, 6)
BATCHES = ((X,), (X[:1] * 2,))

FORMS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "interpolate area": lambda x, w: F.interpolate(x, (3, 2), mode="area"),
    "interpolate one size": lambda x, w: F.interpolate(x, 5, mode="bilinear", align_corners=True),
    "interpolate to another's size": lambda x, w: F.interpolate(w, x.shape[2:], mode="bilinear"),
    "interpolate nearest-exact": lambda x, w: F.interpolate(x, scale_factor=1.5, mode="nearest-exact"),
    "interpolate antialias": lambda x, w: F.interpolate(x, (4, 3), mode="bicubic", antialias=True),
    "interpolate each dimension": lambda x, w: F.interpolate(x, scale_factor=[2.0, 3], mode="bilinear"),
    "size": lambda x, w: x.reshape(x.size(0), -1) / x.size(dim=1),
    "whole size": lambda x, w: torch.ones(x.size()) + x,
    "dim": lambda x, w: x * x.dim() + x.ndimension() + x.ndim,
    "unflatten": lambda x, w: x.unflatten(1, (2, 2)).sum(1),
    "unflatten with keywords": lambda x, w: x.unflatten(dim=1, sizes=(2, -1)),
    "conv1d": lambda x, w: F.conv1d(x.flatten(2), w.flatten(2), stride=2, padding=1),
    "conv2d": lambda x, w: F.conv2d(x, w, None, (2, 1), dilation=2),
    "conv2d same": lambda x, w: F.conv2d(x, w, padding="same"),
    "conv2d in groups": lambda x, w: F.conv2d(x, w[:, :2], groups=2, bias=w[:, 0, 0, 0]),
    "conv3d": lambda x, w: F.conv3d(x.unsqueeze(2), w.unsqueeze(2), padding=(0, 1, 1)),
    "conv_transpose2d": lambda x, w: F.conv_transpose2d(x, w, stride=2, output_padding=1),
    "to a dtype": lambda x, w: x.to(torch.float64) + w.to(dtype=torch.float64).sum(),
    "to a device": lambda x, w: x.to("cpu") + torch.zeros(1).to(x.device),
    "to a device by keyword": lambda x, w: torch.ones(1).to(device=x.device, dtype=x.dtype) * x,
    "to another tensor": lambda x, w: torch.arange(6).to(x) + x,
    "to both": lambda x, w: torch.arange(6).to(x.device, torch.float32) + x,
    "type": lambda x, w: x.type(torch.float64),
    "casts": lambda x, w: x.double() + x.float() + x.half() + x.bfloat16(),
    "casts to whole numbers": lambda x, w: (x.long() + x.int() + x.bool().int()).float() + x,
    "cpu": lambda x, w: x.cpu() * 2,
    "tensor of sizes": lambda x, w: x * torch.tensor([[x.shape[0], 2.0], [3, w.shape[1]]]).sum(),
    "tensor of a size in a dtype": lambda x, w: x + torch.tensor(x.shape[2], dtype=torch.float64),
    "tensor of numbers": lambda x, w: x[:, torch.tensor([0, 3])] * torch.tensor(data=2.0, dtype=torch.float64),
    "norm": lambda x, w: x.norm() + w.norm(p=1),
    "norm over a dimension": lambda x, w: x.norm(2, 1, True) + torch.norm(x, p=3, dim=(2, 3), keepdim=True),
    "norm in another dtype": lambda x, w: torch.norm(x, dim=1, dtype=torch.float64),
    "contiguous": lambda x, w: x.transpose(1, 2).contiguous().view(-1, 6),
    "contiguous in another format": lambda x, w: x.contiguous(memory_format=torch.channels_last),
    "other names of operators": lambda x, w: torch.concat([torch.concatenate([x, x]), x]).true_divide(x.nelement()),
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("examples", [True, False], ids=["examples", "symbols"])
@pytest.mark.parametrize("name", FORMS)
def test_computes_the_same(name: str, examples: bool) -> None:
    """Each form, generated and run, equals the user's model bit by bit, on another batch too."""
    assert_same(Apply(FORMS[name]), *BATCHES, traced=examples, frontend="fx")


RANKS: dict[str, Callable[[Tensor], Any]] = {
    "size tells": lambda x: F.interpolate(x, (3, 2)),
    "scale tells": lambda x: F.interpolate(x, scale_factor=(2.0, 2.0)),
    "upsample": lambda x: F.interpolate(input=x, scale_factor=2, mode="bilinear"),
}


@pytest.mark.parametrize("name", RANKS)
def test_rank_is_told_by_arguments(name: str) -> None:
    """``interpolate`` on an input of which nothing is known: what it is given tells its dimensions."""
    assert_same(ApplyToInput(RANKS[name]), *BATCHES, traced=False, frontend="fx")


REFUSED: dict[str, tuple[Callable[[Tensor], Any], str, str]] = {
    "recomputed scale": (
        lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear", recompute_scale_factor=True),
        "recompute_scale_factor has no form",
        "recompute_scale_factor=True",
    ),
    "attention": (
        lambda x: F.multi_head_attention_forward(  # of which the arguments are not looked at
            x, x, x, 4, 1, None, None, None, None, False, 0.0, x, None
        ),
        "looks at the shapes",
        "multi_head_attention_forward",
    ),
    "norm of matrices": (lambda x: x.norm("nuc", (0, 1)), "norm with p='nuc' has no form", 'x.norm("nuc"'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    """What has no form in a graph is refused at the user's line."""
    function, what, line = REFUSED[name]
    with refused(what, file=__file__, line=line):
        convert(ApplyToInput(function), frontend="fx")
