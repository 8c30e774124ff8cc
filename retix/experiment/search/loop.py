"""The search loop: ask, build, record, submit, listen, tell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from retix.errors import ConfigError, StoreError
from retix.execution import Engine
from retix.experiment.search.admission import Admission
from retix.experiment.search.budget import Budget
from retix.experiment.search.controls import Controls
from retix.experiment.search.dialogue import Dialogue
from retix.experiment.search.dispatch import Dispatch
from retix.experiment.search.ending import EndReason
from retix.experiment.search.job_maker import JobMaker
from retix.experiment.search.judge import Judge
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.limits import Limits
from retix.experiment.search.listener import Listener, Listeners
from retix.experiment.search.outcomes import Outcomes
from retix.experiment.search.pausing import Pausing
from retix.experiment.search.resumption import Resumption
from retix.experiment.search.roster import Roster
from retix.experiment.search.waiting import Waiting
from retix.experiment.search.weight_keeper import WeightKeeper
from retix.model_space import ModelSpace
from retix.space import Sample
from retix.stopping import EarlyStopping
from retix.store import Store, StoreReader
from retix.strategy import Strategy

__all__ = ["EndReason", "Limits", "Listener", "Listeners", "Search"]

# Seconds between looks at the clock, at commands and at requests to stop.
_HEARTBEAT = 0.2

# Seconds between questions to a strategy that may find something to propose without being told anything.
_ASYNCHRONOUS_HEARTBEAT = 0.05

# Trials per slot that may wait for their parents before no more are asked for.
_HELD_PER_SLOT = 8


class Search:
    """One run of a strategy over a space.

    Every change is durable in the store before the strategy, the engine or the listener learns of it, and so is every
    step of the strategy: what it was asked, and what it was told. So a search whose driver is gone, in whatever way,
    goes on where it was, by `restore` and then `run`.

    Args:
        space: The space.
        strategy: Proposes; started already.
        engine: Runs.
        store: Records.
        evaluator: Gives the serialised evaluator of a sample.
        limits: What may be spent, and by which rules.
        weights: Keeps the weights of the best trials, and of those that are inherited from.
        listener: Hears of every change.
        stopping: Says after each intermediate result how a trial goes on; it knows what the search is after, and
            nothing of any trial yet. None lets every trial run to its end.
        measured: The names of the measures that are taken of each model before it is trained, and that its metrics hold
            from then on, beside what the evaluator reports.

    Raises:
        ConfigError: The search is to be deterministic, and the strategy is a user's function that decides by itself
            when to look at results, or early stopping compares trials that run at the same time.
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
        *,
        stopping: EarlyStopping | None = None,
        measured: tuple[str, ...] = (),
    ) -> None:
        self._engine = engine
        self._weights = weights
        self._roster = Roster()
        self._budget = Budget(limits)
        # One trial after the other, early stopping depends on no time; and a paused trial need not be told of.
        has_window = limits.deterministic and stopping is None
        self._dialogue = Dialogue(strategy, store, engine.capacity if has_window else None)
        if limits.deterministic and stopping is not None and engine.capacity > 1:
            raise ConfigError(
                f"deterministic=True does not go with early stopping and trial_concurrency={engine.capacity}",
                why="which of several trials reports first depends on time, and so do the verdicts",
                fix="set trial_concurrency = 1, or leave deterministic at False",
            )
        if limits.deterministic and self._dialogue.is_asynchronous:
            raise ConfigError(
                "deterministic=True does not go with a strategy that runs in a thread of its own",
                why="when it looks at results is for it to decide, and so depends on time",
                fix="write it as a retix.strategy.Strategy, or leave deterministic at False",
            )
        self._judge = Judge(stopping, engine, store.directory)
        self._measured = measured
        jobs = JobMaker(space, evaluator, store, weights, self._judge, lambda: strategy.seed)
        ledger = self._ledger = Ledger(store, self._dialogue, weights, self._judge, listener)
        self._outcomes = Outcomes(ledger, self._roster, self._budget)
        self._pausing = Pausing(self._judge, ledger, self._roster, self._outcomes)
        self._admission = Admission(space, jobs, self._budget, ledger, self._roster, self._outcomes, measured)
        self._dispatch = Dispatch(space, engine, jobs, self._budget, ledger, self._roster, self._outcomes, weights)
        self._waiting = Waiting(engine, ledger, self._roster)
        self._controls = Controls(
            engine, self._budget, ledger, self._roster, self._outcomes, self._admission, self._dialogue, listener
        )

    @property
    def explanation(self) -> str:
        """More on why the search has ended: which failures ended it; empty for every other reason."""
        return self._outcomes.verdict

    def restore(self, reader: StoreReader) -> None:
        """Go back to where the recorded search was; comes before `run`, and changes nothing if it fails.

        The strategy takes the recorded steps again. Trials that had not ended are queued again under the same ids, in
        their order, before anything new is asked for.

        Args:
            reader: Reads the store, which was opened again.

        Raises:
            ConfigError: The strategy does not propose what is recorded.
            StoreError: The record cannot be read.
        """
        Resumption(
            self._dialogue,
            self._ledger,
            self._budget,
            self._roster,
            self._admission,
            self._outcomes,
            self._weights,
            self._judge,
            self._measured,
        ).take_up(reader)

    def run(self, should_stop: Callable[[], bool]) -> EndReason:
        """Search until the budget is spent, nothing is left, or ``should_stop`` says so.

        Trials that have not ended when the search ends early are recorded as stopped; a resume takes them up again.

        Raises:
            StoreError: Something cannot be recorded.
            ExecutionError: The engine cannot start a worker.
            Exception: Whatever the strategy, or the rule of early stopping, raises.
        """
        try:
            self._dialogue.begin()
            self._budget.start()
            reason = self._search(should_stop)
            self._halt()
        except BaseException:
            self._dialogue.forget()
            # What is wrong already is what the user has to hear.
            with suppress(StoreError):
                self._halt()
            raise
        finally:
            self._weights.close()
        return reason

    def _search(self, should_stop: Callable[[], bool]) -> EndReason:
        while True:
            has_changed = self._controls.obey()
            if should_stop() or self._controls.is_stopping:
                return EndReason.STOPPED
            if self._outcomes.verdict:
                return EndReason.FAILURES
            if self._budget.remaining() <= 0:
                return EndReason.DURATION
            may_be_more, reason = (False, None) if self._budget.is_paused else self._proceed()
            if self._is_idle(reason):
                if not self._roster.paused:
                    assert reason is not None
                    return reason
                if reason is None or not self._pausing.promote_finalist():
                    # What the strategy learns by that may let it propose more.
                    self._pausing.end_all()
                continue
            self._outcomes.handle(self._engine.events(0.0 if may_be_more else self._patience()))
            self._waiting.refresh(self._budget.is_paused, now=has_changed)

    def _patience(self) -> float:
        """Seconds to wait for events."""
        heartbeat = _ASYNCHRONOUS_HEARTBEAT if self._dialogue.is_asynchronous else _HEARTBEAT
        return max(0.0, min(heartbeat, self._budget.remaining()))

    def _is_idle(self, reason: EndReason | None) -> bool:
        """Whether nothing goes on, and nothing will: for a reason, or because the strategy waits for what is paused."""
        if self._roster.working or self._budget.is_paused:
            return False
        return reason is not None or (self._roster.paused > 0 and self._dialogue.is_stuck)

    def _proceed(self) -> tuple[bool, EndReason | None]:
        """Begin or go on with the next trial, if there is one.

        Returns:
            Whether there may be more at once, and why no more are proposed, if so.
        """
        self._dispatch.submit_ready()
        if self._engine.free > 0 and self._pausing.promote_next():
            self._dispatch.submit_ready()
            return True, None
        if (reason := self._budget.reason()) is not None:
            return False, reason
        if self._engine.free <= self._roster.ready or self._roster.held >= _HELD_PER_SLOT * self._engine.capacity:
            return False, None
        if self._dialogue.may_ask:
            proposal = self._dialogue.ask(self._admission.last_id + 1)
            if proposal is not None:
                self._admission.admit(proposal)
                self._dispatch.submit_ready()
                return self._engine.free > 0, None
            self._ledger.deliver()
        return False, EndReason.EXHAUSTED if self._has_nothing_left() else None

    def _has_nothing_left(self) -> bool:
        if self._dialogue.strategy.exhausted:
            return True
        is_stuck = self._dialogue.has_asked_in_vain and not self._dialogue.is_asynchronous
        return is_stuck and not self._roster

    def _halt(self) -> None:
        """Stop what runs, and record that; the engine is closed by whoever opened it."""
        for entry in self._roster:
            if self._roster.is_submitted(entry.trial.id):
                self._engine.cancel(entry.trial.id)
        if self._roster:
            with self._ledger.round():
                self._outcomes.halt()
