"""One trial in this process, from the text of the model to its result."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import torch

from retix.errors import EvaluationError
from retix.evaluator import Checkpoint, Evaluator, TrialEnded, checkpointing, reporting
from retix.execution.failure import describe_error
from retix.execution.generated import ModelFactory, building
from retix.execution.heritage import Heritage, weights_of
from retix.recipe import loads
from retix.trial import (
    Event,
    Failed,
    Failure,
    FailureKind,
    Finished,
    Halted,
    Job,
    Reported,
    Verdict,
    is_finite,
    read_metric,
)
from retix.weights import TrialWeights, using

SOURCE_FILE = "model.py"


def run_job(
    job: Job, emit: Callable[[Event], None], ask: Callable[[], Verdict] = lambda: Verdict.GO_ON
) -> Finished | Failed | Halted:
    """Run one trial in this process.

    Writes ``model.py`` to the job's directory, and ``inherited.json`` if the trial inherits; its trained weights go
    where the job says, and are there, whole, when this returns. So is its checkpoint, if it is paused; a trial that is
    stopped or paused keeps no weights. Limits are not this function's business.

    Args:
        job: What to run.
        emit: Receives a `Reported` for every intermediate result, in the thread that reports it.
        ask: If the job asks: waits for the answer to what was emitted last, in the same thread.

    Returns:
        How the trial ended. Whatever the trial raises, even SystemExit, is a `Failed`; after a verdict other than to go
        on, whatever the trial does is a `Halted`.

    Raises:
        KeyboardInterrupt: The user interrupted the trial.
    """
    run = _Run(job, emit, ask)
    failure: Failure | None = None
    metrics: dict[str, float] = {}
    try:
        metrics = run.evaluate()
        run.end()
        if run.verdict is Verdict.GO_ON:
            failure = _judge(job, metrics)
            if failure is None:
                run.save(metrics)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # Lightning's trainers answer an interrupt by sys.exit.
        if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        failure = describe_error(error, run.phase, run.path)
    finally:
        run.end()
    if run.verdict is not Verdict.GO_ON:
        return Halted(job.trial, run.verdict, time.time())
    if failure is not None:
        return Failed(job.trial, failure, time.time())
    return Finished(job.trial, metrics, time.time())


class _Run:
    """The reporter of one trial, and what must be known when it ends.

    Attributes:
        path: The file of the generated module.
        phase: What an exception means now.
        verdict: What the last report was answered.
    """

    def __init__(self, job: Job, emit: Callable[[Event], None], ask: Callable[[], Verdict]):
        self.path = job.directory / SOURCE_FILE
        self.phase = FailureKind.IMPORT
        self.verdict = Verdict.GO_ON
        self._job = job
        self._emit = emit
        self._ask = ask
        self._is_over = False
        self._checkpoint = Checkpoint(job.checkpoint, job.first_step)
        self._process = os.getpid()
        # One report at a time: each waits for its own answer. A signal's handler may report in between.
        self._lock = threading.RLock()
        self._result: dict[str, float] = {}
        self._factory: ModelFactory | None = None
        self._weights: TrialWeights = weights_of(job)

    def evaluate(self) -> dict[str, float]:
        """Import the model and train it; gives the final result, empty if there was none."""
        job = self._job
        prepare = None if job.inheritance is None else Heritage(job.inheritance, job.directory).prepare
        with building(job.source, job.entry, self.path, f"retix_trial_{job.trial}", prepare) as self._factory:
            self.phase = FailureKind.NOT_SERIALIZABLE
            evaluator = _load_evaluator(job.evaluator)
            self.phase = FailureKind.RAISED
            _seed(job.seed)
            with reporting(self), using(self._weights), checkpointing(self._checkpoint):
                returned = evaluator.evaluate(self._factory)
        if not self._result and returned is not None:
            self._result = read_metric(returned)
        return self._result

    def save(self, metrics: Mapping[str, float]) -> None:
        """Write the weights of the model that was built last, if the job asks for them."""
        model = None if self._factory is None else self._factory.latest
        if self._weights.store is not None and self._weights.key is not None and model is not None:
            about = {"trial": str(self._job.trial), "metrics": json.dumps(metrics)}
            self._weights.store.put(self._weights.key, model.state_dict(), about)

    def intermediate(self, metrics: Mapping[str, float]) -> bool:
        """Pass an intermediate result on, and wait for its answer if the job asks; it is to go on, or an exception.

        Raises:
            TrialEnded: The answer to this report, or to one before it, was to stop or to pause.
        """
        if os.getpid() != self._process:
            return True  # nobody answers a child that the trial forked, in which the lock may be held for ever
        with self._lock:
            if self._is_over:
                return True
            if self.verdict is not Verdict.GO_ON:
                raise TrialEnded(self.verdict)
            step = self._checkpoint.steps
            self._checkpoint.steps += 1
            if step >= self._job.first_step:  # else it began anew, and this was reported before it was paused
                self._emit(Reported(self._job.trial, step, dict(metrics), time.time()))
                self._obey(self._ask() if self._job.asks else Verdict.GO_ON)
        return True

    def end(self) -> None:
        """Drop what threads of the trial report from now on; one that waits for an answer gets it first."""
        with self._lock:
            self._is_over = True

    def _obey(self, verdict: Verdict) -> None:
        self.verdict = verdict
        if verdict is Verdict.PAUSE:
            self._checkpoint.save()
        if verdict is not Verdict.GO_ON:
            raise TrialEnded(verdict)

    def final(self, metrics: Mapping[str, float]) -> None:
        """Remember the final result; the last one counts."""
        self._result = dict(metrics)


def _seed(seed: int | None) -> None:
    """Let a trial's random numbers depend on its seed alone, whatever its worker ran before."""
    if seed is not None:
        random.seed(seed)
        numpy.random.seed(seed)
        torch.manual_seed(seed)


def _load_evaluator(data: bytes) -> Evaluator:
    evaluator: Any = loads(data)
    if not isinstance(evaluator, Evaluator):
        raise EvaluationError(
            f"{type(evaluator).__name__} is no evaluator",
            fix="give the experiment an instance of a subclass of Evaluator",
        )
    return evaluator


def _judge(job: Job, metrics: Mapping[str, float]) -> Failure | None:
    if not metrics:
        message = "the evaluator ended without a final result: call report_final_result, or return the metric"
        return Failure(FailureKind.NO_METRIC, message)
    if not is_finite(metrics):
        values = ", ".join(f"{name}={value}" for name, value in metrics.items())
        return Failure(FailureKind.NOT_FINITE, f"the final result of trial {job.trial} is not finite: {values}")
    return None
