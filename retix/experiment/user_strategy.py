"""Strategies written for NNI, which block in one function, as strategies that are asked and told."""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retix.errors import ConfigError, ExecutionError, MutationError
from retix.experiment.user_mutators import make_user_models
from retix.ir import Model, ModelStatus
from retix.model_space import ModelSpace
from retix.space import Sample, SearchSpace
from retix.strategy import BaseStrategy, Strategy
from retix.trial import Proposal, Trial, TrialState

# Seconds that `ask` gives the strategy's thread to submit something.
_PATIENCE = 0.05

# Seconds that a strategy has, in a replay, to submit again what is recorded.
_REPLAY_PATIENCE = 60.0

# Seconds after which a strategy that submits nothing is taken to wait for what early stopping has paused, where nothing
# else goes on.
_PATIENCE_WITH_PAUSED = 10.0

# How often a strategy may look for free slots after the end before it is ended.
_LAST_LOOKS = 3


class SearchEndedError(BaseException):
    """Ends the thread of a strategy that goes on after its search has ended; nothing that users would catch."""


class UserStrategy(Strategy):
    """Runs a `BaseStrategy` in a thread of its own, and proposes what that submits.

    The thread begins at the first `ask`. What it submits are models; a model's history holds the sample that is
    proposed. The thread sees results as attributes of the models it has submitted.

    Args:
        strategy: What the user wrote.
        slots: How many trials run at a time.
        max_trials: How many trials there may be, duplicates not counted; None for no limit.

    Attributes:
        is_asynchronous: There may be something to propose at any time, without anything being told.
    """

    is_asynchronous = True

    def __init__(self, strategy: BaseStrategy, slots: int = 1, max_trials: int | None = None) -> None:
        super().__init__(0)
        self._strategy = strategy
        self._slots = slots
        self._max_trials = max_trials
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._queue: deque[tuple[Model, str, int]] = deque()
        self._proposed: dict[int, Model] = {}  # those that have not ended, by the number of their trial
        self._paused: set[int] = set()  # those of them that early stopping has paused
        self._awaited: list[Model] = []  # what the thread waits for
        self._last_news = time.monotonic()  # when a trial was last told or observed, or a model submitted
        self._next_number = 1
        self._told = 0
        self._seen = 0
        self._submitted: list[Model] = []
        self._ended = 0
        self._duplicates = 0
        self._is_done = False
        self._is_closed = False
        self._last_looks = 0

    # -- as the search sees it ----------------------------------------------------------------------------------

    def start(self, space: SearchSpace) -> None:
        super().start(space)
        if not isinstance(space, ModelSpace):
            raise ConfigError(
                f"{self.name} searches a {type(space).__name__}",
                fix="give it to a RetiariiExperiment, or a ModelSpace to this",
            )
        self._model_space = space
        self._given = make_user_models(space)  # refuses what it cannot serve before anything runs

    def ask(self) -> Proposal | None:
        """Propose what was submitted first, or None; waits a moment for the strategy's thread.

        Raises:
            MutationError: A submitted model is not what its mutators made.
            Exception: Whatever the strategy's ``run`` has raised.
        """
        with self._changed:
            if self._thread is None and not self._is_closed:
                self._begin()
            if not self._queue and not self._has_returned():
                self._changed.wait(_PATIENCE)
            if self._error is not None:
                raise self._error
            if not self._queue:
                return None
            model, place, self._seen = self._queue.popleft()
        # Here and not in the strategy's thread: spaces serve one thread at a time.
        proposal = Proposal(self._read_sample(model, place))
        with self._changed:
            self._proposed[self._next_number] = model
            self._next_number += 1
        return proposal

    def ask_again(self) -> Proposal | None:
        """In a replay: what the strategy's thread submits next, however long it takes; None if it is nothing.

        Raises:
            MutationError: As `ask`.
            Exception: Whatever the strategy's ``run`` has raised.
        """
        limit = time.monotonic() + _REPLAY_PATIENCE
        while True:
            proposal = self.ask()
            if proposal is not None or self.exhausted or time.monotonic() > limit:
                return proposal

    @property
    def name(self) -> str:
        """What the user's class is called."""
        return type(self._strategy).__name__

    @property
    def seen(self) -> int:
        """How many trials had been told or observed when the last proposal was submitted."""
        return self._seen

    def skip_number(self) -> None:
        """Learn that the next number is that of a trial which was not asked for here."""
        with self._changed:
            self._next_number += 1

    def set_limits(self, slots: int, max_trials: int | None) -> None:
        """Learn how many trials now run at a time, and how many there may be."""
        with self._changed:
            self._slots, self._max_trials = slots, max_trials
            self._changed.notify_all()

    @property
    def exhausted(self) -> bool:
        with self._changed:
            return self._thread is not None and self._has_returned() and not self._queue

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        with self._changed:
            self._told += 1
            self._last_news = time.monotonic()
            self._paused.discard(trial.id)
            model = self._proposed.pop(trial.id, None)
            if model is None:
                return  # it came from the user
            model.metric = trial.metric
            model.status = ModelStatus.Failed if trial.metric is None else ModelStatus.Trained
            self._ended += 1
            self._duplicates += trial.state is TrialState.DUPLICATE
            self._changed.notify_all()

    def observe(self, trial: Trial) -> None:
        """Learn that early stopping has paused a trial, so that its slot is free; its model goes on being trained."""
        with self._changed:
            self._told += 1
            self._last_news = time.monotonic()
            if trial.id in self._proposed:
                self._paused.add(trial.id)
                self._changed.notify_all()

    @property
    def is_waiting(self) -> bool:
        """Whether the strategy's thread waits for models to end, and has submitted nothing that is to be proposed.

        One that looks for itself, again and again, is known by nothing but its silence.
        """
        with self._changed:
            is_silent = time.monotonic() - self._last_news > _PATIENCE_WITH_PAUSED
            return not self._queue and (is_silent or not all(map(is_stopped_exec, self._awaited)))

    def started(self, trial: int) -> None:
        """Learn that a trial has begun to run, or goes on."""
        with self._changed:
            self._paused.discard(trial)
            if trial in self._proposed:
                self._proposed[trial].status = ModelStatus.Training

    def report(self, trial: int, metrics: Mapping[str, float]) -> None:
        """Learn of an intermediate result."""
        with self._changed:
            if trial in self._proposed:
                self._proposed[trial].intermediate_metrics.append(metrics["default"])

    def close(self) -> None:
        """End the strategy: whoever waits in it is woken, and what it submits from now on ends it."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def load_state(self, state: Mapping[str, Any]) -> None:
        raise ConfigError(
            f"{self.name} takes no state",
            why="it is one function that runs from beginning to end",
            fix="to go on with it, let it run anew and answer it from the record, as a resume does",
        )

    # -- as the user's code sees it -----------------------------------------------------------------------------

    def submit(self, models: Sequence[Model]) -> None:
        """Queue models for training."""
        caller = sys._getframe(2)
        place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        with self._changed:
            for model in models:
                if self._is_closed:
                    raise SearchEndedError
                model.status, model.metric = ModelStatus.Frozen, None
                self._submitted.append(model)
                self._queue.append((model, place, self._told))
                self._last_news = time.monotonic()
            self._changed.notify_all()

    def wait(self, models: Iterable[Model]) -> None:
        """Return when all models have ended."""
        waiting = list(models)
        with self._changed:
            self._awaited = waiting
            self._changed.wait_for(lambda: self._is_closed or all(map(is_stopped_exec, waiting)))
            self._awaited = []
            if not all(map(is_stopped_exec, waiting)):
                raise SearchEndedError

    def free(self) -> int:
        """How many of the slots have neither a running nor a submitted model; negative if there are more of those."""
        with self._changed:
            if self._is_closed:
                self._last_looks += 1
                if self._last_looks > _LAST_LOOKS:
                    raise SearchEndedError
                return 0
            return 0 if self._is_spent() else self._slots - (len(self._submitted) - self._ended - len(self._paused))

    def is_over(self) -> bool:
        """Whether no further model will be trained."""
        with self._changed:
            return self._is_closed or self._is_spent()

    def models(self) -> list[Model]:
        """All models that were submitted."""
        with self._changed:
            return list(self._submitted)

    def _is_spent(self) -> bool:
        return self._max_trials is not None and len(self._submitted) - self._duplicates >= self._max_trials

    # -- the thread ---------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        context = contextvars.copy_context()
        name = f"retix-{type(self._strategy).__name__}"
        self._thread = threading.Thread(target=context.run, args=(self._run,), name=name, daemon=True)
        self._thread.start()

    def _has_returned(self) -> bool:
        return self._is_closed or self._is_done

    def _run(self) -> None:
        _session.set(self)
        try:
            self._strategy.run(*self._given)
        except SearchEndedError:
            pass
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._is_done = True
                self._changed.notify_all()

    def _read_sample(self, model: Model, place: str) -> Sample:
        """The answers that made ``model``, which was submitted at ``place``."""
        space = self._model_space
        mutations = model.history[len(self._given[0].history) :]
        sample = space.complete({label: choice for mutation in mutations for label, choice in mutation.choices})
        if space.engine == "graph" and space.build(sample).digest() != model.digest():
            raise MutationError(
                "a submitted model is not what its mutators made",
                where=place,
                why="a mutator was left out, or the model was edited after them; workers train what the choices say",
                fix="apply each of applied_mutators, in order, and edit models in mutators of the experiment only",
            )
        return sample


# A user's strategy calls plain functions, as NNI has them; which search they belong to is known by the thread they run
# in.
_session: contextvars.ContextVar[UserStrategy | None] = contextvars.ContextVar("retix_user_strategy", default=None)


def submit_models(*models: Model) -> None:
    """Have models trained, as soon as there are free slots; returns at once.

    Raises:
        ExecutionError: It is called outside of the `run` of a `BaseStrategy`.
    """
    _current("submit_models").submit(models)


def wait_models(*models: Model) -> None:
    """Wait until all models have ended, see `is_stopped_exec`.

    Raises:
        ExecutionError: It is called outside of the `run` of a `BaseStrategy`.
    """
    _current("wait_models").wait(models)


def list_models(*models: Model) -> list[Model]:
    """All models that were submitted in this search, oldest first; arguments change nothing, as in NNI.

    Raises:
        ExecutionError: It is called outside of the `run` of a `BaseStrategy`.
    """
    return _current("list_models").models()


def query_available_resources() -> int:
    """How many more models could begin to train at once.

    Raises:
        ExecutionError: It is called outside of the `run` of a `BaseStrategy`.
    """
    return _current("query_available_resources").free()


def budget_exhausted() -> bool:
    """Whether no further model will be trained: the budget of the experiment is spent, or it was stopped.

    Raises:
        ExecutionError: It is called outside of the `run` of a `BaseStrategy`.
    """
    return _current("budget_exhausted").is_over()


def is_stopped_exec(model: Model) -> bool:
    """Whether a submitted model has ended, well or not."""
    return model.status in (ModelStatus.Trained, ModelStatus.Failed)


def _current(name: str) -> UserStrategy:
    session = _session.get()
    if session is None:
        raise ExecutionError(
            f"{name} is called outside of a search",
            why="it belongs to the run() of a BaseStrategy, in the thread in which an experiment runs that",
            fix="give the strategy to a RetiariiExperiment; to try one model, use exp.local_debug_run()",
        )
    return session
