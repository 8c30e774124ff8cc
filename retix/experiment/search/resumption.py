"""Going on with a search whose driver has ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from retix.experiment.search.admission import Admission
from retix.experiment.search.budget import Budget
from retix.experiment.search.dialogue import Dialogue
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.outcomes import Outcomes
from retix.experiment.search.replay import Past, replay
from retix.experiment.search.roster import Entry, Roster
from retix.experiment.search.weight_keeper import WeightKeeper
from retix.store import StoreReader
from retix.trial import Failure, FailureKind, Trial, TrialState

DRIVER_GONE = Failure(FailureKind.WORKER_LOST, "the driver ended while the trial ran")
"""How an attempt ended that no driver saw the end of; it counts for no limit of retries."""

_PAGE = 1000


class Resumption:
    """Puts a search back to where its record ends.

    Args:
        dialogue: Has the strategy.
        ledger: Records.
        budget: Counts again what was spent.
        roster: Takes up the trials that have not ended.
        admission: Goes on counting trials.
        outcomes: Ends trials that wait for the result of one that has ended.
        weights: Learns again which weights are needed.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        ledger: Ledger,
        budget: Budget,
        roster: Roster,
        admission: Admission,
        outcomes: Outcomes,
        weights: WeightKeeper,
    ) -> None:
        self._dialogue = dialogue
        self._ledger = ledger
        self._budget = budget
        self._roster = roster
        self._admission = admission
        self._outcomes = outcomes
        self._weights = weights

    def take_up(self, reader: StoreReader) -> None:
        """Replay the journal, count what was spent, and queue again what has not ended.

        Raises:
            ConfigError: The strategy does not propose what is recorded.
            StoreError: The record cannot be read.
        """
        past = replay(self._dialogue.strategy, self._ledger.store, reader)
        untold = set(past.untold)
        again = []
        for trial in _read_trials(reader):
            self._count(trial)
            if trial.id not in untold:
                self._weights.trial_ended(trial)
            elif not trial.state.is_final or trial.id in past.halted:
                again.append(trial)
        self._dialogue.restore(past)
        with self._ledger.round():
            self._end_again(past, {trial.id for trial in again})
            for trial in again:
                self._queue(trial, reader)
        self._weights.clean(spare=untold)

    def _count(self, trial: Trial) -> None:
        self._admission.last_id = max(self._admission.last_id, trial.id)
        kind = None if trial.failure is None else trial.failure.kind
        if trial.duplicate_of is not None or kind is FailureKind.INVALID:
            self._budget.fruitless += 1
        elif kind is FailureKind.BUILD:
            self._budget.fruitless += 1
            self._budget.run += 1
        else:
            self._budget.count_started()

    def _end_again(self, past: Past, open_trials: set[int]) -> None:
        """Have the strategy told of what had ended, but not been told yet."""
        for number in past.untold:
            if number not in open_trials:
                trial = self._ledger.store.trial(number)
                self._dialogue.ended(trial, self._outcomes.find_penalty(trial))

    def _queue(self, trial: Trial, reader: StoreReader) -> None:
        """Let a trial wait again, as it did at first; what it had done is lost with the driver."""
        earlier: Counter[FailureKind] = Counter()
        for attempt in reader.attempts(trial.id) if trial.attempts else ():
            if attempt.ended is None:
                self._ledger.store.end_attempt(trial.id, attempt.number, time.time(), DRIVER_GONE)
            elif attempt.failure is not None and attempt.failure != DRIVER_GONE:
                earlier[attempt.failure.kind] += 1
        waiting = replace(
            trial, state=TrialState.WAITING, started=None, ended=None, waits_for="is queued again after a resume"
        )
        if trial.state is TrialState.STOPPED:
            self._ledger.reopen(waiting)
        else:
            self._ledger.record(waiting)
        original = None if trial.duplicate_of is None else self._ledger.store.trial(trial.duplicate_of)
        if original is not None and self._roster.find(original.id) is None:
            self._outcomes.end_duplicate(waiting, original)
        else:
            self._roster.add(Entry(waiting, earlier=earlier))


def _read_trials(reader: StoreReader) -> Iterator[Trial]:
    last = 0
    while page := reader.trials(after_id=last, limit=_PAGE):
        yield from page
        last = page[-1].id
