"""Who hears of what happens in a search."""

from __future__ import annotations

from typing import Protocol

from retix.experiment.search.limits import Limits
from retix.trial import Reported, Trial


class Listener(Protocol):
    """Hears of every change, after it is recorded."""

    def trial_changed(self, trial: Trial) -> None:
        """A trial was proposed, began, ended, was queued again, or waits for something else."""

    def trial_reported(self, trial: Trial, report: Reported) -> None:
        """A running trial reported an intermediate result."""

    def limits_changed(self, limits: Limits, capacity: int) -> None:
        """The user has changed what may be spent, or how many trials run at a time."""


class Listeners:
    """Several listeners, told one after the other."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def trial_changed(self, trial: Trial) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.trial_changed(trial)

    def trial_reported(self, trial: Trial, report: Reported) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.trial_reported(trial, report)

    def limits_changed(self, limits: Limits, capacity: int) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.limits_changed(limits, capacity)
