"""SynFlow."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retix.measures import Subject, SynFlow
from retix.measures.synflow import HIGHEST, LOWEST


class Layers(nn.Module):
    """Two linear layers, with anything in between."""

    def __init__(self, between: Any) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4, bias=False)
        self.second = nn.Linear(4, 2, bias=False)
        self.between = between

    def forward(self, x: Tensor) -> Any:
        return self.second(self.between(self.first(x)))


@pytest.mark.parametrize(
    "between",
    [
        nn.Identity(),
        nn.ReLU(inplace=True),
        nn.Sequential(nn.BatchNorm1d(4), nn.Tanh(), nn.Dropout(0.5)),
        nn.Sequential(nn.LayerNorm(4), nn.GELU(), nn.Hardtanh(), nn.PReLU()),
        F.silu,
        torch.tanh,
        Tensor.relu,
    ],
)
def test_a_linear_network_has_its_formula(between: Any) -> None:
    """Each layer's weights share the whole flow, 1|W2||W1|1; norms, activations and dropout are not seen."""
    net = Layers(between)
    net.first.weight.data, net.second.weight.data = torch.randn(4, 3), torch.randn(2, 4)
    flow = float((net.second.weight.abs() @ net.first.weight.abs()).detach().sum())
    assert SynFlow()(Subject.of(net, [torch.randn(5, 3)])) == pytest.approx(math.log(2 * flow), rel=1e-6)


def test_what_a_double_cannot_hold_is_bounded() -> None:
    """Nothing flowing, no weights, and a flow beyond a double have the documented values."""
    batches = [torch.randn(5, 3)]
    assert SynFlow()(Subject.of(nn.Identity(), batches)) == LOWEST
    net = Layers(nn.Identity())
    nn.init.zeros_(net.first.weight)
    assert SynFlow()(Subject.of(net, batches)) == LOWEST
    deep = nn.Sequential(*(nn.Linear(3, 3) for _ in range(12)))
    for layer in deep:
        nn.init.constant_(layer.weight, 1e38)
    assert SynFlow()(Subject.of(deep, batches)) == HIGHEST


class Single(nn.Module):
    """Makes a tensor of single precision in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2, bias=False)

    def forward(self, x: Tensor) -> Any:
        return self.layer(x.float())


def test_models_of_single_precision() -> None:
    """A model that insists on single precision is run in it."""
    net = Single()
    expected = math.log(float(net.layer.weight.detach().abs().sum()))
    assert SynFlow()(Subject.of(net, [torch.randn(5, 3)])) == pytest.approx(expected, rel=1e-5)
