"""Following a forward leaves the module and the process as they were."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from retix.converter import convert
from retix.errors import ConversionError


class Net(nn.Module):
    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        self.register_buffer("mean", torch.zeros(4))
        self.plain = torch.ones(4)
        self.fails = fails

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(self.norm(x)) - self.mean + self.plain * math.sqrt(x.size(1))
        if self.training:
            x = x * torch.rand(4)
        return x * float(x.sum()) if self.fails else x


def look(net: nn.Module) -> tuple[object, ...]:
    """All that conversion might change, comparable with ``==``."""
    attributes = [
        sorted((key, id(item)) for key, item in vars(part).items() if key != "training") for part in net.modules()
    ]
    flags = [part.training for part in net.modules()]
    values = {name: tensor.tolist() for name, tensor in net.state_dict().items()}
    names = {key: id(item) for key, item in globals().items()}
    return attributes, flags, values, names, torch.get_rng_state().tolist(), id(torch.nn.Module.__call__)


@pytest.mark.parametrize("fails", [False, True], ids=["taken", "refused"])
@pytest.mark.parametrize("examples", [(), (torch.zeros(2, 4),)], ids=["symbols", "examples"])
def test_leaves_everything_as_it_was(fails: bool, examples: tuple[Tensor, ...]) -> None:
    """Attributes, modes, values, the file's own names and random states are the same, also after a failure."""
    net = Net(fails)
    net.inner.eval()
    before = look(net)
    if fails:
        with pytest.raises(ConversionError):
            convert(net, examples or None, frontend="fx")
    else:
        convert(net, examples or None, frontend="fx")
    assert look(net) == before


def test_the_mode_is_captured_where_it_is_read() -> None:
    """A module that asks for the mode does in each mode what the user's does."""
    text = str(convert(Net(False), frontend="fx"))
    assert "attribute.training" in text
    assert "aten::rand" in text
