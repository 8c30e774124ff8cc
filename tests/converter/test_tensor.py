"""Tensors that a module owns, and how each starts again."""

from __future__ import annotations

import pytest
import torch

from retix.converter.rule import pack
from retix.converter.tensor import describe_tensor
from retix.converter.tie import find_ties
from retix.ir import Module, Symbol
from tests.converter.equality import refused


@pytest.mark.parametrize(
    ("tensor", "init"),
    [
        (torch.zeros(2, 3), Module("torch.zeros", ((2, 3),))),
        (torch.ones(4), Module("torch.ones", ((4,),))),
        (torch.full((2,), 0.5), Module("torch.full", ((2,), 0.5))),
        (torch.arange(300), Module("torch.arange", (300,), {"dtype": Symbol("torch.int64")})),
        (torch.tensor([3.0, 1.0]), Module("torch.tensor", ([3.0, 1.0],))),
        (torch.tensor(2.5), Module("torch.tensor", (2.5,))),
        (torch.empty(0), Module("torch.empty", ((0,),))),
        (torch.tensor([True, False]), Module("torch.tensor", ([True, False],), {"dtype": Symbol("torch.bool")})),
    ],
)
def test_exact_values(tensor: torch.Tensor, init: Module) -> None:
    """What follows a rule, or is small, starts exactly as it is."""
    described = describe_tensor(tensor, "x", "buffer")
    assert described.init == init
    assert (described.shape, described.dtype) == (tuple(tensor.shape), str(tensor.dtype))


@pytest.mark.parametrize("kind", ["normal_", "uniform_"])
def test_random_parameters_start_from_the_same_kind_of_draw(kind: str) -> None:
    """A large random parameter is drawn anew with the same spread."""
    torch.manual_seed(0)
    tensor = getattr(torch.empty(40, 50), kind)(0.0, 0.02) if kind == "normal_" else torch.rand(40, 50) * 2 - 1
    init = describe_tensor(torch.nn.Parameter(tensor), "x", "parameter").init
    assert init.type == f"torch.nn.init.{kind}"
    low, high = init.args[1:]
    assert (low, high) == pytest.approx((0.0, 0.02) if kind == "normal_" else (-1.0, 1.0), rel=0.1)


def test_values_without_a_rule_are_kept() -> None:
    """A large table of no rule is written as its bytes; so is a parameter that is not trained."""
    torch.manual_seed(0)
    table = torch.rand(40, 50)
    frozen = torch.nn.Parameter(table, requires_grad=False)
    for init in (describe_tensor(table, "t", "buffer").init, describe_tensor(frozen, "t", "parameter").init):
        assert init == pack(table)


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no text should hold is named."""
    monkeypatch.setattr("retix.converter.rule.PACKED_SIZE", 100)
    with refused(r"the buffer 'net\.table' of shape \(40, 50\) cannot be written as source"):
        describe_tensor(torch.rand(40, 50), "net.table", "buffer")


def test_ties() -> None:
    """Parameters of two modules are tied; one module under two names is no tie."""
    net = torch.nn.Module()
    net.a, net.b = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    net.b.weight = net.a.weight
    net.c = net.a
    assert find_ties(net) == (("a.weight", "b.weight"),)
