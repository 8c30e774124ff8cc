"""Changing some answers of a sample."""

from __future__ import annotations

import json
import random

from retix.errors import SpaceError
from retix.space import Choice, Decision, Sample, SearchSpace

_DRAWS = 32


def mutate(space: SearchSpace, parent: Sample, probability: float, rng: random.Random) -> Sample:
    """A sample that differs from ``parent`` in at least one decision, unless the space holds no other.

    Only decisions that are alive can change: a walk meets no others.

    Args:
        space: The space of both.
        parent: Where the answers come from.
        probability: How likely each answer is drawn anew.
        rng: One number is drawn per answer that could be kept, and what ``Decision.draw`` takes per answer drawn.
    """
    met: list[Decision] = []

    def pick(decision: Decision) -> Choice:
        met.append(decision)
        if can_keep(parent, decision) and rng.random() >= probability:
            return parent[decision.label]
        return decision.draw(rng)

    child = space.walk(pick)
    changeable = [decision for decision in met if decision.size > 1]
    if child != parent or not changeable:
        return child
    decision = rng.choice(changeable)
    return change(space, parent, decision.label, draw_other(decision, parent[decision.label], rng), rng)


def can_keep(parent: Sample, decision: Decision) -> bool:
    """Whether the parent's answer exists and answers this decision; an invented one may have other candidates."""
    if decision.label not in parent:
        return False
    try:
        decision.check(parent[decision.label])
    except SpaceError:
        return False
    return True


def change(space: SearchSpace, parent: Sample, label: str, answer: Choice, rng: random.Random) -> Sample:
    """``parent`` with ``answer`` to the decision ``label``; what cannot be kept besides is drawn.

    Raises:
        SpaceError: ``answer`` does not answer the decision.
    """

    def pick(decision: Decision) -> Choice:
        if decision.label == label:
            return answer
        return parent[decision.label] if can_keep(parent, decision) else decision.draw(rng)

    return space.walk(pick)


def draw_other(decision: Decision, old: Choice, rng: random.Random) -> Choice:
    """Draw an answer that is not ``old``."""
    text = json.dumps(old)
    for _ in range(_DRAWS):
        choice = decision.draw(rng)
        if json.dumps(choice) != text:
            return choice
    # Only weights can make `old` that likely.
    return next(option for option in decision.options() if json.dumps(option) != text)
