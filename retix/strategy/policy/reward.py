"""How good a result is, beside those that came before it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

Cost: TypeAlias = tuple[float, float]
"""How far a model is beyond limits, then its objective; lower is better."""


class Rewards:
    """A running baseline of results that has no scale: the share of recent results that are worse.

    Accuracies near 1, losses in the thousands and failures all come out between -1, the worst of the recent results,
    and 1, the best. The mean of the recent results is 0, so that it needs no critic.

    Args:
        window: How many results are recent.
    """

    def __init__(self, window: int) -> None:
        self._recent: deque[Cost] = deque(maxlen=window)
        self._sorted: list[Cost] = []

    def add(self, cost: Cost) -> None:
        """Take note of a result."""
        if len(self._recent) == self._recent.maxlen:
            del self._sorted[bisect_left(self._sorted, self._recent[0])]
        self._recent.append(cost)
        insort(self._sorted, cost)

    def rate(self, cost: Cost) -> float:
        """The share of recent results that are worse, less the share of those that are better."""
        if not self._sorted:
            return 0.0
        better, not_worse = bisect_left(self._sorted, cost), bisect_right(self._sorted, cost)
        return (len(self._sorted) - not_worse - better) / len(self._sorted)

    def state(self) -> list[list[Any]]:
        """The recent results as JSON values."""
        return [[value if value != float("inf") else None for value in cost] for cost in self._recent]

    def load_state(self, state: Sequence[Sequence[Any]]) -> None:
        """Go on from what `state` returned."""
        self._recent.clear()
        for violation, value in state:
            self._recent.append(
                (float("inf") if violation is None else violation, float("inf") if value is None else value)
            )
        self._sorted = sorted(self._recent)
