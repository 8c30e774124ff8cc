"""Models with choices that the user hands to TorchScript."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.errors import SpaceError

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Net(nn.Module):
    """Choices of every kind that can be compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LayerChoice([nn.Conv2d(3, nn.ValueChoice([4, 8]), 1), nn.Conv2d(3, 4, 1)])
        self.mean = nn.InputChoice(2, 2, "mean")
        self.cat = nn.InputChoice(2, 2, "concat")
        self.first = nn.InputChoice(2)
        self.pair = nn.InputChoice(3, 2, "none")
        self.repeat = nn.Repeat(nn.Linear(5, 5), (0, 3))
        self.select = nn.SelectInputs([True, self.repeat.depth_choice > 1], "sum")
        self.rate = nn.ValueChoice([0.25, 0.5])
        self.lstm = nn.LSTM(5, 5, batch_first=True)
        self.cell = nn.NasBench201Cell([nn.Linear, nn.Linear], 5, 5)
        self.act = nn.AutoActivation(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x).flatten(2)
        y = self.cat([self.first([y, y]), self.mean([y, y])])
        y, _ = self.lstm(self.select([self.repeat(y), y]))
        a, b = self.pair([y, y + 1, y])
        return F.dropout(self.act(self.cell(a + b)), self.rate(), False)


def test_scripting_leaves_the_model_unharmed() -> None:
    """The script computes what the model does by default, shares its parameters, and the model keeps its choices."""
    net, x = Net(), torch.randn(2, 3, 1, 5)
    text, keys = str(net), list(net.state_dict())
    parts = list(net.modules())
    script = torch.jit.script(net)
    assert torch.equal(script(x), net(x))
    assert str(net) == text
    assert list(net.state_dict()) == keys
    assert all(a is b for a, b in zip(parts, net.modules(), strict=True))
    with torch.no_grad():
        net.lstm.weight_ih_l0.zero_()
    assert torch.equal(script(x), net(x))


def test_models_without_choices() -> None:
    """A model without choices is compiled as it is."""
    net: Any = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    assert torch.jit.script(net)(torch.ones(1, 2)).shape == (1, 2)


def test_what_cannot_be_scripted() -> None:
    """Choices in a class of torch's own, and cells of any number of inputs, are refused, and stay as they are."""

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.choice = nn.LayerChoice([nn.ReLU(), nn.Tanh()])

        def forward(self, x: torch.Tensor) -> Any:
            return self.choice(x)

    plain = Plain()
    with pytest.raises(SpaceError, match="part of a model that is to be scripted"):
        torch.jit.script(plain)
    assert isinstance(plain.choice, nn.LayerChoice)

    class WithCell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.Cell([nn.ReLU()], 1)

        def forward(self, x: torch.Tensor) -> Any:
            return self.cell(x)

    with pytest.raises(SpaceError, match="a Cell cannot be scripted"):
        torch.jit.script(WithCell())
