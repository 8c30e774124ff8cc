"""What becomes of trials."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from retix.errors import RetixError, StoreError
from retix.experiment.search.budget import Budget
from retix.experiment.search.failure_policy import Streak, may_retry
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.roster import Entry, Roster
from retix.trial import (
    Cancelled,
    Event,
    Failed,
    Failure,
    FailureKind,
    Finished,
    Reported,
    Started,
    Trial,
    TrialState,
)


class Outcomes:
    """Turns what the engine says into what is recorded: every trial ends exactly once.

    Args:
        ledger: Records.
        roster: Has the trials that have not ended.
        budget: Has the policies.
    """

    def __init__(self, ledger: Ledger, roster: Roster, budget: Budget) -> None:
        self._ledger = ledger
        self._roster = roster
        self._budget = budget
        self._streak = Streak()

    @property
    def verdict(self) -> str:
        """Why failures are to end the search, in words; empty while they are not."""
        return self._streak.verdict

    def handle(self, events: Iterable[Event]) -> None:
        """Record what has happened, all of it in one round."""
        known = [(entry, event) for event in events if (entry := self._roster.find(event.trial)) is not None]
        if known:
            with self._ledger.round():
                for entry, event in known:
                    # One that has ended for the search already, or waits for its next attempt, is told of too late.
                    if self._roster.is_submitted(event.trial):
                        self._handle(entry, event)

    def _handle(self, entry: Entry, event: Event) -> None:
        trial = entry.trial
        match event:
            case Started():
                attempt = trial.attempts + 1
                self._ledger.store.begin_attempt(trial.id, attempt, event.worker, event.time)
                self._change(entry, state=TrialState.RUNNING, started=event.time, attempts=attempt, waits_for="")
            case Reported():
                self._ledger.report(trial, event)
            case Finished():
                self._end_attempt(trial, event.time)
                self._end(replace(trial, state=TrialState.SUCCEEDED, metrics=event.metrics, ended=event.time))
            case Failed():
                self._end_attempt(trial, event.time, event.failure)
                self._fail(entry, event.failure, event.time)
            case Cancelled():
                self._end_attempt(trial, event.time, stopped=True)
                self._end(replace(trial, state=TrialState.STOPPED, ended=event.time))

    def _fail(self, entry: Entry, failure: Failure, now: float) -> None:
        if entry.is_cancelled:
            self._end(replace(entry.trial, state=TrialState.STOPPED, ended=now))
        elif may_retry(failure, self._budget.limits.policy(failure.kind), entry.earlier):
            entry.earlier[failure.kind] += 1
            self._roster.requeue(entry.trial.id)
            again = f"is run again, as its last attempt failed ({failure.kind})"
            self._change(entry, state=TrialState.WAITING, started=None, waits_for=again)
        else:
            self._end(replace(entry.trial, state=TrialState.FAILED, failure=failure, ended=now))

    def end_unbuilt(self, trial: Trial, kind: FailureKind, error: RetixError) -> Trial:
        """End a trial, in a round, because there is no model of it."""
        failure = Failure(kind, error.what, type(error).__name__, str(error))
        return self._end(replace(trial, state=TrialState.FAILED, failure=failure, ended=time.time(), waits_for=""))

    def end_duplicate(self, trial: Trial, original: Trial) -> Trial:
        """End a trial, in a round, with the result of the trial that makes the same network."""
        state = TrialState.STOPPED if original.state is TrialState.STOPPED else TrialState.DUPLICATE
        trial = replace(trial, state=state, metrics=original.metrics, ended=time.time(), waits_for="")
        return self._end(trial, original.failure)

    def stop(self, trial: Trial) -> Trial:
        """End a trial, in a round, that the user has cancelled and that does not run."""
        return self._end(replace(trial, state=TrialState.STOPPED, ended=time.time(), waits_for=""))

    def halt(self) -> None:
        """End all that has not ended, in a round, because the search ends; a resume takes it up again."""
        now = time.time()
        for entry in self._roster:
            if not self._is_open(entry.trial.id):
                continue  # an error came between a change and its record
            trial = replace(entry.trial, state=TrialState.STOPPED, ended=now, waits_for="")
            if entry.trial.state is TrialState.RUNNING:
                self._end_attempt(trial, now, stopped=True)
            self._ledger.halt(trial)

    def _end(self, trial: Trial, cause: Failure | None = None) -> Trial:
        """Record a trial as it ended, and its twins with it.

        Args:
            trial: The trial.
            cause: The failure that it shares with the trial whose result it carries.
        """
        self._count(trial)
        self._ledger.end(trial, self._choose_penalty(trial.failure or cause))
        if self._roster.find(trial.id) is not None:
            for twin in self._roster.remove(trial.id):
                self.end_duplicate(twin.trial, trial)
        return trial

    def find_penalty(self, trial: Trial) -> float | None:
        """The metric that the strategy is told for a trial that has ended without one; None if there is no penalty."""
        original = trial if trial.duplicate_of is None else self._ledger.store.trial(trial.duplicate_of)
        return self._choose_penalty(original.failure)

    def _choose_penalty(self, failure: Failure | None) -> float | None:
        return None if failure is None else self._budget.limits.policy(failure.kind).penalty

    def _is_open(self, trial: int) -> bool:
        try:
            return not self._ledger.store.trial(trial).state.is_final
        except StoreError:
            return False

    def _count(self, trial: Trial) -> None:
        if trial.state is TrialState.SUCCEEDED:
            self._streak.succeeded()
        elif trial.failure is not None:
            self._streak.failed(trial.failure, self._budget.limits.policy(trial.failure.kind))

    def _change(self, entry: Entry, **changes: object) -> None:
        entry.trial = replace(entry.trial, **changes)  # type: ignore[arg-type]  # the names are those of its fields
        self._ledger.record(entry.trial)

    def _end_attempt(self, trial: Trial, now: float, failure: Failure | None = None, *, stopped: bool = False) -> None:
        if trial.started is not None:
            self._ledger.store.end_attempt(trial.id, trial.attempts, now, failure, stopped=stopped)
