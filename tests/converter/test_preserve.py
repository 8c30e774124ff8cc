"""The user's module and the process are left as they were."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy
import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.converter import convert
from retix.errors import ConversionError

X = torch.linspace(-1, 1, 8).view(2, 4)


class Net(nn.Module):
    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.fc = nn.LayerChoice([nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), nn.Linear(4, 4)])
        self.frozen = torch.nn.Parameter(torch.ones(4), requires_grad=False)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("var", torch.ones(4))
        self.cache: Any = None
        self.plain = torch.zeros(1)
        self.fails = fails

    def forward(self, x: Any) -> Any:
        self.cache = x * 2
        self.plain.add_(1)
        x = F.dropout(self.fc(self.norm(x)), training=self.training) * self.frozen + self.plain
        x = F.batch_norm(x, self.mean, self.var, training=self.training)
        if self.fails and self.training:
            random.random()
            return x * x.sum().item()
        return x


def look(net: torch.nn.Module) -> dict[str, Any]:
    """Everything that conversion might change, comparable."""
    state: dict[str, Any] = {name: value.tolist() for name, value in net.state_dict().items()}
    for path, part in net.named_modules():
        state[path] = [(key, id(value)) for key, value in vars(part).items()]
        state[f"{path} hooks"] = [list(table) for key, table in vars(part).items() if key.endswith("hooks")]
    state["gradients"] = [(parameter.requires_grad, parameter.grad) for parameter in net.parameters()]
    state["plain"] = net.plain.tolist()
    state["random"] = torch.get_rng_state().tolist(), random.getstate(), repr(numpy.random.get_state())
    state["process"] = torch.is_grad_enabled(), list(warnings.filters), torch.get_default_dtype()
    return state


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_everything_is_left_as_it_was(training: bool, fails: bool) -> None:
    """Values, flags, attributes, hooks, random states and filters survive, also when conversion fails half-way."""
    net = Net(fails).train(training)
    net.fc.eval()
    example = X.clone()
    before = look(net)
    if fails:
        with pytest.raises(ConversionError):
            convert(net, example)
    else:
        convert(net, example)
    assert look(net) == before
    assert torch.equal(example, X)


def test_scripting_leaves_everything_as_it_was() -> None:
    """The same holds without example inputs, where this model cannot be compiled."""
    net = Net(False)
    before = look(net)
    with pytest.raises(ConversionError):
        convert(net)
    assert look(net) == before
