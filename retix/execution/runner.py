"""One trial in this process, from the text of the model to its result."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import torch

from retix.errors import EvaluationError
from retix.evaluator import Evaluator, reporting
from retix.execution.failure import describe_error
from retix.execution.generated import ModelFactory, building
from retix.execution.heritage import Heritage, weights_of
from retix.recipe import loads
from retix.trial import Event, Failed, Failure, FailureKind, Finished, Job, Reported, is_finite, read_metric
from retix.weights import TrialWeights, using

SOURCE_FILE = "model.py"


def run_job(job: Job, emit: Callable[[Event], None]) -> Finished | Failed:
    """Run one trial in this process.

    Writes ``model.py`` to the job's directory, and ``inherited.json`` if the trial inherits; its trained weights go
    where the job says, and are there, whole, when this returns. Limits are not this function's business.

    Args:
        job: What to run.
        emit: Receives a `Reported` for every intermediate result, in the thread that reports it.

    Returns:
        How the trial ended. Whatever the trial raises, even SystemExit, is a `Failed`.

    Raises:
        KeyboardInterrupt: The user interrupted the trial.
    """
    run = _Run(job, emit)
    try:
        metrics = run.evaluate()
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
        run.is_over = True
    if failure is not None:
        return Failed(job.trial, failure, time.time())
    return Finished(job.trial, metrics, time.time())


class _Run:
    """The reporter of one trial, and what must be known when it ends.

    Attributes:
        path: The file of the generated module.
        phase: What an exception means now.
        is_over: Whether the trial has ended; what threads of it report later is dropped.
    """

    def __init__(self, job: Job, emit: Callable[[Event], None]):
        self.path = job.directory / SOURCE_FILE
        self.phase = FailureKind.IMPORT
        self.is_over = False
        self._job = job
        self._emit = emit
        self._steps = 0
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
            with reporting(self), using(self._weights):
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
        """Pass an intermediate result on; a trial is stopped early by cancelling it, so the answer is to go on."""
        if not self.is_over:
            self._emit(Reported(self._job.trial, self._steps, dict(metrics), time.time()))
            self._steps += 1
        return True

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
