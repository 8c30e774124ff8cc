"""Going on with a search whose driver has ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from retix.experiment.search.admission import Admission
from retix.experiment.search.budget import Budget
from retix.experiment.search.dialogue import Dialogue
from retix.experiment.search.judge import Judge
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.outcomes import Outcomes, explain_pause
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
        judge: Learns again what was reported.
        measured: The names of the measures that are taken of models before they are trained.
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
        judge: Judge,
        measured: tuple[str, ...],
    ) -> None:
        self._dialogue = dialogue
        self._ledger = ledger
        self._budget = budget
        self._roster = roster
        self._admission = admission
        self._outcomes = outcomes
        self._weights = weights
        self._judge = judge
        self._measured = measured

    def take_up(self, reader: StoreReader) -> None:
        """Replay the journal, count what was spent, and queue again what has not ended.

        Raises:
            ConfigError: The strategy does not propose what is recorded.
            StoreError: The record cannot be read.
        """
        past = replay(self._dialogue.strategy, self._ledger.store, reader)
        untold = set(past.untold)
        again, ended, measures = [], [], {}
        for trial in _read_trials(reader):
            self._count(trial)
            self._outcomes.has_succeeded = self._outcomes.has_succeeded or trial.state is TrialState.SUCCEEDED
            if found := self._find_measures(trial):
                measures[trial.id] = found
            if trial.id not in untold:
                self._weights.trial_ended(trial)
            elif not trial.state.is_final or trial.id in past.halted:
                again.append(trial)
                continue
            if trial.attempts:
                ended.append(trial.id)
        settled = {trial.id: trial.steps for trial in again}
        self._judge.restore(reader.all_reports(), past.promotions, settled, measures, ended)
        self._dialogue.restore(past)
        with self._ledger.round():
            self._end_again(past, {trial.id for trial in again})
            for trial in again:
                self._queue(trial, reader, is_paused=trial.id in past.paused)
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

    def _find_measures(self, trial: Trial) -> dict[str, float]:
        return {name: trial.metrics[name] for name in self._measured if name in trial.metrics}

    def _queue(self, trial: Trial, reader: StoreReader, *, is_paused: bool) -> None:
        """Let a trial wait again, as it did at first or when it was paused; what it did since is lost."""
        earlier: Counter[FailureKind] = Counter()
        for attempt in reader.attempts(trial.id) if trial.attempts else ():
            if attempt.ended is None:
                self._ledger.store.end_attempt(trial.id, attempt.number, time.time(), DRIVER_GONE)
            elif attempt.failure is not None and attempt.failure != DRIVER_GONE:
                earlier[attempt.failure.kind] += 1
        words = explain_pause(trial.steps) if is_paused else "is queued again after a resume"
        waiting = replace(trial, state=TrialState.WAITING, started=None, ended=None, waits_for=words)
        if trial.state is TrialState.STOPPED:
            self._ledger.reopen(waiting)
        else:
            self._ledger.record(waiting)
        original = None if trial.duplicate_of is None else self._ledger.store.trial(trial.duplicate_of)
        if original is not None and not self._roster.is_awaited(original.id):
            self._outcomes.end_duplicate(waiting, original)
        else:
            entry = Entry(waiting, earlier=earlier, measures=self._find_measures(trial), steps=trial.steps)
            self._roster.add(entry, is_paused=is_paused)


def _read_trials(reader: StoreReader) -> Iterator[Trial]:
    last = 0
    while page := reader.trials(after_id=last, limit=_PAGE):
        yield from page
        last = page[-1].id
