"""What trials would have come to that were not trained to their end."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from retix.strategy.optuna.record import Record

_FITTED = 3
"""From how many trials on a slope can be told from noise."""


def foresee(records: Sequence[Record]) -> dict[int, float]:
    """The cost that each pruned or paused trial of a search for one objective would have ended with.

    What others ended with that had been as far is fitted by a line: a trial that is behind catches up in part. None is
    foreseen to be better than the best that has ended; where none has ended, a trial keeps its cost.

    Returns:
        By the number of the record.
    """
    best = min((record.costs[0] for record in records if record.stage == "complete"), default=-math.inf)
    lines = {steps: _fit(points) for steps, points in _pair(records).items()}
    found = {}
    for number, record in enumerate(records):
        if record.stage == "pruned":
            slope, shift = lines.get(record.steps, (1.0, 0.0))
            found[number] = max(best, slope * record.costs[0] + shift)
    return found


def _pair(records: Sequence[Record]) -> Mapping[int, list[tuple[float, float]]]:
    """The cost at a pause and at the end, of all that ended, by when they paused."""
    pairs: dict[int, list[tuple[float, float]]] = {}
    for record in records:
        if record.stage == "complete":
            for steps, cost in record.path:
                pairs.setdefault(steps, []).append((cost, record.costs[0]))
    return pairs


def _fit(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The slope, between 0 and 1, and the shift of a line through the points."""
    before, after = zip(*points, strict=True)
    slope = 1.0
    if len(points) >= _FITTED and len(set(before)) > 1:
        slope = min(1.0, max(0.0, statistics.linear_regression(before, after).slope))
    return slope, statistics.fmean(after) - slope * statistics.fmean(before)
