"""Keeps walks through a space within its constraints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from retix.errors import SpaceError
from retix.space.constraint import Constraint, Outlook, count_values, look_ahead
from retix.space.counting import find_possible, list_options
from retix.space.decision import Choice, Decision
from retix.space.evaluation import prepare
from retix.space.expression import Applied, Expression
from retix.space.propositions import Course, KnownAnswers, Network, judge

_MOST_OPTIONS = 1024
_FUEL = 2000
_MOST_VALUES = 256
_MISSING = ...
_REMEMBERED = 50_000


class Guard:
    """Shows of each decision only the answers that can still lead to a sample that keeps the constraints.

    Whether an answer can is looked up by trying the decisions that the constraints depend on, for a bounded time; an
    answer of which it is not known is shown, so that a whole sample has to be asked about by `admits`.

    Args:
        network: The decisions.
        constraints: What samples have to keep.
    """

    def __init__(self, network: Network, constraints: Sequence[Constraint]) -> None:
        self._network = network
        self.constraints = tuple(constraints)
        self._fuel = 0
        self._evaluations = [prepare(constraint.expression) for constraint in self.constraints]
        self._labels = [constraint.labels for constraint in self.constraints]
        self._outlooks: dict[tuple[int, str], Outlook] = {}
        self._is_checked = False

    def check_satisfiable(self, course: Course) -> None:
        """Refuse a space without samples.

        Args:
            course: A walk that has just begun.

        Raises:
            SpaceError: No sample keeps the constraints.
        """
        if self._is_checked:
            return
        if self._can_finish(course) is False:
            guilty = [c for c in self.constraints if Guard(self._network, [c])._can_finish(course) is False]
            raise _make_empty_error(guilty or self.constraints, course)
        self._is_checked = True

    def admits(self, sample: Mapping[str, Choice]) -> bool:
        """Whether a whole sample keeps the constraints."""
        return all(constraint.admits(sample) for constraint in self.constraints)

    def narrow(self, course: Course, number: int) -> Decision:
        """A decision of the walk, with those answers that may lead to an end."""
        decision = self._network.questions[number].decision
        if not self.constraints or not 1 < decision.size <= _MOST_OPTIONS or not self._concerns(course, number):
            return decision
        asked = {self._network.questions[other].decision.label for other in course.open}
        answers = KnownAnswers(course.answers)
        allowed = []
        for option in decision.options():
            answers[decision.label] = option
            verdict = self._judge_answers(answers, asked)
            if verdict is None:
                below = course.copy()
                below.answer(number, option)
                verdict = self._can_finish(below)
            if verdict is not False:
                allowed.append(option)
        if not allowed or len(allowed) == decision.size:
            return decision
        return replace(decision, allowed=tuple(allowed))

    def _judge_one(self, index: int, answers: KnownAnswers) -> bool | None:
        return judge(self.constraints[index].expression, self._evaluations[index], answers)

    def _judge_answers(self, answers: KnownAnswers, asked: Collection[str]) -> bool | None:
        """Whether the constraints can hold, as far as that shows without going on with the walk."""
        outlooks = []
        for index in range(len(self.constraints)):
            truth = self._judge_one(index, answers)
            if truth is False:
                return False
            if truth is None:
                outlooks.append(self._look_ahead(index, answers))
        return _judge(outlooks, asked, is_waiting=False)

    def _concerns(self, course: Course, number: int) -> bool:
        """Whether the answer may matter to a constraint that is not settled."""
        open_labels = frozenset[str]().union(
            *(
                self._look_ahead(index, course.answers).labels
                for index in range(len(self.constraints))
                if self._judge_one(index, course.answers) is None
            )
        )
        if self._network.questions[number].decision.label in open_labels:
            return True
        asked = {self._network.questions[n].decision.label for n in course.open}
        return bool(open_labels - asked)  # it may decide whether these come to matter

    def _can_finish(self, course: Course) -> bool | None:
        """Whether some way to finish the walk keeps the constraints; None if that was not found out in time."""
        self._fuel = _FUEL
        return self._search(course)

    def _search(self, course: Course) -> bool | None:
        unsettled = []
        for index in range(len(self.constraints)):
            truth = self._judge_one(index, course.answers)
            if truth is False:
                return False
            if truth is None:
                unsettled.append(index)
        if not unsettled:
            return True
        outlooks = [self._look_ahead(index, course.answers) for index in unsettled]
        open_labels = frozenset[str]().union(*(outlook.labels for outlook in outlooks))
        asked = {self._network.questions[number].decision.label: number for number in course.open}
        waiting = open_labels - asked.keys()
        if waiting:
            wanted = [self._network.number_of[label] for label in waiting if label in self._network.number_of]
            _, fresh = find_possible(self._network, course, course.open, wanted)
            waiting &= {self._network.questions[number].decision.label for number in fresh}
        verdict = _judge(outlooks, asked.keys(), bool(waiting))
        if verdict is not None:
            return verdict
        wanted = sorted(number for label, number in asked.items() if label in open_labels)
        if not wanted and waiting:
            wanted = sorted(course.open)
        return self._try_each(course, wanted[0]) if wanted else True  # what is left speaks of dead decisions

    def _look_ahead(self, index: int, answers: KnownAnswers) -> Outlook:
        """What a constraint may yet turn out to be; looked up where it was found out before."""
        key = (index, repr([answers.get(label, _MISSING) for label in self._labels[index]]))
        if key not in self._outlooks:
            if len(self._outlooks) >= _REMEMBERED:
                self._outlooks.clear()
            constraint = self.constraints[index]
            self._outlooks[key] = look_ahead(constraint, answers, list_options, _MOST_VALUES)
        return self._outlooks[key]

    def _try_each(self, course: Course, number: int) -> bool | None:
        decision = self._network.questions[number].decision
        is_unsure = decision.size > _MOST_OPTIONS
        for option in decision.options() if not is_unsure else ():
            self._fuel -= 1
            if self._fuel < 0:
                return None
            below = course.copy()
            below.answer(number, option)
            found = self._search(below)
            if found:
                return True
            is_unsure |= found is None
        return None if is_unsure else False


def _judge(outlooks: Sequence[Outlook], asked: Collection[str], is_waiting: bool) -> bool | None:
    """What the values that rules may have say by themselves: whether they can all hold, or None."""
    can_all, met = not is_waiting, set[str]()
    for outlook in outlooks:
        is_alive = all(label in asked for label in outlook.labels)
        if outlook.counts is not None and is_alive and not any(outlook.counts):
            return False
        can_all &= outlook.is_exact and is_alive and met.isdisjoint(outlook.labels)
        met |= outlook.labels
    return True if can_all else None


def _make_empty_error(constraints: Sequence[Constraint], course: Course) -> SpaceError:
    return SpaceError(
        "no model of the space meets " + " together with ".join(f"the constraint {c}" for c in constraints),
        where=constraints[0].place,
        why="; ".join(_describe_values(constraint.expression, course) for constraint in constraints),
        fix="loosen the constraint, or give its choices candidates that meet it",
    )


def _describe_values(expression: Expression, course: Course) -> str:
    """What the sides of a comparison can be."""
    sides = expression.arguments if isinstance(expression, Applied) else (expression,)
    shown = []
    for side in sides:
        counts = count_values(side, course.answers, list_options)
        if isinstance(side, Expression) and counts is not None:
            shown.append(f"{side!r} is {_join(sorted(counts, key=_rank))}")
    return ", and ".join(shown) or f"{expression!r} holds for no combination of answers"


def _rank(value: object) -> tuple[bool, float, str]:
    is_number = isinstance(value, (int, float))
    return (not is_number, float(value) if isinstance(value, (int, float)) else 0.0, repr(value))


def _join(values: Sequence[object]) -> str:
    if len(values) > 6:
        return f"one of {len(values)} values from {values[0]!r} to {values[-1]!r}"
    return " or ".join(map(repr, values))
