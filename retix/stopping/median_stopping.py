"""Stopping by the median of the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from retix.pareto import Costs
from retix.stopping.bracket import check_number
from retix.stopping.early_stopping import EarlyStopping
from retix.stopping.ranking import Ranking
from retix.trial import Verdict


class MedianStopping(EarlyStopping):
    """Ends a trial whose best result is worse than what half of the others have had on average up to the same step.

    The rule of Golovin et al. 2017 ("Google Vizier", section 3.2), which asks nothing about how far a trial is to go.
    It compares with all trials that have got as far, not only with those that have ended, so that it works from the
    beginning of a search. With several objectives each is taken at its best, and a trial ends if more than half of the
    others (of the latest 500) are in a better front.

    Args:
        grace_steps: So many results every trial may report.
        warmup_trials: So many others must have got as far.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(self, grace_steps: int = 1, warmup_trials: int = 5) -> None:
        super().__init__()
        check_number("grace_steps", grace_steps, 0)
        check_number("warmup_trials", warmup_trials, 1)
        self.grace_steps = grace_steps
        self.warmup_trials = warmup_trials
        self._curves: defaultdict[int, _Curve] = defaultdict(_Curve)
        self._rankings: defaultdict[int, Ranking] = defaultdict(Ranking)

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        curve = self._curves[trial]
        first = curve.put(step, (*self.objectives.costs(metrics), self.objectives.violation(metrics)))
        for changed in range(first, curve.length + 1):
            *costs, violation = curve.average(changed)
            self._rankings[changed].put(trial, tuple(costs), violation)
        if step <= self.grace_steps or step > curve.length:
            return Verdict.GO_ON
        *best, least = curve.best(step)
        better, others = self._rankings[step].count_better(trial, tuple(best), least)
        return Verdict.STOP if others >= self.warmup_trials and 2 * better > others else Verdict.GO_ON


class _Curve:
    """What one trial has reported: numbers of which lower is better, by step."""

    def __init__(self) -> None:
        self._reports: dict[int, Costs] = {}
        # Of the first reports, as far as none is missing: their sums and their least, up to each.
        self._sums: list[Costs] = []
        self._bests: list[Costs] = []

    @property
    def length(self) -> int:
        """Up to which step nothing is missing."""
        return len(self._sums)

    def put(self, step: int, values: Costs) -> int:
        """Take a report, and return from which step on averages have changed."""
        self._reports[step] = values
        first = min(step, self.length + 1)
        del self._sums[first - 1 :], self._bests[first - 1 :]
        while (following := self._reports.get(self.length + 1)) is not None:
            sums = self._sums[-1] if self._sums else (0.0,) * len(following)
            bests = self._bests[-1] if self._bests else following
            self._sums.append(tuple(map(sum, zip(sums, following, strict=True))))
            self._bests.append(tuple(map(min, zip(bests, following, strict=True))))
        return first

    def average(self, step: int) -> Costs:
        """The mean of the reports up to a step."""
        return tuple(value / step for value in self._sums[step - 1])

    def best(self, step: int) -> Costs:
        """The least of each number up to a step."""
        return self._bests[step - 1]
