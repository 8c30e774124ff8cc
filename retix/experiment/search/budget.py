"""What a search has spent of what it may spend."""

from __future__ import annotations

import math
import time

from retix.experiment.search.ending import EndReason
from retix.experiment.search.limits import Limits


class Budget:
    """Counts trials and time against limits, which may change on the way.

    Attributes:
        limits: What may be spent.
        run: Trials that were run, or are queued to be.
        fruitless: Proposals since the last one that started a trial.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.run = 0
        self.fruitless = 0
        self._spent = 0.0
        self._since: float | None = None  # None while the clock stands

    @property
    def is_paused(self) -> bool:
        """Whether the clock stands still."""
        return self._since is None

    def start(self) -> None:
        """Let the clock run."""
        if self._since is None:
            self._since = time.monotonic()

    def pause(self) -> None:
        """Let the clock stand still, until `start`."""
        if self._since is not None:
            self._spent += time.monotonic() - self._since
            self._since = None

    def remaining(self) -> float:
        """Seconds that the search may still take."""
        if self.limits.duration is None:
            return math.inf
        running = 0.0 if self._since is None else time.monotonic() - self._since
        return self.limits.duration - self._spent - running

    def count_started(self) -> None:
        """A proposal has become a trial that is run."""
        self.run += 1
        self.fruitless = 0

    def reason(self) -> EndReason | None:
        """Why nothing more may be proposed, or None."""
        if self.is_spent:
            return EndReason.BUDGET
        return EndReason.REPEATING if self.fruitless >= self.limits.patience else None

    @property
    def is_spent(self) -> bool:
        """Whether all trials were run."""
        return self.limits.trials is not None and self.run >= self.limits.trials
