"""Compiled Python that torch alone has operators for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.converter.equality import assert_same

X = torch.arange(6.0).view(2, 3)


def test_new_tensors() -> None:
    """``torch.tensor`` in a compiled forward is written as it was."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            made = torch.tensor([-1.0, -0.5, 0.25]) + torch.tensor([1, 2, 3], dtype=torch.float64)
            return x * torch.tensor([[True, False, True]]) + torch.tensor(x.size(0)) + made

    text = assert_same(Net(), (X,), traced=False)
    assert "torch.tensor([-1.0, -0.5, 0.25])" in text
    assert "torch.ops" not in text


def test_where_a_tensor_is() -> None:
    """Whether a tensor is on a GPU is asked when the model runs."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if x.is_cuda:
                return x * 2
            return x * 3

    assert "if x.is_cuda:" in assert_same(Net(), (X,), traced=False)


def test_a_tensor_as_a_number() -> None:
    """A tensor where a number is wanted keeps its fraction."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.arange(x)

    assert_same(Net(), (torch.tensor(6.25),), (torch.tensor(3.0),), traced=False)
