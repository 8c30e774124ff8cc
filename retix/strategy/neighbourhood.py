"""The samples that differ from one in a single decision."""

from __future__ import annotations

import json
import random
from typing import TypeAlias

from retix.space import Choice, Decision, Sample, SearchSpace
from retix.strategy.mutation import can_keep, draw_other

Move: TypeAlias = tuple[str, Choice]
"""A label, and the answer that it gets."""

_MOST = 500


def same(one: Choice, other: Choice) -> bool:
    """Whether two answers to one decision are the same JSON value; to Python, 1, 1.0 and True are equal."""
    if type(one) is not type(other) or isinstance(one, (str, int, float)):
        return type(one) is type(other) and bool(one == other)
    return json.dumps(one) == json.dumps(other)


def list_moves(space: SearchSpace, centre: Sample, rng: random.Random) -> list[Move]:
    """Every other answer to every decision that is alive at ``centre``, in random order.

    Of more than 500, which only decisions for subsets of many candidates have, that many are drawn.
    """
    met: list[Decision] = []

    def pick(decision: Decision) -> Choice:
        answer = centre[decision.label] if can_keep(centre, decision) else decision.draw(rng)
        if decision.size > 1:
            met.append(decision)
        return answer

    sample = space.walk(pick)
    if sum(decision.size - 1 for decision in met) > _MOST:
        drawn = {(d.label, draw_other(d, sample[d.label], rng)): None for d in rng.choices(met, k=_MOST)}
        return list(drawn)
    moves = [
        (decision.label, answer)
        for decision in met
        for answer in decision.options()
        if not same(answer, sample[decision.label])
    ]
    rng.shuffle(moves)
    return moves
