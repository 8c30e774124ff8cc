"""Choices, units and shared parts come out as they do by a trace."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import retix.nn.pytorch as rnn
from retix.converter import convert
from retix.recipe import basic_unit
from tests.converter.equality import refused


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)
        return x * torch.rand_like(x) if self.training else x


class Choices(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = rnn.LayerChoice([nn.Identity(), Block(), rnn.Linear(4, 4)], label="layer")
        self.width = rnn.Linear(4, rnn.ValueChoice([4, 8], label="width"))
        self.skip = rnn.InputChoice(n_candidates=2, n_chosen=1, label="skip")

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return self.width(self.skip([x, y]))


@basic_unit
class Halves(nn.Module):
    def forward(self, x: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        return x[:, :2] * scale, x[:, 2:]


class Units(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.halves = Halves()
        self.block = Block()

    def forward(self, x: Tensor) -> Tensor:
        low, high = self.halves(self.block(x), scale=2.0)
        return low - high


class Twice(nn.Module):
    """Calls one module twice, the second time to another effect."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Part()

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x, True) + self.part(x, False)


class Part(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor, act: bool) -> Tensor:
        x = self.fc(x)
        return torch.relu(x) if act else x


@pytest.mark.parametrize("module", [Choices(), Units(), Twice()], ids=lambda module: type(module).__name__)
@pytest.mark.parametrize("examples", [True, False], ids=["examples", "symbols"])
def test_same_graph_as_a_trace(module: nn.Module, examples: bool) -> None:
    """The digest and the labels are those of a trace, with example inputs and without."""
    x = torch.randn(2, 4)
    traced = convert(module, x)
    followed = convert(module, x if examples else None, frontend="fx")
    assert followed.digest() == traced.digest(), f"{followed}\n\n{traced}"
    assert [node.label for node in followed.nodes()] == [node.label for node in traced.nodes()]


class Kept(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Reader()

    def forward(self, x: Tensor) -> Tensor:
        self.inner.given = [x * 2]
        return self.inner(x)


class Reader(nn.Module):
    given: list[Tensor]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.given[0]


def test_value_of_another_forward_is_refused() -> None:
    """What one forward leaves for another is no input of it."""
    with refused("uses a value that was computed in another forward", file=__file__, line="self.given[0]"):
        convert(Kept(), frontend="fx")
