"""Why trials wait."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from retix.execution import Engine
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.outcomes import explain_pause
from retix.experiment.search.roster import Entry, Roster
from retix.trial import TrialState

# Seconds between looks.
_PERIOD = 1.0

# Words that differ only in what is counted say the same.
_NUMBER = re.compile(r"\d+(\.\d+)?")


class Waiting:
    """Keeps the record of why each trial waits true, at the price of a look each second.

    Args:
        engine: Says what its own trials wait for.
        ledger: Records.
        roster: Has the trials.
    """

    def __init__(self, engine: Engine, ledger: Ledger, roster: Roster) -> None:
        self._engine = engine
        self._ledger = ledger
        self._roster = roster
        self._next = time.monotonic() + _PERIOD

    def refresh(self, is_paused: bool, *, now: bool = False) -> None:
        """Record what has changed, unless this was done a moment ago and ``now`` is not asked for."""
        moment = time.monotonic()
        if moment < self._next and not now:
            return
        self._next = moment + _PERIOD
        changed = []
        words = self._engine.waits()
        for entry in self._roster:
            if entry.trial.state is TrialState.WAITING:
                reason = words.get(entry.trial.id) or self._explain(entry, is_paused)
                if _NUMBER.sub("", reason) != _NUMBER.sub("", entry.trial.waits_for):
                    changed.append((entry, reason))
        if changed:
            with self._ledger.round():
                for entry, reason in changed:
                    entry.trial = replace(entry.trial, waits_for=reason)
                    self._ledger.record(entry.trial)

    def _explain(self, entry: Entry, is_paused: bool) -> str:
        trial = entry.trial
        if self._roster.is_submitted(trial.id):
            return "waits for a worker"
        if trial.duplicate_of is not None:
            return f"waits for the result of trial {trial.duplicate_of}"
        if self._roster.is_paused(trial.id):
            return explain_pause(trial.steps)
        if trial.inherit and trial.parent is not None and self._roster.is_awaited(trial.parent):
            return f"waits for the weights of trial {trial.parent}"
        return "paused" if is_paused else "waits for a free slot"
