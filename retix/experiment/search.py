"""The search loop: ask, mutate, generate, submit, record, tell, driven by what the engine says."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from retix.codegen import Source, generate
from retix.errors import RetixError
from retix.execution import Engine
from retix.experiment.weight_keeper import WeightKeeper
from retix.mutation import MutationSpace
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

# So many proposals in a row that make networks which are known already mean that the space holds nothing new.
PATIENCE = 1000

# Seconds between looks at the clock and at requests to stop.
_HEARTBEAT = 0.25


class EndReason(StrEnum):
    """Why a search ended."""

    BUDGET = "max_trial_number is reached"
    DURATION = "max_experiment_duration is over"
    EXHAUSTED = "the strategy has nothing left to propose"
    REPEATING = f"the last {PATIENCE} proposals made networks that were tried before"
    STOPPED = "it was stopped"


class Listener(Protocol):
    """Hears of every change of a trial, after it is recorded."""

    def trial_changed(self, trial: Trial) -> None:
        """A trial was proposed, began, or ended."""

    def trial_reported(self, trial: Trial, report: Reported) -> None:
        """A running trial reported an intermediate result."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a search may spend.

    Attributes:
        trials: How many trials are run, duplicates not counted; None for no limit.
        duration: Seconds that the search may take; None for no limit.
        trial_duration: Seconds that one trial may take; None for no limit.
    """

    trials: int | None = None
    duration: float | None = None
    trial_duration: float | None = None


class Search:
    """One run of a strategy over a space.

    Every change is durable in the store before the strategy, the engine or the listener learns of it.

    Args:
        space: The space.
        strategy: Proposes; started already.
        engine: Runs.
        store: Records.
        evaluator: The serialised evaluator.
        limits: What may be spent.
        weights: Keeps the weights of the best trials.
        listener: Hears of every change.
    """

    def __init__(
        self,
        space: MutationSpace,
        strategy: Strategy,
        engine: Engine,
        store: Store,
        evaluator: bytes,
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
        self._running: dict[int, Trial] = {}
        self._ended: dict[int, Trial] = {}  # the first trial of each network, once it has ended
        self._by_digest: dict[str, int] = {}
        self._waiting: dict[int, list[Trial]] = {}  # duplicates of a trial that still runs
        self._repeats = 0

    def run(self, should_stop: Callable[[], bool]) -> EndReason:
        """Search until the budget is spent, nothing is left, or ``should_stop`` says so.

        Trials that still run when the search ends early are stopped, and recorded so.
        """
        try:
            while True:
                reason = EndReason.STOPPED if should_stop() else self._fill()
                if reason is not None and (not self._running or reason in (EndReason.STOPPED, EndReason.DURATION)):
                    return reason
                for event in self._engine.events(self._patience()):
                    self._handle(event)
        finally:
            self._stop_running()

    def _patience(self) -> float:
        if self._limits.duration is None:
            return _HEARTBEAT
        return max(0.0, min(_HEARTBEAT, self._limits.duration - (time.monotonic() - self._begin)))

    # -- proposing ----------------------------------------------------------------------------------------------

    def _fill(self) -> EndReason | None:
        """Give every free slot a trial; returns why there will be no more, or None."""
        if self._limits.duration is not None and time.monotonic() - self._begin >= self._limits.duration:
            return EndReason.DURATION
        while self._engine.free:
            if self._limits.trials is not None and self._run_count >= self._limits.trials:
                return EndReason.BUDGET
            if self._repeats >= PATIENCE:
                return EndReason.REPEATING
            proposal = self._strategy.ask()
            if proposal is None:
                return EndReason.EXHAUSTED if self._strategy.exhausted or not self._running else None
            self._begin_trial(proposal)
        return None

    def _begin_trial(self, proposal: Proposal) -> None:
        self._last_id += 1
        trial = Trial(self._last_id, proposal.sample, parent=proposal.parent, created=time.time())
        try:
            model = self._space.build(proposal.sample)
            trial = replace(trial, digest=model.digest())
            original = self._by_digest.get(trial.digest or "")
            if original is not None:
                self._repeats += 1
                self._begin_duplicate(trial, original)
                return
            source = generate(model)
        except RetixError as error:
            self._run_count += 1
            failure = Failure(FailureKind.BUILD, error.what, type(error).__name__, str(error))
            self._end(replace(trial, failure=failure), TrialState.FAILED, time.time())
            return
        self._repeats = 0
        self._run_count += 1
        self._by_digest[trial.digest or ""] = trial.id
        self._record(trial)
        self._running[trial.id] = trial
        self._engine.submit(self._job(trial, source))

    def _job(self, trial: Trial, source: Source) -> Job:
        seed = hashlib.blake2b(f"{self._strategy.seed}/{trial.id}".encode(), digest_size=4).digest()
        return Job(
            trial.id,
            source.text,
            source.entry,
            self._evaluator,
            self._store.trial_directory(trial.id),
            time_limit=self._limits.trial_duration,
            save_weights=self._weights.keeps_any,
            seed=int.from_bytes(seed),
        )

    def _begin_duplicate(self, trial: Trial, original: int) -> None:
        trial = replace(trial, duplicate_of=original)
        if original in self._ended:
            self._end_duplicate(trial, self._ended[original])
        else:
            self._record(trial)
            self._waiting.setdefault(original, []).append(trial)

    def _end_duplicate(self, trial: Trial, original: Trial) -> None:
        state = TrialState.STOPPED if original.state is TrialState.STOPPED else TrialState.DUPLICATE
        self._end(replace(trial, metrics=original.metrics), state, time.time())

    # -- what the engine says -----------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        trial = self._running[event.trial]
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
                self._end(replace(trial, failure=event.failure), TrialState.FAILED, event.time)
            case Cancelled():
                self._end(trial, TrialState.STOPPED, event.time)

    def _end(self, trial: Trial, state: TrialState, now: float) -> None:
        trial = replace(trial, state=state, ended=now)
        self._running.pop(trial.id, None)
        if trial.duplicate_of is None:
            self._ended[trial.id] = trial
        self._record(trial)
        self._weights.trial_ended(trial)
        self._strategy.tell(trial)
        for duplicate in self._waiting.pop(trial.id, ()):
            self._end_duplicate(duplicate, trial)

    def _record(self, trial: Trial) -> None:
        self._store.update_trial(trial)
        self._listener.trial_changed(trial)

    def _stop_running(self) -> None:
        """Record every trial that still runs as stopped; the engine is closed by whoever opened it."""
        for trial in list(self._running.values()):
            self._engine.cancel(trial.id)
            self._end(trial, TrialState.STOPPED, time.time())
