"""Every model of the zoo computes the same after all passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from retix.codegen import generate
from retix.converter import convert
from retix.ir import run_passes, simplify
from tests.zoo.same import run
from tests.zoo.test_zoo import ANIMALS
from tests.zoo.zoo import Animal, Captured

Capture = Callable[[Animal], Captured]


@pytest.mark.parametrize("animal", ANIMALS)
def test_computes_the_same_after_passes(animal: Animal, captured: Capture) -> None:
    """Outputs are equal in both modes; gradients too, but for the rounding where one step stands for two."""
    found = captured(animal)
    model = found.model.fork()
    run_passes(model)
    simplify(model)
    simple = Captured(found.module, model, generate(model))
    plain, made = found.build(), simple.build()
    args, kwargs = animal.inputs(3)
    for training in (False, True):
        expected, structure, expected_gradients = run(plain, args, kwargs, training)
        actual, made_structure, gradients = run(made, args, kwargs, training)
        assert made_structure == structure
        assert all(torch.equal(a, b) for a, b in zip(expected, actual, strict=True))
        torch.testing.assert_close(gradients, expected_gradients)


class Repeating(nn.Module):
    """The same steps twice, and a condition that its settings decide."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        left = self.fc(x.tanh()) + self.norm(x) + self.drop(x)
        right = self.fc(x.tanh()) * self.norm(x) * self.drop(x)
        return left + right


def test_what_is_merged_and_what_is_not() -> None:
    """The layer and the operator are called once, the norm and the dropout twice: each of their calls counts."""
    torch.manual_seed(0)
    module = Repeating()
    converted = convert(module, torch.randn(4, 6))
    found = Captured(module, converted, generate(converted))
    model = found.model.fork()
    assert simplify(model)
    types = [node.type for node in model.root.nodes]
    assert [types.count(name) for name in ("torch.nn.Linear", "aten::tanh")] == [1, 1]
    assert [types.count(name) for name in ("torch.nn.BatchNorm1d", "torch.nn.Dropout")] == [2, 2]
    made = Captured(found.module, model, generate(model)).build()
    x = torch.randn(5, 6)
    for training in (False, True):
        expected, _, expected_gradients = run(found.build(), (x,), {}, training)
        actual, _, gradients = run(made, (x,), {}, training)
        assert torch.equal(expected[0], actual[0])
        torch.testing.assert_close(gradients, expected_gradients)
    fresh = found.build()
    run(fresh, (x,), {}, True)
    assert torch.equal(fresh.norm.running_mean, made.norm.running_mean)
