"""A space whose ranges of numbers are thinned out."""

from __future__ import annotations

import itertools
from dataclasses import replace

from retix.space import Choice, Decision, Pick, Sample, SearchSpace


class GridSpace(SearchSpace):
    """Shows of each range of numbers only so many evenly spaced answers, both ends among them.

    A range is a decision for one of several numbers that stand in rising order, as those of ``nn.ValueRange`` do. Where
    constraints leave only some of its answers, these are thinned out.

    Args:
        space: The whole space.
        granularity: Answers per range, at least 2.
    """

    def __init__(self, space: SearchSpace, granularity: int) -> None:
        self._space = space
        self._granularity = granularity

    def walk(self, pick: Pick) -> Sample:
        return self._space.walk(lambda decision: pick(self._thin(decision)))

    def fingerprint(self, sample: Sample) -> str:
        return self._space.fingerprint(sample)

    def permits(self, sample: Sample) -> bool:
        return self._space.permits(sample)

    def measure(self, sample: Sample, name: str) -> float:
        return self._space.measure(sample, name)

    def _thin(self, decision: Decision) -> Decision:
        if decision.size <= self._granularity or not is_range(decision):
            return decision
        answers = tuple(decision.options())
        last = len(answers) - 1
        steps = self._granularity - 1
        # Rounded half up, in whole numbers: no two of fewer places than answers can meet.
        places = [(2 * i * last + steps) // (2 * steps) for i in range(self._granularity)]
        return replace(decision, allowed=tuple(answers[place] for place in places))


def is_range(decision: Decision) -> bool:
    """Whether a decision is for one of several numbers in rising order."""
    numbers: tuple[Choice, ...] = decision.candidates
    if decision.n_chosen is not None or len(numbers) < 2 or not all(type(n) in (int, float) for n in numbers):
        return False
    return all(one < other for one, other in itertools.pairwise(numbers))
