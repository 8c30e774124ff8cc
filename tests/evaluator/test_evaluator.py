"""The contract of evaluators, on small ones of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from retix.errors import EvaluationError
from retix.evaluator import Evaluator, report_final_result
from retix.recipe import dumps, loads, serialize, trace
from tests.evaluator.samples import Net, Signs


class Counting(Evaluator):
    """Reports how many parameters a model has, times a factor."""

    def __init__(self, factor: Any = 1, *, name: str = "", data: Any = None):
        self.factor, self.name, self.data = factor, name, data

    def evaluate(self, model_cls: Callable[[], nn.Module]) -> None:
        report_final_result(self.factor * sum(p.numel() for p in model_cls().parameters()))


@trace
class Traced(Counting):
    """Decorated, as in scripts for NNI."""


class Mute(Evaluator):
    """Reports nothing."""

    def evaluate(self, model_cls: Callable[[], nn.Module]) -> None:
        model_cls()


class Point:
    """A value without an ``__eq__`` of its own."""

    def __init__(self, x: int):
        self.x = x


def test_evaluators_that_cannot_evaluate_are_not_made() -> None:
    """`evaluate` is the one thing a subclass must write."""
    with pytest.raises(TypeError, match="evaluate"):
        Evaluator()  # type: ignore[abstract]  # that is the point


def test_execute_evaluates_here_and_now(capsys: pytest.CaptureFixture[str]) -> None:
    """The debugging entry prints and returns the final result."""
    assert Counting(2)._execute(Net) == {"default": 20.0}
    assert capsys.readouterr().out == "final result: default=20\n"


def test_execute_takes_a_model() -> None:
    """A model in place of its class is the one that is trained."""
    made: list[torch.nn.Module] = []

    class Keeping(Evaluator):
        def evaluate(self, model_cls: Any) -> None:
            made.append(model_cls())
            report_final_result(1.0)

    net = Net()
    Keeping()._execute(net)
    assert made == [net]


def test_execute_needs_a_final_result() -> None:
    """An evaluator that never reports is named."""
    with pytest.raises(EvaluationError, match="Mute ended without a final result"):
        Mute()._execute(Net)


def test_no_example_inputs_by_default() -> None:
    """An evaluator that says nothing about its data knows no inputs."""
    assert Counting().example_inputs() is None


@pytest.mark.parametrize("cls", [Counting, Traced])
@pytest.mark.parametrize(
    "make",
    [
        lambda cls: cls(2, name="a"),
        lambda cls: cls(data=serialize(Point, 3)),
        lambda cls: cls(data=[{"key": serialize(Signs, 4)}, (1, 2)]),
        lambda cls: cls(data=torch.arange(3)),
        lambda cls: cls(data=np.arange(3)),
        lambda cls: cls(nn.Linear),
    ],
)
def test_equal_if_made_alike(cls: type[Counting], make: Callable[[type[Counting]], Counting]) -> None:
    """Evaluators made by the same arguments are equal, hash alike, and stay so when sent."""
    first, second = make(cls), make(cls)
    assert first == second
    assert hash(first) == hash(second)
    assert loads(dumps(first)) == first


def test_equal_however_an_argument_is_passed() -> None:
    """Position or name makes no difference."""
    assert Counting(2) == Counting(factor=2)


@pytest.mark.parametrize(
    "other",
    [
        Counting(3),
        Counting(2, name="b"),
        Traced(2),
        Counting(2, data=serialize(Point, 4)),
        Counting(2, data=[1]),
        Counting(2, data={"key": 1}),
        Counting(2, data=torch.zeros(2)),
        Counting(2, data=torch.zeros(3)),
        2,
    ],
)
def test_unequal_if_made_otherwise(other: object) -> None:
    """Another class or another argument makes another evaluator."""
    for mine in (Counting(2), Counting(2, data=torch.ones(2)), Counting(2, data=[]), Counting(2, data={"key": 2})):
        assert mine != other
    assert Counting(2, data=serialize(Point, 3)) != other


def test_values_without_equality_compare_by_identity() -> None:
    """An argument that knows neither recipe nor equality is equal to itself alone."""
    point = Point(1)
    assert Counting(data=point) == Counting(data=point)
    assert Counting(data=point) != Counting(data=Point(1))


def test_the_worker_side_imports_no_torch() -> None:
    """A worker whose evaluator is one function pays neither for torch nor for Lightning."""
    code = "import sys, retix.evaluator; sys.exit('torch' in sys.modules or 'pytorch_lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
