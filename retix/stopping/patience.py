"""Stopping trials that get no better."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

from retix.errors import ConfigError
from retix.pareto import Costs, dominates
from retix.stopping.bracket import check_number
from retix.stopping.early_stopping import EarlyStopping
from retix.trial import Verdict


class Patience(EarlyStopping):
    """Ends a trial that has not improved on its own best for a number of results, whatever others do.

    A trial that is ended so is `TrialState.PRUNED`, as by every rule: its evaluator has not come to its end, so that
    there is no final result and there are no weights. Where a trial that has converged is to count as finished, give
    its own trainer a callback that ends the training.

    With several objectives a result is an improvement if it is better than each earlier one in at least one of them.

    Args:
        steps: After how many results without improvement a trial ends.
        min_improvement: By more than how much a metric has to be better than before.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(self, steps: int, min_improvement: float = 0.0) -> None:
        super().__init__()
        check_number("steps", steps, 1)
        if not (math.isfinite(min_improvement) and min_improvement >= 0):
            raise ConfigError(f"min_improvement is {min_improvement}", fix="give a finite number of at least 0")
        self.steps = steps
        self.min_improvement = min_improvement
        self._courses: defaultdict[int, _Course] = defaultdict(_Course)

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        last = self._courses[trial].put(step, self.objectives.costs(metrics), self.min_improvement)
        return Verdict.STOP if step - last >= self.steps else Verdict.GO_ON

    def ended(self, trial: int) -> None:
        # Nobody asks about it again, and it is compared with nobody.
        self._courses.pop(trial, None)


class _Course:
    """What one trial has reported, and when it improved."""

    def __init__(self) -> None:
        self._reports: dict[int, Costs] = {}
        self._end = 0  # the step up to which the others hold
        self._front: list[Costs] = []  # of those that were better
        self._last = 0

    def put(self, step: int, costs: Costs, margin: float) -> int:
        """Take a report, and return the last step up to it that was better by ``margin`` than all before."""
        self._reports[step] = costs
        if step <= self._end:
            self._end, self._front, self._last = 0, [], 0
        for at in sorted(at for at in self._reports if self._end < at <= step) if step != self._end + 1 else (step,):
            self._look_at(at, self._reports[at], margin)
        self._end = step
        return self._last

    def _look_at(self, step: int, costs: Costs, margin: float) -> None:
        # What is better by too little does not count, so that slow progress adds up.
        if not any(all(old <= new + margin for old, new in zip(o, costs, strict=True)) for o in self._front):
            self._last = step
            self._front = [old for old in self._front if not dominates(costs, old)] + [costs]
