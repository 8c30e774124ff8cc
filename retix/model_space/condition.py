"""When decisions are alive, for those that no graph tells of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from retix.mutation import SpaceDecision
from retix.space import AllOf, Answered, AnyOf, Choice, Condition, Decision, Formula, Sample

CONSTRUCTOR = ("constructor",)
"""What uses a decision that is made while the model is built."""


def read_condition(conditions: Sequence[Condition]) -> Formula | None:
    """The conditions of a `Decision` as a formula; None for always."""
    if not conditions:
        return None
    parts: list[Formula] = []
    for condition in conditions:
        atoms = tuple(Answered(label, (choice,)) for label, choice in condition)
        parts.append(atoms[0] if len(atoms) == 1 else AllOf(atoms))
    labels = {part.label for part in parts if isinstance(part, Answered)}
    if len(labels) == 1 and all(isinstance(part, Answered) for part in parts):
        return Answered(
            labels.pop(), tuple(dict.fromkeys(c for p in parts if isinstance(p, Answered) for c in p.answers))
        )
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def list_construction(decisions: Iterable[Decision], assignments: Sequence[Sample]) -> list[SpaceDecision]:
    """Construction-time decisions, with when each is asked, read off all assignments."""
    return [
        SpaceDecision(decision, CONSTRUCTOR, _find_condition(decision.label, assignments)) for decision in decisions
    ]


def _find_condition(label: str, assignments: Sequence[Sample]) -> Formula | None:
    with_it = [assignment for assignment in assignments if label in assignment]
    without = [assignment for assignment in assignments if label not in assignment]
    if not without:
        return None
    before = [_before(label, assignment) for assignment in with_it]
    for other in dict.fromkeys(name for answers in before for name in answers):
        alive = dict.fromkeys(answers.get(other, _MISSING) for answers in before)
        if _MISSING not in alive and not any(assignment.get(other, _MISSING) in alive for assignment in without):
            return Answered(other, tuple(alive))
    ways = dict.fromkeys(Sample(answers) for answers in before)
    parts = tuple(AllOf(tuple(Answered(name, (choice,)) for name, choice in way.items())) for way in ways)
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def _before(label: str, assignment: Sample) -> dict[str, Choice]:
    """The answers that come before one."""
    answers: dict[str, Choice] = {}
    for name, choice in assignment.items():
        if name == label:
            break
        answers[name] = choice
    return answers


_MISSING = object()
"""Stands for no answer; None may be one."""
