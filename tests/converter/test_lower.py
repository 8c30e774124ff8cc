"""Lowering of numbers and operators."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from tests.converter.equality import assert_same

X = torch.linspace(-1, 1, 24).view(2, 3, 4)
BATCHES = ((X,), (torch.linspace(-2, 1, 60).view(5, 3, 4),))


class Lambda(nn.Module):
    """Applies a function in forward."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._function = [function]

    def forward(self, x: Any) -> Any:
        return self._function[0](x)


CASES = {
    "arithmetic": lambda x: x * (x.shape[0] * 2 - 1) + x.shape[1] // 2 + x.shape[2] % 3 + 2 ** x.dim(),
    "true division": lambda x: x * (x.shape[0] / 2),
    "sizes as tuple": lambda x: x.reshape(x.shape[0], -1) + torch.zeros((*x.shape[:1], 12)),
    "numel": lambda x: x / x.numel(),
    "dtypes": lambda x: x.to(torch.float64).float() + x.half().to(x) + torch.arange(4, dtype=torch.float32),
    "indexing": lambda x: (x[:, [0, 2]], x[..., -1], x[:, None].expand(-1, 3, -1, -1), x[x > 0].sum()),
    "where": lambda x: torch.where(x > 0, x, 0.0).masked_fill(x < -0.5, float("-inf")),
    "keywords": lambda x: x.mean(dim=(1, 2), keepdim=True) + x.sum(-1, keepdim=True) + x.std(dim=1, keepdim=True),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, scale=1 / math.sqrt(x.shape[-1])),
    "einsum": lambda x: torch.einsum("bij,bkj->bik", x, x),
    "many results": lambda x: (*x.topk(2, dim=-1), *x.chunk(2, dim=2), *torch.max(x, dim=1)),
    "resize": lambda x: F.interpolate(x, scale_factor=2.0, mode="linear", align_corners=True),
    "norms": lambda x: F.group_norm(x, 3) + F.layer_norm(x, (4,)) + F.normalize(x, dim=1),
    "complex": lambda x: torch.view_as_real(torch.polar(x.abs(), x)),
    "same tensor": lambda x: F.dropout(x, 0.5, False) + x.contiguous() + x,
}


@pytest.mark.parametrize("name", CASES)
def test_computes_the_same(name: str) -> None:
    """Operators and Python's arithmetic on sizes come out the same, also for another batch size."""
    assert_same(Lambda(CASES[name]), *BATCHES)
