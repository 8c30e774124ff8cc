"""Several ladders of successive halving side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping

from retix.stopping.asha import check_mode
from retix.stopping.bracket import Bracket, Mode, check_number, list_rungs
from retix.stopping.early_stopping import EarlyStopping
from retix.trial import Verdict

_GOLDEN = (math.sqrt(5) - 1) / 2


class Hyperband(EarlyStopping):
    """Successive halving that does not rely on the first steps alone: brackets begin to compare at different steps.

    The first bracket is `ASHA`; each further one leaves out one more of the lowest rungs. They share the trials as in
    Hyperband (Li et al. 2018, algorithm 1), such that each bracket takes about the same training; none waits for
    another (Li et al. 2020). A trial's bracket follows from its id.

    Args:
        max_steps: How many intermediate results a whole trial reports: its epochs, mostly.
        min_steps: After how many a trial of the first bracket is compared for the first time.
        reduction: One trial in so many goes on.
        brackets: How many brackets at most; None for as many as there are rungs.
        mode: ``promote`` or ``stop``, as for `ASHA`.

    Raises:
        ConfigError: A number is out of range, or there is no such mode.
    """

    def __init__(
        self,
        max_steps: int,
        *,
        min_steps: int = 1,
        reduction: int = 3,
        brackets: int | None = None,
        mode: Mode = "promote",
    ) -> None:
        super().__init__()
        check_mode(mode)
        if brackets is not None:
            check_number("brackets", brackets, 1)
        self.max_steps = max_steps
        self.min_steps = min_steps
        self.reduction = reduction
        self.brackets = brackets
        self.mode: Mode = mode
        rungs = list_rungs(min_steps, max_steps, reduction)
        count = min(len(rungs), brackets or len(rungs))
        self._brackets = [Bracket(rungs[left_out:], reduction, mode) for left_out in range(count)]
        # With s halvings still to come, Hyperband takes (s_max + 1) / (s + 1) * reduction^s trials.
        halvings = [len(rungs) - left_out for left_out in range(count)]
        self._shares = [(len(rungs) + 1) / (s + 1) * reduction**s for s in halvings]

    @property
    def may_pause(self) -> bool:
        return self.mode == "promote"

    def bracket(self, trial: int) -> int:
        """The bracket of a trial, counted from 0: multiples of the golden ratio fill the shares evenly."""
        left = trial * _GOLDEN % 1.0 * sum(self._shares)
        for at, share in enumerate(self._shares):
            left -= share
            if left < 0:
                return at
        return 0

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        costs, violation = self.objectives.costs(metrics), self.objectives.violation(metrics)
        return self._brackets[self.bracket(trial)].report(trial, step, costs, violation)

    def ended(self, trial: int) -> None:
        self._brackets[self.bracket(trial)].ended(trial)

    def next_promotion(self) -> int | None:
        found = (bracket.next_promotion() for bracket in self._brackets)
        return next((trial for trial in found if trial is not None), None)

    def next_finalist(self) -> int | None:
        found = [each for bracket in self._brackets if (each := bracket.find_finalist()) is not None]
        return max(found, key=lambda each: each[1])[0] if found else None

    def promoted(self, trial: int) -> None:
        self._brackets[self.bracket(trial)].promoted(trial)
