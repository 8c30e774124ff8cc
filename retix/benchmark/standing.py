"""How a strategy did in many searches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

CHECKPOINTS = (1, 2, 5, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200)
"""Where regret is read off: budgets in whole trainings."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The searches of one strategy, a seed each.

    Attributes:
        name: The strategy.
        trials: For each search, how many trials had begun when the first network of the goal was trained to its end;
            infinite where none was.
        epochs: The same in epochs.
        regrets: For each search, the regret at each of `CHECKPOINTS` that its budget reached: by how much the network
            that seemed best, among those trained to their end, is below the best of the table; NaN where there was
            none yet.
        seconds: What the strategy took to decide, per search.
    """

    name: str
    trials: tuple[float, ...]
    epochs: tuple[float, ...]
    regrets: tuple[tuple[float, ...], ...]
    seconds: float

    @property
    def curve(self) -> list[tuple[int, float]]:
        """The median regret at each checkpoint at which at least half of the searches had one."""
        columns = zip(CHECKPOINTS, zip(*self.regrets, strict=True), strict=False)
        return [(budget, middle) for budget, column in columns if math.isfinite(middle := median(_worst_last(column)))]

    def to_json(self) -> dict[str, Any]:
        """The standing as JSON values; None stands for goals that were not reached."""
        return {
            "strategy": self.name,
            "searches": len(self.trials),
            "median_trials_to_top_1_percent": _finite(median(self.trials)),
            "trials_to_top_1_percent_interval": [_finite(value) for value in interval(self.trials)],
            "median_epochs_to_top_1_percent": _finite(median(self.epochs)),
            "epochs_to_top_1_percent_interval": [_finite(value) for value in interval(self.epochs)],
            "reached": sum(map(math.isfinite, self.trials)),
            "median_regret": {str(budget): round(regret, 6) for budget, regret in self.curve},
            "seconds_per_search": round(self.seconds, 3),
        }


def median(values: Sequence[float]) -> float:
    """The middle; of an even number, the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """A confidence interval of the median that assumes nothing of the distribution: two of the ordered values.

    The number of values below the true median is binomial. With fewer than six values, it is all of them.
    """
    ordered, n = sorted(values), len(values)
    below, rank = 0.0, 0
    while rank < n // 2 and (below := below + math.comb(n, rank) / 2**n) <= (1 - confidence) / 2:
        rank += 1
    rank = max(rank, 1)
    return ordered[rank - 1], ordered[n - rank]


def _worst_last(values: Sequence[float]) -> list[float]:
    return [math.inf if math.isnan(value) else value for value in values]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
