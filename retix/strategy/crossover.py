"""Mixing two samples."""

from __future__ import annotations

import random

from retix.space import Choice, Decision, Sample, SearchSpace
from retix.strategy.mutation import can_keep


def cross(space: SearchSpace, one: Sample, other: Sample, rng: random.Random) -> Sample:
    """A sample in which each decision that is alive has the answer of either, with equal chance.

    An answer that only one of the two has, or that does not fit besides the answers before it, leaves the other's; if
    neither fits, it is drawn.

    Args:
        space: The space of all three.
        one: Where answers come from.
        other: Where the other answers come from.
        rng: One number is drawn per decision that both answer, and what ``Decision.draw`` takes where neither does.
    """

    def pick(decision: Decision) -> Choice:
        sources = [sample for sample in (one, other) if can_keep(sample, decision)]
        if not sources:
            return decision.draw(rng)
        return sources[rng.randrange(len(sources)) if len(sources) > 1 else 0][decision.label]

    return space.walk(pick)
