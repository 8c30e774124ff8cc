"""The user's module and the process are left as they were."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy
import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.converter import convert
from retix.converter.preserve import preserve
from retix.errors import ConversionError
from retix.recipe import basic_unit

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
        convert(net, frontend="script")
    assert look(net) == before


def _without_gradients(write: Callable[[Any], object]) -> Callable[[Any], None]:
    def run(weight: Any) -> None:
        with torch.no_grad():
            write(weight)

    return run


def _replace_data(weight: Any) -> None:
    weight.data = weight.data * 2


def _set_item(weight: Any) -> None:
    weight.view(-1)[0] = 5.0


WRITES: dict[str, Callable[[Any], object]] = {
    "method": _without_gradients(lambda w: w.mul_(2)),
    "operator": _without_gradients(lambda w: w.__imul__(2)),
    "view": _without_gradients(_set_item),
    "data": lambda w: w.data.mul_(2),
    "new data": _replace_data,
    "detached": lambda w: w.detach().add_(1),
    "init": lambda w: nn.init.zeros_(w),
    "out": _without_gradients(lambda w: torch.mul(w.detach(), 2, out=w)),
    "inplace": _without_gradients(lambda w: F.relu(w, True)),
    "statistics": lambda w: F.batch_norm(torch.ones(3, 4), w.detach()[0], torch.ones(4), training=True),
    "renormalized": lambda w: F.embedding(torch.tensor([0, 1]), w, max_norm=0.1),
    "raw operator": lambda w: torch.ops.aten.mul_.Scalar(w.detach(), 2.0),
}


class Owner(nn.Module):
    """Changes its parameter, or has a part do so."""

    def __init__(self, write: Callable[[Any], object]) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(-1, 1, 16).view(4, 4))
        self.write = [write]

    def forward(self, x: Any) -> Any:
        self.write[0](self.weight)
        return x * 2


@basic_unit
class Unit(Owner):
    """Changes its parameter, unseen."""


class Around(nn.Module):
    def __init__(self, part: torch.nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Any) -> Any:
        return self.part(x)


@pytest.mark.parametrize("make", [Owner, Unit])
@pytest.mark.parametrize("how", WRITES)
def test_parameters_that_forward_writes_to_are_put_back(how: str, make: type[Owner]) -> None:
    """However forward changes a parameter, in a module of its own or in a basic unit, it is as it was."""
    part = make(WRITES[how])
    weight, values = part.weight, part.weight.detach().clone()
    part.write[0](weight)
    assert not torch.equal(weight, values)
    weight.data = values.clone()
    memory = weight.data_ptr()
    with suppress(ConversionError):
        convert(Around(part), X)
    assert part.weight is weight
    assert torch.equal(weight, values)
    assert weight.data_ptr() == memory
    assert weight.requires_grad


def test_layer_that_writes_to_its_weight_is_put_back() -> None:
    """An embedding with a greatest norm shortens its rows whenever it is called."""
    layer = nn.Embedding(3, 4, max_norm=0.1)
    values = layer.weight.detach().clone()
    convert(Around(layer), torch.tensor([[0, 1], [2, 0]]))
    assert torch.equal(layer.weight, values)


def test_parameters_are_put_back_after_a_train_that_writes() -> None:
    """A ``train()`` that merges weights runs outside of every trace."""

    class Merging(Around):
        def train(self, mode: bool = True) -> Any:
            self.part.weight.data.mul_(2)
            return super().train(mode)

    layer = nn.Linear(4, 4)
    net = Merging(layer)
    values = layer.weight.detach().clone()
    convert(net, X)
    assert torch.equal(layer.weight, values)


def test_parameters_that_nobody_writes_to_are_left_alone() -> None:
    """What is not written to counts no version, so that a backward that is under way goes on."""
    net = Around(nn.Linear(4, 4))
    loss = net(X).sum()
    versions = [parameter._version for parameter in net.parameters()]
    convert(net, X)
    assert [parameter._version for parameter in net.parameters()] == versions
    loss.backward()


def test_compiled_code_that_writes_is_reported() -> None:
    """What compiled code does cannot be seen beforehand, so the parameter was not copied."""
    with pytest.warns(DeprecationWarning, match="jit"):
        compiled = torch.jit.script(_double)
    with pytest.raises(ConversionError, match="changed 1 of the model's parameters behind torch's back"):
        convert(Owner(lambda weight: compiled(weight.detach())), X)


def _double(x: torch.Tensor) -> torch.Tensor:
    return x.mul_(2)


def test_part_of_a_module_is_put_back_alone() -> None:
    """A part puts back its own tensors and what shares memory with them; the outer context does the rest."""
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2))
    net[1].register_buffer("view", net[0].running_mean[:1])
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with preserve(net) as values:
        with preserve(net[1], values), torch.no_grad():
            for tensor in (net[1].running_var, net[0].running_mean, net[0].running_var):
                tensor.add_(1)
        inside = {name: torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items()}
        assert [name for name, is_equal in inside.items() if not is_equal] == ["0.running_var"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
