"""What becomes of trials."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
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
    Halted,
    Reported,
    Started,
    Trial,
    TrialState,
    Verdict,
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
        self.has_succeeded = False
        """Whether any trial has, also before a resume."""

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
                entry.steps, entry.latest = event.step + 1, event.metrics
                self._ledger.report(trial, event)
            case Finished():
                self._end_attempt(trial, event.time)
                metrics = {**entry.measures, **event.metrics}
                succeeded = replace(trial, state=TrialState.SUCCEEDED, metrics=metrics, steps=entry.steps)
                self._end(replace(succeeded, ended=event.time))
            case Halted():
                self._end_attempt(trial, event.time, verdict=event.verdict)
                self._obey(entry, event)
            case Failed():
                self._end_attempt(trial, event.time, event.failure)
                self._fail(entry, event.failure, event.time)
            case Cancelled():
                self._end_attempt(trial, event.time, stopped=True)
                self._stop(entry, event.time)

    def _obey(self, entry: Entry, event: Halted) -> None:
        """Do as early stopping has said."""
        metrics = {**entry.measures, **_finite(entry.latest)}
        shown = replace(entry.trial, metrics=metrics, steps=entry.steps)
        if event.verdict is Verdict.STOP:
            self._end(replace(shown, state=TrialState.PRUNED, ended=event.time))
        elif entry.is_cancelled:
            self._stop(entry, event.time)
        else:
            words = explain_pause(entry.steps)
            entry.trial = replace(shown, state=TrialState.WAITING, started=None, waits_for=words)
            entry.job = None  # it is made again if it goes on: thousands may be paused
            self._ledger.pause(entry.trial)
            for twin in self._roster.pause(entry.trial.id):
                self.end_duplicate(twin.trial, entry.trial)

    def _fail(self, entry: Entry, failure: Failure, now: float) -> None:
        if entry.is_cancelled:
            self._stop(entry, now)
        elif may_retry(failure, self._budget.limits.policy(failure.kind), entry.earlier):
            entry.earlier[failure.kind] += 1
            entry.steps, entry.latest = entry.trial.steps, {}
            self._roster.requeue(entry.trial.id)
            again = f"is run again, as its last attempt failed ({failure.kind})"
            self._change(entry, state=TrialState.WAITING, started=None, waits_for=again)
        else:
            failed = replace(entry.trial, state=TrialState.FAILED, failure=failure, ended=now)
            self._end(replace(failed, metrics=entry.measures, steps=0))

    def end_unbuilt(self, trial: Trial, kind: FailureKind, error: RetixError) -> Trial:
        """End a trial, in a round, because there is no model of it."""
        failure = Failure(kind, error.what, type(error).__name__, str(error))
        return self._end(replace(trial, state=TrialState.FAILED, failure=failure, ended=time.time(), waits_for=""))

    def end_duplicate(self, trial: Trial, original: Trial) -> Trial:
        """End a trial, in a round, with the result of the trial that makes the same network.

        That of one which early stopping has paused or ended is how far it came, as its number of steps says.
        """
        state = TrialState.STOPPED if original.state is TrialState.STOPPED else TrialState.DUPLICATE
        shown = replace(trial, metrics=original.metrics, steps=original.steps)
        trial = replace(shown, state=state, ended=time.time(), waits_for="")
        return self._end(trial, original.failure)

    def stop(self, entry: Entry) -> Trial:
        """End a trial, in a round, that the user has cancelled and that does not run."""
        return self._stop(entry, time.time())

    def prune(self, trial: Trial) -> Trial:
        """End a trial, in a round, that is paused and will not go on."""
        return self._end(replace(trial, state=TrialState.PRUNED, ended=time.time(), waits_for=""))

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

    def _stop(self, entry: Entry, now: float) -> Trial:
        stopped = replace(entry.trial, state=TrialState.STOPPED, ended=now, waits_for="")
        return self._end(replace(stopped, metrics=entry.measures, steps=0))

    def _end(self, trial: Trial, cause: Failure | None = None) -> Trial:
        """Record a trial as it ended, and its twins with it.

        Args:
            trial: The trial.
            cause: The failure that it shares with the trial whose result it carries.
        """
        self._count(trial)
        self.has_succeeded = self.has_succeeded or trial.state is TrialState.SUCCEEDED
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
        if trial.state in (TrialState.SUCCEEDED, TrialState.PRUNED):
            self._streak.succeeded()
        elif trial.failure is not None:
            self._streak.failed(trial.failure, self._budget.limits.policy(trial.failure.kind))

    def _change(self, entry: Entry, **changes: object) -> None:
        entry.trial = replace(entry.trial, **changes)  # type: ignore[arg-type]  # the names are those of its fields
        self._ledger.record(entry.trial)

    def _end_attempt(
        self,
        trial: Trial,
        now: float,
        failure: Failure | None = None,
        *,
        stopped: bool = False,
        verdict: Verdict | None = None,
    ) -> None:
        if trial.started is not None:
            self._ledger.store.end_attempt(trial.id, trial.attempts, now, failure, stopped=stopped, verdict=verdict)


def explain_pause(steps: int) -> str:
    """Why a paused trial waits, in words."""
    return f"paused by early stopping after {steps} result{'' if steps == 1 else 's'}"


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """What can be compared: a model that early stopping ends for its NaN has none of that name."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
