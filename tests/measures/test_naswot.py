"""NASWOT."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retix.measures import NASWOT, Subject


class Calling(nn.Module):
    """Calls a function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


ACTIVATIONS = [
    *(nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(), nn.PReLU(), nn.Tanh(), nn.SiLU(), nn.GELU()),
    *(nn.ELU(), nn.SELU(), nn.Sigmoid(), nn.Softplus(), nn.Hardswish(), nn.Mish(), nn.Softsign(), nn.LogSigmoid()),
    *(Calling(F.relu), Calling(torch.relu_), Calling(Tensor.tanh), Calling(lambda x: F.leaky_relu(input=x))),
    Calling(lambda x: F.threshold(x, 0.0, 0.0)),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_opposite_samples(activation: nn.Module) -> None:
    """Two samples that agree in no bit of two have the kernel diag(2, 2)."""
    x = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert NASWOT()(Subject.of(activation, [x])) == pytest.approx(math.log(4))


def test_equal_samples() -> None:
    """Four equal samples with three bits have one eigenvalue of 12, and three that count as 1e-6."""
    x = torch.tensor([[1.0, -2.0, 3.0]]).repeat(4, 1)
    assert NASWOT()(Subject.of(nn.ReLU(), [x])) == pytest.approx(math.log(12) + 3 * math.log(1e-6))


def test_a_network_without_activations() -> None:
    """Without a bit, each sample adds log(1e-6); and numbers that are not finite are no worse."""
    assert NASWOT()(Subject.of(nn.Linear(3, 3), [torch.randn(4, 3)])) == pytest.approx(4 * math.log(1e-6))
    nans = torch.full((4, 3), math.nan)
    assert math.isfinite(NASWOT()(Subject.of(nn.ReLU(), [nans])))


def test_the_kernel_of_a_network() -> None:
    """The kernel is the sum, over all activations of all layers, of the agreements of each two samples."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh())
    x = torch.randn(4, 3)
    with torch.no_grad():
        first = net[0](x)
        bits = torch.cat([first, net[2](first.relu())], 1) > 0
    kernel = torch.tensor([[(a == b).sum() for b in bits] for a in bits]).double()
    assert NASWOT()(Subject.of(net, [x])) == pytest.approx(float(torch.logdet(kernel)))
