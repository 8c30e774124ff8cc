"""Evaluators made of one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from retix.errors import EvaluationError
from retix.evaluator import (
    FunctionalEvaluator,
    report_final_result,
    report_intermediate_result,
    reporting,
)
from retix.recipe import dumps, loads
from tests.evaluator.samples import Listener, Net


def report_all(model_cls: Callable[[], nn.Module], epochs: int = 2) -> str:
    """Reports as NNI's functions do."""
    model_cls()
    for epoch in range(epochs):
        report_intermediate_result(epoch)
    report_final_result(epochs)
    return "done"


def return_only(model_cls: Callable[[], nn.Module], value: Any = None) -> Any:
    """Reports by returning."""
    model_cls()
    return value


def evaluate(evaluator: FunctionalEvaluator) -> tuple[Listener, Any]:
    """What a listener hears, and what `evaluate` returns."""
    listener = Listener()
    with reporting(listener):
        return listener, evaluator.evaluate(Net)


def test_the_function_gets_its_arguments_and_reports() -> None:
    """The function is called with the class and the arguments; what it returns is not reported as well."""
    listener, result = evaluate(FunctionalEvaluator(report_all, epochs=3))
    assert [metrics["default"] for metrics in listener.intermediates] == [0, 1, 2]
    assert listener.finals == [{"default": 3.0}]
    assert result == "done"


@pytest.mark.parametrize("value", [0.5, {"default": 0.5}])
def test_a_returned_metric_is_final(value: object) -> None:
    """A number or dict that is returned counts where nothing was reported."""
    assert evaluate(FunctionalEvaluator(return_only, value=value))[0].finals == [{"default": 0.5}]


def test_nothing_returned_is_nothing_reported() -> None:
    """A function that neither reports nor returns has no result."""
    assert evaluate(FunctionalEvaluator(return_only))[0].finals == []


def test_a_returned_oddity_is_refused() -> None:
    """Something else that is returned in place of a metric is an error."""
    with pytest.raises(EvaluationError, match="is not a number"):
        evaluate(FunctionalEvaluator(return_only, value=[1]))


def test_one_evaluator_serves_many_models() -> None:
    """A second evaluation reports like the first."""
    evaluator = FunctionalEvaluator(report_all)
    first, second = evaluate(evaluator)[0], evaluate(evaluator)[0]
    assert first.intermediates == second.intermediates
    assert first.finals == second.finals


def test_what_is_not_callable_is_refused() -> None:
    """The mistake shows where the evaluator is made."""
    with pytest.raises(EvaluationError, match="cannot be called"):
        FunctionalEvaluator(0.5)  # type: ignore[arg-type]  # that is the point


def test_functions_compare_by_name_and_arguments() -> None:
    """Same function and arguments: equal, here and after sending."""
    evaluator = FunctionalEvaluator(report_all, epochs=3)
    assert evaluator == FunctionalEvaluator(function=report_all, epochs=3)
    assert evaluator != FunctionalEvaluator(report_all, epochs=4)
    assert evaluator != FunctionalEvaluator(return_only, epochs=3)
    assert loads(dumps(evaluator)) == evaluator
    assert loads(dumps(evaluator)).example_inputs() is None


def test_the_function_may_fill_the_users_list() -> None:
    """A list given as an argument is the user's own, not a copy."""
    collected: list[str] = []

    def collect(model_cls: Callable[[], nn.Module], into: list[str]) -> float:
        into.append(type(model_cls()).__name__)
        return 1.0

    FunctionalEvaluator(collect, into=collected)._execute(Net)
    assert collected == ["Net"]
