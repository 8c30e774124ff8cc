"""Asynchronous successive halving."""

from __future__ import annotations

from collections.abc import Mapping

from retix.errors import ConfigError
from retix.stopping.bracket import Bracket, Mode, list_rungs
from retix.stopping.early_stopping import EarlyStopping
from retix.trial import Verdict


class ASHA(EarlyStopping):
    """Gives most of the training to the trials that did best with little of it (ASHA: Li et al. 2020).

    Trials are compared after ``min_steps`` results, after ``reduction`` times as many, and so on below ``max_steps``.
    By ``promote``, every trial is paused there, and goes on from its own checkpoint once it is among the best in
    ``reduction`` of all that got there, also later ones: few trials are trained far, and no good one is lost. By
    ``stop``, a trial goes on at once or ends, by what is known then: nothing has to be kept, but the first trials
    have it easy. With several objectives, the best are those in the best fronts, and of one front the least crowded.

    Args:
        max_steps: How many intermediate results a whole trial reports: its epochs, mostly.
        min_steps: After how many a trial is compared for the first time.
        reduction: One trial in so many goes on.
        mode: ``promote`` or ``stop``.

    Raises:
        ConfigError: A number is out of range, or there is no such mode.
    """

    def __init__(self, max_steps: int, *, min_steps: int = 1, reduction: int = 3, mode: Mode = "promote") -> None:
        super().__init__()
        check_mode(mode)
        self.max_steps = max_steps
        self.min_steps = min_steps
        self.reduction = reduction
        self.mode: Mode = mode
        self._bracket = Bracket(list_rungs(min_steps, max_steps, reduction), reduction, mode)

    @property
    def may_pause(self) -> bool:
        return self.mode == "promote"

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        return self._bracket.report(trial, step, self.objectives.costs(metrics), self.objectives.violation(metrics))

    def ended(self, trial: int) -> None:
        self._bracket.ended(trial)

    def next_promotion(self) -> int | None:
        return self._bracket.next_promotion()

    def next_finalist(self) -> int | None:
        found = self._bracket.find_finalist()
        return None if found is None else found[0]

    def promoted(self, trial: int) -> None:
        self._bracket.promoted(trial)


def check_mode(mode: str) -> None:
    """Refuse what is no mode.

    Raises:
        ConfigError: It is none.
    """
    if mode not in ("promote", "stop"):
        raise ConfigError(f"the mode is {mode!r}", fix="use 'promote' or 'stop'")
