"""Rules that the models of a space keep."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from retix.caller import find_caller
from retix.errors import SpaceError
from retix.space.decision import Choice, Decision
from retix.space.expression import Applied, Chosen, Expression, expression_from_json, relabel
from retix.space.operators import LAZY
from retix.space.propositions import KnownAnswers, find_truth
from retix.space.wording import describe

_MOST = 4096
_LONGEST = 80
"""How many characters of a rule are shown beside its message."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition on the choices of a model; samples that break it are never proposed.

    It is looked at like any expression: from left to right, and what `condition`, `all_of` and `any_of` of
    `retix.space` do not get to is not looked up; ``&`` and ``|`` need both sides. A rule that needs the answer to a
    decision that is not alive in a model says nothing about that model.

    Attributes:
        expression: What has to hold.
        message: What the rule is for, in the user's words; shown in errors.
        place: ``file:line`` where the user made it, as errors show it; it does not make rules different.
    """

    expression: Expression
    message: str | None = None
    place: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.expression, Expression):
            raise SpaceError(
                f"a constraint has to be a condition on choices, and {self.expression!r} is none",
                why="it does not depend on any choice" if isinstance(self.expression, bool) else None,
                fix="compare choices, as in constraint(width * depth <= 64)",
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """The decisions that it speaks of."""
        return tuple(dict.fromkeys(decision.label for decision in self.expression.decisions()))

    def truth(self, answers: KnownAnswers) -> bool | None:
        """Whether it holds, None where it needs answers that are not there."""
        return find_truth(self.expression, answers)

    def admits(self, answers: Mapping[str, Choice]) -> bool:
        """Whether a whole sample keeps it."""
        return self.truth(KnownAnswers(answers)) is not False

    def relabel(self, name: Callable[[str], str]) -> Constraint:
        """The same rule with its choices under the labels ``name(label)``."""
        return Constraint(relabel(self.expression, name), self.message, self.place)

    def __str__(self) -> str:
        rule = describe(self.expression)
        if self.message is None:
            return rule
        return f"{self.message} ({rule})" if len(rule) <= _LONGEST else self.message

    def to_json(self) -> dict[str, Any]:
        """The constraint as JSON values."""
        place = {} if self.place is None else {"place": self.place}
        return {"expression": self.expression.to_json(), "message": self.message, **place}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Constraint:
        """The constraint that ``to_json`` wrote."""
        return cls(expression_from_json(data["expression"]), data.get("message"), data.get("place"))


def constraint(expression: Any, message: str | None = None) -> Constraint:
    """Rule out the models for which ``expression`` does not hold.

    A model keeps it as an attribute, ``self.rule = constraint(width * depth <= 64)``; or a search gets it by
    ``constraints=[...]``.

    Args:
        expression: A condition on choices.
        message: What the rule is for; shown where a sample breaks it.

    Raises:
        SpaceError: It does not depend on choices.
    """
    return Constraint(expression, message, find_caller())


Counts: TypeAlias = dict[Any, int]
"""Values, and in how many ways each comes about."""


def count_values(
    expression: Any, answers: KnownAnswers, options: Callable[[Decision], Counts | None], most: int = _MOST
) -> Counts | None:
    """The values that an expression may have yet, and in how many ways, its choices taken to be independent.

    Args:
        expression: The expression, or a plain value.
        answers: What is known.
        options: The answers that a decision may get, each with a number of ways.
        most: How many combinations of values are looked at in one place.

    Returns:
        Value to ways; None where there are too many, or where they cannot be told apart. The ways are exact if no
        decision without an answer occurs twice.
    """
    if not isinstance(expression, Expression):
        return _of(expression)
    if isinstance(expression, Chosen):
        label = expression.decision.label
        return _of(answers[label]) if dict.__contains__(answers, label) else options(expression.decision)
    if not isinstance(expression, Applied):
        return None
    parts = [count_values(argument, answers, options, most) for argument in expression.arguments]
    combined: dict[tuple[Any, ...], int] = {(): 1}
    for part in parts:
        if part is None or len(combined) * len(part) > most:
            return None
        combined = {(*head, value): ways * more for head, ways in combined.items() for value, more in part.items()}
    found: Counts = {}
    for values, ways in combined.items():
        try:
            value = _apply(expression, values)
            found[value] = found.get(value, 0) + ways
        except (SpaceError, TypeError):  # it fails on these answers, or its values are not hashable
            return None
    return found


def _apply(expression: Applied, values: tuple[Any, ...]) -> Any:
    """The operator of ``expression`` applied to plain values."""
    if expression.operator not in LAZY and not any(isinstance(item, tuple) for item in expression.arguments):
        return expression._compute(list(values))
    return _rebuild(expression, values).evaluate({})


def _of(value: Any) -> Counts | None:
    try:
        return {value: 1}
    except TypeError:
        return None


def simplify(value: Any, answers: KnownAnswers) -> Any:
    """What is left of an expression once the answers so far are put in: a plain value, or an expression of the others.

    What `condition`, ``and`` and ``or`` do not get to any more is gone.

    Raises:
        SpaceError: Arithmetic fails on these answers.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(simplify(item, answers) for item in value)
    if isinstance(value, Chosen):
        label = value.decision.label
        return answers[label] if dict.__contains__(answers, label) else value
    if not isinstance(value, Applied):
        return value
    arguments = value.arguments
    if value.operator == "condition":
        predicate = simplify(arguments[0], answers)
        if not isinstance(predicate, Expression):
            return simplify(arguments[1 if predicate else 2], answers)
        return _rebuild(value, (predicate, *(simplify(branch, answers) for branch in arguments[1:])))
    if value.operator in ("and", "or"):
        return _simplify_logic(value, answers)
    made = _rebuild(value, tuple(simplify(argument, answers) for argument in arguments))
    return made if any(True for _ in made.decisions()) else made.evaluate({})


def _simplify_logic(value: Applied, answers: KnownAnswers) -> Any:
    decisive = value.operator == "or"
    left = []
    for argument in value.arguments:
        simple = simplify(argument, answers)
        if isinstance(simple, Expression):
            left.append(simple)
        elif bool(simple) is decisive:
            if not left:
                return decisive
            left.append(simple)
            break
    return _rebuild(value, tuple(left)) if left else not decisive


def _rebuild(expression: Applied, arguments: tuple[Any, ...]) -> Applied:
    twin = copy.copy(expression)
    twin.arguments = arguments
    return twin


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a constraint may yet turn out to be.

    Attributes:
        labels: The decisions without answers that it still depends on.
        counts: Its values, and in how many ways each comes about; None where that is not known.
        is_exact: Whether the ways are those of all combinations of answers to these decisions.
    """

    labels: frozenset[str]
    counts: Counts | None
    is_exact: bool


def look_ahead(
    constraint: Constraint,
    answers: KnownAnswers,
    options: Callable[[Decision], Counts | None],
    most: int = _MOST,
) -> Outlook:
    """What ``constraint`` may yet turn out to be; see `count_values`."""
    try:
        rest = simplify(constraint.expression, answers)
    except SpaceError:  # some branch fails on these answers; it may never be looked at
        return Outlook(frozenset(constraint.labels) - answers.keys(), None, is_exact=False)
    labels = [decision.label for decision in rest.decisions()] if isinstance(rest, Expression) else []
    counts = count_values(rest, answers, options, most)
    distinct = frozenset(labels)
    return Outlook(distinct, counts, counts is not None and len(distinct) == len(labels))
