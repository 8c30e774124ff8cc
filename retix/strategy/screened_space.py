"""A space of which only the models that rank well may be tried."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from retix.errors import ConfigError, RetixError, SpaceError
from retix.objective import Objective
from retix.space import Pick, Sample, SearchSpace


class Ranking:
    """Ranks of models by measures that need no training, among the models that were drawn.

    A model's score is the sum of its ranks, one per measure; less is better. Of models with equal values, each has the
    mean of their ranks. A measure that cannot be taken ranks last.

    Args:
        measures: The measures, and in which direction each is good.
        costs: What was measured: for each measure, the values of all models such that lower is better.
    """

    def __init__(self, measures: Sequence[Objective], costs: Iterable[Iterable[float]]) -> None:
        self.measures = tuple(measures)
        self.costs = [sorted(values) for values in costs]

    def to_json(self) -> list[list[float | None]]:
        """The costs as JSON values; None stands for one that is infinite."""
        return [[cost if math.isfinite(cost) else None for cost in costs] for costs in self.costs]

    @classmethod
    def from_json(cls, measures: Sequence[Objective], data: Iterable[Iterable[float | None]]) -> Ranking:
        """The ranking that ``to_json`` wrote."""
        return cls(measures, ([math.inf if cost is None else cost for cost in costs] for costs in data))

    def score(self, costs: Iterable[float]) -> float:
        """The sum of ranks of a model that was measured."""
        pairs = zip(self.costs, costs, strict=True)
        return sum((bisect_left(known, cost) + bisect_right(known, cost)) / 2 for known, cost in pairs)


class ScreenedSpace(SearchSpace):
    """The models of a space whose score is not above a threshold; all of them, as long as there is none.

    Args:
        space: The space.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._ranking: Ranking | None = None
        self._threshold = math.inf
        self._passed: dict[str, bool] = {}

    def set_threshold(self, ranking: Ranking, threshold: float) -> None:
        """Permit only what scores so well, or better."""
        self._ranking, self._threshold = ranking, threshold
        self._passed.clear()

    def walk(self, pick: Pick) -> Sample:
        return self._space.walk(pick)

    def fingerprint(self, sample: Sample) -> str:
        return self._space.fingerprint(sample)

    def measure(self, sample: Sample, name: str) -> float:
        return self._space.measure(sample, name)

    def permits(self, sample: Sample) -> bool:
        return self._space.permits(sample) and (self._ranking is None or self._passes(self._ranking, sample))

    def _passes(self, ranking: Ranking, sample: Sample) -> bool:
        network = self._space.fingerprint(sample)
        known = self._passed.get(network)
        if known is None:
            costs = measure_costs(self._space, sample, ranking.measures)
            known = self._passed[network] = ranking.score(costs) <= self._threshold
        return known


def measure_costs(space: SearchSpace, sample: Sample, measures: Iterable[Objective]) -> list[float]:
    """The measures of a model such that lower is better; infinite where one cannot be taken.

    Raises:
        SpaceError: There is no such measure.
        ConfigError: There is no such measure.
    """
    costs = []
    for measure in measures:
        try:
            costs.append(measure.cost({measure.name: space.measure(sample, measure.name)}))
        except (SpaceError, ConfigError):
            raise
        except RetixError:
            costs.append(float("inf"))
    return costs
