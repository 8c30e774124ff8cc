"""Asynchronous successive halving over one ladder of rungs."""

from __future__ import annotations

import bisect
from collections import Counter
from typing import Literal, TypeAlias

from retix.errors import ConfigError
from retix.pareto import Costs
from retix.stopping.ranking import Ranking
from retix.trial import Verdict

Mode: TypeAlias = Literal["promote", "stop"]
"""Whether trials that are not among the best at a rung wait there, or end there."""


class Bracket:
    """Lets a share of the trials go on at each rung (Li et al. 2020, algorithm 2).

    A trial waits at the highest rung that it has reached if it was not promoted from there, and has not ended. How
    often it was promoted therefore says from which rung it went on last, in whatever order all this is told.

    Args:
        rungs: After how many results a trial is compared, ascending.
        reduction: One in so many goes on.
        mode: What becomes of the others.
    """

    def __init__(self, rungs: tuple[int, ...], reduction: int, mode: Mode) -> None:
        self._rungs = rungs
        self._reduction = reduction
        self._mode = mode
        self._rankings = [Ranking() for _ in rungs]
        self._waiting: list[set[int]] = [set() for _ in rungs]
        self._furthest: dict[int, int] = {}  # of each trial, the last step that it has reported
        self._promotions: Counter[int] = Counter()
        self._ended: set[int] = set()
        self._has_changed = True  # since nothing was found to be promoted

    def report(self, trial: int, step: int, costs: Costs, violation: float) -> Verdict:
        """Take an intermediate result, as `retix.stopping.EarlyStopping.report` does."""
        self._leave(trial)
        self._furthest[trial] = max(step, self._furthest.get(trial, 0))
        at = bisect.bisect_left(self._rungs, step)
        is_rung = at < len(self._rungs) and self._rungs[at] == step
        if is_rung:
            self._rankings[at].put(trial, costs, violation)
        self._enter(trial)
        if not is_rung:
            return Verdict.GO_ON
        if self._mode == "promote":
            return Verdict.PAUSE if self._promotions[trial] <= at else Verdict.GO_ON
        # One that got further before a crash was let on here then.
        may_go_on = self._furthest[trial] > step or self._rankings[at].position(trial) < self._count_best(at)
        return Verdict.GO_ON if may_go_on else Verdict.STOP

    def ended(self, trial: int) -> None:
        """Note that a trial waits no longer; what it reached still counts."""
        self._leave(trial)
        self._ended.add(trial)

    def promoted(self, trial: int) -> None:
        """Note that a trial goes on from the rung at which it waits."""
        self._leave(trial)
        self._promotions[trial] += 1
        self._enter(trial)

    def next_promotion(self) -> int | None:
        """The best trial that waits among the best of its rung; of the highest rung where there is one."""
        if not self._has_changed:
            return None
        for at in reversed(range(len(self._rungs))):
            waiting = self._waiting[at]
            best = self._rankings[at].first(len(self._rankings[at]) // self._reduction) if waiting else ()
            found = next((trial for trial in best if trial in waiting), None)
            if found is not None:
                return found
        self._has_changed = False
        return None

    def find_finalist(self) -> tuple[int, int] | None:
        """The best trial that waits at the highest rung where one does, and that rung's step."""
        for step, ranking, waiting in reversed(list(zip(self._rungs, self._rankings, self._waiting, strict=True))):
            if waiting:
                return next(trial for trial in ranking.first(len(ranking)) if trial in waiting), step
        return None

    def _count_best(self, at: int) -> int:
        """How many go on of those that were compared at a rung so far; at least one."""
        return -(-len(self._rankings[at]) // self._reduction)

    def _place(self, trial: int) -> int | None:
        """The rung at which a trial waits, if it does."""
        at = bisect.bisect_right(self._rungs, self._furthest.get(trial, 0)) - 1
        is_waiting = at >= 0 and self._promotions[trial] <= at and trial not in self._ended
        return at if is_waiting else None

    def _leave(self, trial: int) -> None:
        self._has_changed = True
        at = self._place(trial)
        if at is not None:
            self._waiting[at].discard(trial)

    def _enter(self, trial: int) -> None:
        at = self._place(trial)
        if at is not None and self._mode == "promote":
            self._waiting[at].add(trial)


def list_rungs(min_steps: int, max_steps: int, reduction: int) -> tuple[int, ...]:
    """The steps at which trials are compared: ``min_steps``, and ``reduction`` times as many each time.

    Raises:
        ConfigError: A number is out of range.
    """
    for name, value, least in (("min_steps", min_steps, 1), ("max_steps", max_steps, 2), ("reduction", reduction, 2)):
        check_number(name, value, least)
    if min_steps >= max_steps:
        raise ConfigError(
            f"min_steps is {min_steps}, and max_steps {max_steps}",
            why="trials would be compared only when they have ended",
            fix="give max_steps the number of intermediate results of a whole trial, and min_steps fewer",
        )
    rungs = [min_steps]
    while rungs[-1] * reduction < max_steps:
        rungs.append(rungs[-1] * reduction)
    return tuple(rungs)


def check_number(name: str, value: object, least: int) -> None:
    """Refuse what is no whole number, or too low.

    Raises:
        ConfigError: It is.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{name} is {value!r}", fix=f"give a whole number of at least {least}")
