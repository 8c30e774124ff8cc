"""Expressions some of whose decisions are made already."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from retix.space import Choice, Chosen, Constraint, Expression


def settle(value: Any, answers: Mapping[str, Choice]) -> Any:
    """``value`` with the choices in it that ``answers`` answers replaced by their answers.

    What depends on nothing else afterwards is computed; the rest stays an expression.
    """
    if isinstance(value, Chosen):
        return value.evaluate(answers) if value.decision.label in answers else value
    if isinstance(value, Expression):
        labels = {decision.label for decision in value.decisions()}
        if not labels & answers.keys():
            return value
        if labels <= answers.keys():
            return value.evaluate(answers)
        settled = copy.copy(value)
        settled.arguments = settle(value.arguments, answers)
        return settled
    if isinstance(value, (list, tuple)):
        return type(value)(settle(item, answers) for item in value)
    if isinstance(value, dict):
        return {key: settle(item, answers) for key, item in value.items()}
    return value


def settle_constraints(
    constraints: tuple[Constraint, ...], answers: Mapping[str, Choice]
) -> tuple[Constraint, ...] | None:
    """The constraints with the given answers filled in, without those that hold; None if one is broken."""
    left = []
    for rule in constraints:
        settled = settle(rule.expression, answers)
        if isinstance(settled, Expression):
            left.append(Constraint(settled, rule.message, rule.place))
        elif not settled:
            return None
    return tuple(left)
