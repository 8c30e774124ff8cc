"""What trials have reached at one point of their training, in order."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import TypeAlias

from retix.pareto import Costs, order, rank

# With several objectives, a trial is compared with so many others: all fronts of more would be found anew each time.
_WINDOW = 500

_Key: TypeAlias = tuple[bool, float, float, int]


class Ranking:
    """Results of trials, the best first; which came when makes no difference.

    With one cost it is kept in order. With several it is put in order by `retix.pareto` when it is looked at.
    """

    def __init__(self) -> None:
        self._results: dict[int, tuple[Costs, float]] = {}
        self._keys: list[_Key] = []  # of one cost: in order
        self._order: list[int] | None = []  # of several: the trials in order, or None if that is to be found anew

    def __len__(self) -> int:
        return len(self._results)

    def put(self, trial: int, costs: Costs, violation: float) -> None:
        """Set the result of a trial; an earlier one is replaced.

        Args:
            trial: Its id.
            costs: Lower being better; infinite where one is missing.
            violation: By how much it breaks limits.
        """
        before = self._results.get(trial)
        if before == (costs, violation):
            return
        self._results[trial] = costs, violation
        if len(costs) > 1:
            self._order = None
            return
        if before is not None:
            del self._keys[bisect.bisect_left(self._keys, _key(*before, trial))]
        bisect.insort(self._keys, _key(costs, violation, trial))

    def first(self, count: int) -> Sequence[int]:
        """The ids of the best ``count`` trials, the best first; of equals, the earlier one."""
        return [key[-1] for key in self._keys[:count]] if self._has_one_cost() else self._list()[:count]

    def position(self, trial: int) -> int:
        """How many trials come before ``trial``, which is one of them."""
        if not self._has_one_cost():
            return self._list().index(trial)
        return bisect.bisect_left(self._keys, _key(*self._results[trial], trial))

    def count_better(self, trial: int, costs: Costs, violation: float) -> tuple[int, int]:
        """How many of the others are better than a result of ``trial``, and how many others there are.

        With several costs the better ones are those in a better front, and the others are those of the latest trials.

        Args:
            trial: Its id; its own entry is left out.
            costs: The result, lower being better.
            violation: By how much it breaks limits.
        """
        mine = self._results.get(trial)
        if len(costs) == 1:
            key = _key(costs, violation, -1)
            better = bisect.bisect_left(self._keys, key)
            is_mine_better = mine is not None and _key(*mine, -1) < key
            return better - is_mine_better, len(self) - (mine is not None)
        others = sorted(self._results)[-_WINDOW - 1 :]
        results = [self._results[other] for other in others if other != trial][-_WINDOW:]
        ranks = rank([costs, *(c for c, _ in results)], [violation, *(v for _, v in results)])
        return sum(other < ranks[0] for other in ranks), len(results)

    def _has_one_cost(self) -> bool:
        return len(self._keys) == len(self._results)

    def _list(self) -> list[int]:
        if self._order is None:
            trials = sorted(self._results)
            results = [self._results[trial] for trial in trials]
            self._order = [trials[at] for at in order([c for c, _ in results], [v for _, v in results])]
        return self._order


def _key(costs: Costs, violation: float, trial: int) -> _Key:
    is_whole = math.isfinite(costs[0])
    return not is_whole, violation, costs[0] if is_whole else math.inf, trial
