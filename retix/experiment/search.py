"""The search loop: ask, mutate, generate, submit, record, tell, driven by what the engine says."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from retix.codegen import Source
from retix.errors import InvalidMutation, RetixError
from retix.execution import Engine
from retix.experiment.weight_keeper import WeightKeeper
from retix.model_space import ModelSpace
from retix.space import Sample
from retix.store import Store
from retix.strategy import Strategy
from retix.trial import (
    Cancelled,
    Event,
    Failed,
    Failure,
    FailureKind,
    Finished,
    Job,
    Proposal,
    Reported,
    Started,
    Trial,
    TrialState,
)

# Proposals in a row that start no trial, after which a space is taken to hold nothing new.
PATIENCE = 1000

# Seconds between looks at the clock and at requests to stop.
_HEARTBEAT = 0.25

# Seconds between questions to a strategy that may find something to propose without being told anything.
_ASYNCHRONOUS_HEARTBEAT = 0.05


class EndReason(StrEnum):
    """Why a search ended."""

    BUDGET = "max_trial_number is reached"
    DURATION = "max_experiment_duration is over"
    EXHAUSTED = "the strategy has nothing left to propose"
    REPEATING = "the strategy keeps proposing networks that were tried before or cannot be built"
    STOPPED = "it was stopped"


class Listener(Protocol):
    """Hears of every change of a trial, after it is recorded."""

    def trial_changed(self, trial: Trial) -> None:
        """A trial was proposed, began, or ended."""

    def trial_reported(self, trial: Trial, report: Reported) -> None:
        """A running trial reported an intermediate result."""


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


@dataclass(frozen=True, slots=True)
class Limits:
    """What a search may spend.

    Attributes:
        trials: How many trials are run, duplicates not counted; None for no limit.
        duration: Seconds that the search may take; None for no limit.
        trial_duration: Seconds that one trial may take; None for no limit.
        patience: Proposals in a row that may start no trial, because their network is known or cannot be built.
        retries: How often a trial whose worker died is run again.
    """

    trials: int | None = None
    duration: float | None = None
    trial_duration: float | None = None
    patience: int = PATIENCE
    retries: int = 0


class Search:
    """One run of a strategy over a space.

    Every change is durable in the store before the strategy, the engine or the listener learns of it. A trial whose
    worker died may be run again, since the cause may lie outside of it; every other failure is final.

    Args:
        space: The space.
        strategy: Proposes; started already.
        engine: Runs.
        store: Records.
        evaluator: Gives the serialised evaluator of a sample.
        limits: What may be spent.
        weights: Keeps the weights of the best trials.
        listener: Hears of every change.
    """

    def __init__(
        self,
        space: ModelSpace,
        strategy: Strategy,
        engine: Engine,
        store: Store,
        evaluator: Callable[[Sample], bytes],
        limits: Limits,
        weights: WeightKeeper,
        listener: Listener,
    ) -> None:
        self._space = space
        self._strategy = strategy
        self._engine = engine
        self._store = store
        self._evaluator = evaluator
        self._limits = limits
        self._weights = weights
        self._listener = listener
        self._begin = time.monotonic()
        self._last_id = 0
        self._run_count = 0
        self._fruitless = 0
        self._has_asked_in_vain = False
        self._is_asynchronous = bool(getattr(strategy, "is_asynchronous", False))
        self._is_over = False
        self._running: dict[int, Trial] = {}
        self._retries: dict[int, list[Job]] = {}  # of running trials: the job, as often as it may be run again
        self._originals: dict[str, int] = {}  # the first trial of each network, by digest
        self._ended: dict[int, Trial] = {}  # originals that have ended
        self._waiting: dict[int, list[Trial]] = {}  # duplicates of originals that still run

    def run(self, should_stop: Callable[[], bool]) -> EndReason:
        """Search until the budget is spent, nothing is left, or ``should_stop`` says so.

        Trials that still run when the search ends early are stopped, and recorded so.

        Raises:
            StoreError: Something cannot be recorded.
            ExecutionError: The engine cannot start a worker.
        """
        self._begin = time.monotonic()
        try:
            while True:
                if should_stop():
                    return EndReason.STOPPED
                if self._remaining() <= 0:
                    return EndReason.DURATION
                reason = self._propose() if self._engine.free else None
                if reason is not None and not self._running:
                    return reason
                for event in self._engine.events(self._patience(reason)):
                    self._handle(event)
        finally:
            self._stop_running()

    def _remaining(self) -> float:
        limit = self._limits.duration
        return math.inf if limit is None else limit - (time.monotonic() - self._begin)

    def _patience(self, reason: EndReason | None) -> float:
        """Seconds to wait for events: none while there may be more to propose."""
        if self._engine.free and reason is None and not self._has_asked_in_vain:
            return 0.0
        heartbeat = _ASYNCHRONOUS_HEARTBEAT if self._is_asynchronous else _HEARTBEAT
        return max(0.0, min(heartbeat, self._remaining()))

    # -- proposing ----------------------------------------------------------------------------------------------

    def _propose(self) -> EndReason | None:
        """Begin the next trial, if there is one; returns why there will be no more, or None."""
        if self._limits.trials is not None and self._run_count >= self._limits.trials:
            return EndReason.BUDGET
        if self._fruitless >= self._limits.patience:
            return EndReason.REPEATING
        if not self._has_asked_in_vain or self._is_asynchronous:
            proposal = self._strategy.ask()
            if proposal is not None:
                self._has_asked_in_vain = False
                self._begin_trial(proposal)
                return None
            self._has_asked_in_vain = True
        is_stuck = not self._running and not self._is_asynchronous
        return EndReason.EXHAUSTED if self._strategy.exhausted or is_stuck else None

    def _begin_trial(self, proposal: Proposal) -> None:
        self._last_id += 1
        self._fruitless += 1
        trial = Trial(self._last_id, proposal.sample, parent=proposal.parent, created=time.time())
        try:
            digest = self._space.digest(proposal.sample)
            trial = replace(trial, digest=digest)
            if digest in self._originals:
                self._begin_duplicate(replace(trial, duplicate_of=self._originals[digest]))
                return
            source = self._space.source(proposal.sample)
            evaluator = self._evaluator(proposal.sample)
        except InvalidMutation as error:
            self._end_unbuilt(trial, FailureKind.INVALID, error)
            return
        except RetixError as error:
            self._run_count += 1
            self._end_unbuilt(trial, FailureKind.BUILD, error)
            return
        self._fruitless = 0
        self._run_count += 1
        self._originals[digest] = trial.id
        job = self._make_job(trial, source, evaluator)
        self._retries[trial.id] = [job] * self._limits.retries
        self._submit(trial, job)

    def _end_unbuilt(self, trial: Trial, kind: FailureKind, error: RetixError) -> None:
        failure = Failure(kind, error.what, type(error).__name__, str(error))
        self._end(replace(trial, failure=failure), TrialState.FAILED, time.time())

    def _make_job(self, trial: Trial, source: Source, evaluator: bytes) -> Job:
        seed = hashlib.blake2b(f"{self._strategy.seed}/{trial.id}".encode(), digest_size=4).digest()
        return Job(
            trial.id,
            source.text,
            source.entry,
            evaluator,
            self._provide_files(trial),
            time_limit=self._limits.trial_duration,
            save_weights=self._weights.keeps_any,
            seed=int.from_bytes(seed),
        )

    def _provide_files(self, trial: Trial) -> Path:
        """The trial's directory, with what its source reads in it: one copy on the disk for all trials."""
        directory = self._store.trial_directory(trial.id)
        for name, data in self._space.files.items():
            kept = self._store.directory / name
            if not kept.exists():
                self._store.write_file(name, data)
            try:
                os.link(kept, directory / name)
            except OSError:  # a file system without links
                shutil.copyfile(kept, directory / name)
        return directory

    def _submit(self, trial: Trial, job: Job) -> None:
        self._running[trial.id] = trial
        self._record(trial)
        self._engine.submit(job)

    def _begin_duplicate(self, trial: Trial) -> None:
        assert trial.duplicate_of is not None
        original = self._ended.get(trial.duplicate_of)
        if original is not None:
            self._end_duplicate(trial, original)
        else:
            self._waiting.setdefault(trial.duplicate_of, []).append(trial)
            self._record(trial)

    def _end_duplicate(self, trial: Trial, original: Trial) -> None:
        state = TrialState.STOPPED if original.state is TrialState.STOPPED else TrialState.DUPLICATE
        self._end(replace(trial, metrics=original.metrics), state, time.time())

    # -- what the engine says -----------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        trial = self._running.get(event.trial)
        if trial is None:
            return  # it has ended for the search already, and the engine tells late
        match event:
            case Started():
                self._running[trial.id] = trial = replace(trial, state=TrialState.RUNNING, started=event.time)
                self._record(trial)
            case Reported():
                self._store.add_report(trial.id, event.step, event.metrics, event.time)
                self._listener.trial_reported(trial, event)
            case Finished():
                self._end(replace(trial, metrics=event.metrics), TrialState.SUCCEEDED, event.time)
            case Failed():
                if event.failure.kind is FailureKind.KILLED and self._retries[trial.id]:
                    again = self._retries[trial.id].pop()
                    self._submit(replace(trial, state=TrialState.WAITING, started=None), again)
                else:
                    self._end(replace(trial, failure=event.failure), TrialState.FAILED, event.time)
            case Cancelled():
                self._end(trial, TrialState.STOPPED, event.time)

    def _end(self, trial: Trial, state: TrialState, now: float) -> None:
        trial = replace(trial, state=state, ended=now)
        self._running.pop(trial.id, None)
        self._retries.pop(trial.id, None)
        if trial.duplicate_of is None:
            self._ended[trial.id] = trial
        self._record(trial)
        self._weights.trial_ended(trial)
        if not self._is_over:
            self._strategy.tell(trial)
            self._has_asked_in_vain = False
        for duplicate in self._waiting.pop(trial.id, ()):
            self._end_duplicate(duplicate, trial)

    def _record(self, trial: Trial) -> None:
        self._store.update_trial(trial)
        self._listener.trial_changed(trial)

    def _stop_running(self) -> None:
        """Record every trial that still runs as stopped; the engine is closed by whoever opened it."""
        # The strategy is asked no more, and if it has just raised, telling it would raise again.
        self._is_over = True
        running = list(self._running.values())
        for trial in running:
            self._engine.cancel(trial.id)
        for trial in running:
            self._end(trial, TrialState.STOPPED, time.time())
