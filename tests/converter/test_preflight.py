"""Checks before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.converter import convert
from retix.recipe import basic_unit
from tests.converter.equality import assert_same, refused

X = torch.linspace(-1, 1, 8).view(2, 4)


class Net(nn.Module):
    def __init__(self, layer: torch.nn.Module | None = None) -> None:
        super().__init__()
        self.fc = layer if layer is not None else nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return self.fc(x)


def test_no_module() -> None:
    """A class, or anything that is no module, is named."""
    with refused("the base model is a class, not an instance"):
        convert(Net, X)  # type: ignore[arg-type]  # is what the test is about
    with refused("the base model is int"):
        convert(3, X)  # type: ignore[arg-type]  # is what the test is about


def test_single_layer() -> None:
    """There is nothing to search in one layer."""
    with refused("Linear is a single layer"):
        convert(nn.Linear(4, 4), X)


def test_forgotten_super() -> None:
    """A part that never became a module is named with its class."""

    class Forgetful(torch.nn.Module):
        def __init__(self) -> None:
            pass

    net = Net()
    net._modules["fc"] = Forgetful()
    with refused(r"fc is a .*Forgetful whose __init__ never called super"):
        convert(net, X)


def test_lazy_parameters() -> None:
    """Parameters without a shape have to get one first."""
    with refused(r"fc \(LazyLinear\) has parameters of unknown shape"):
        convert(Net(torch.nn.LazyLinear(4)), X)


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_parametrization_is_captured(name: str) -> None:
    """A parametrized layer is a class of its own, which computes its weight; its state has the same names."""
    net = Net(getattr(torch.nn.utils.parametrizations, name)(torch.nn.Linear(4, 4)))
    assert_same(net, (X,), (X[:1],))


def test_hooks_of_parts_are_captured() -> None:
    """What the forward hooks of a part do is traced with it; the norms of old are such hooks."""
    net = Net()
    net.fc.register_forward_hook(lambda module, inputs, output: output * 2)
    assert "* 2" in assert_same(net, (X,), (X[:1],))
    assert_same(Net(torch.nn.utils.spectral_norm(torch.nn.Linear(4, 4))), (X,), (X[:1],))


def test_hooks_that_no_trace_follows() -> None:
    """A hook around the whole model, and one that changes gradients, is named with its line."""
    net = Net()
    net.register_forward_hook(lambda module, inputs, output: output * 2)
    with refused(r"the base model \(Net\) has the hook", file=__file__, line="register_forward_hook"):
        convert(net, X)
    net = Net()
    net.fc.register_full_backward_hook(lambda module, given, taken: None)
    with refused(r"fc \(Linear\) has the hook", file=__file__, line="register_full_backward_hook"):
        convert(net, X)


@basic_unit
class Normed(torch.nn.Module):
    """Registers a parametrization and a hook itself."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 4))
        self.register_forward_hook(Normed.double)

    @staticmethod
    def double(module: Any, inputs: Any, output: Any) -> Any:
        return output * 2

    def forward(self, x: Any) -> Any:
        return self.fc(x)


def test_basic_unit_brings_its_own() -> None:
    """What a basic unit registers comes back with it."""
    assert_same(Net(Normed()), (X,))


def test_part_that_keeps_its_mode() -> None:
    """An overridden train() is in no graph."""

    class Frozen(Net):
        def train(self, mode: bool = True) -> Any:
            super().train(mode)
            self.fc.eval()
            return self

    with refused(r"fc \(BatchNorm1d\) stays in eval mode", file=__file__, line="def train"):
        convert(Frozen(nn.BatchNorm1d(4)), X)
