"""Expressions prepared for being evaluated often, on answers that were checked before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from retix.space.decision import Choice
from retix.space.expression import Applied, Chosen, Expression, evaluate, find_expressions

Evaluation: TypeAlias = Callable[[Mapping[str, Choice]], Any]
"""What an expression comes to under answers by label."""


def prepare(value: Any) -> Evaluation:
    """What `retix.space.expression.evaluate` computes of ``value``, without looking at whether answers fit.

    Where the arithmetic fails, whatever Python raises comes through.
    """
    if isinstance(value, Chosen) and type(value)._evaluate is Chosen._evaluate:
        return _look_up(value)
    if isinstance(value, Applied) and type(value)._evaluate is Applied._evaluate:
        return _apply(value)
    if isinstance(value, Expression) or any(True for _ in find_expressions(value)):
        return lambda answers: evaluate(value, answers)
    return lambda answers: value


def _look_up(value: Chosen) -> Evaluation:
    label = value.decision.label
    if value.decision.n_chosen is None:
        return lambda answers: answers[label]

    def chosen(answers: Mapping[str, Choice]) -> Any:
        answer = answers[label]
        return (answer,) if type(answer) is int else answer

    return chosen


def _apply(value: Applied) -> Evaluation:
    parts = [prepare(argument) for argument in value.arguments]
    if value.operator == "condition":
        test, true, false = parts
        return lambda answers: true(answers) if test(answers) else false(answers)
    if value.operator in ("and", "or"):
        decisive = value.operator == "or"

        def decide(answers: Mapping[str, Choice]) -> bool:
            for part in parts:
                if bool(part(answers)) is decisive:
                    return decisive
            return not decisive

        return decide
    function = value._function()
    if len(parts) == 1:
        (only,) = parts
        return lambda answers: function(only(answers))
    if len(parts) == 2:
        left, right = parts
        return lambda answers: function(left(answers), right(answers))
    return lambda answers: function(*[part(answers) for part in parts])
