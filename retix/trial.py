"""The frozen records through which strategy, execution, store and experiment speak of trials.

A strategy proposes (`Proposal`), the experiment makes a model of it and hands an engine a `Job`, the engine
answers with events (`Started`, `Reported`, `Finished`, `Failed`), and what became of it all is a `Trial`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from retix.errors import EvaluationError
from retix.space import Sample

Metric: TypeAlias = "float | Mapping[str, float]"
"""What an evaluator reports: a number, or a mapping of names to numbers that holds ``default``."""


class TrialState(StrEnum):
    """What became of a trial."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    """Ended from outside: by the user, by the end of the run, or by early stopping."""
    DUPLICATE = "duplicate"
    """Makes the same network as an earlier trial, whose result it carries; it was not run."""

    @property
    def is_final(self) -> bool:
        """Whether nothing can change any more."""
        return self not in (TrialState.WAITING, TrialState.RUNNING)


class FailureKind(StrEnum):
    """Why a trial failed."""

    RAISED = "raised"
    """The user's model or evaluator raised an exception."""
    IMPORT = "import"
    """The generated module, or something it imports, cannot be imported."""
    BUILD = "build"
    """The sample cannot be made into a model: a mutator or the code generator refused."""
    INVALID = "invalid"
    """A mutator said that there is no such model; nothing was run, and it costs nothing of the budget."""
    TIMEOUT = "timeout"
    """The trial ran longer than it may."""
    KILLED = "killed"
    """The worker process died, by a signal or by exiting."""
    OUT_OF_MEMORY = "out_of_memory"
    """The device or the host had no memory left."""
    NOT_FINITE = "not_finite"
    """The final metric is NaN or infinite."""
    NO_METRIC = "no_metric"
    """The evaluator ended without a final result."""
    NOT_SERIALIZABLE = "not_serializable"
    """The evaluator could not be rebuilt in the worker."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a trial failed.

    Attributes:
        kind: The class of the failure.
        message: One line a user can act on.
        error: The name of the exception's class, where there was one.
        traceback: The traceback as text, generated lines included; empty where there was none.
    """

    kind: FailureKind
    message: str
    error: str | None = None
    traceback: str = ""

    def to_json(self) -> dict[str, Any]:
        """The failure as JSON values."""
        return {"kind": str(self.kind), "message": self.message, "error": self.error, "traceback": self.traceback}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Failure:
        """The failure that ``to_json`` wrote."""
        return cls(FailureKind(data["kind"]), data["message"], data["error"], data["traceback"])


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a strategy wants tried next.

    Attributes:
        sample: The model.
        parent: The id of the trial it descends from, if any.
    """

    sample: Sample
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One sample and what became of it.

    Attributes:
        id: Counts from 1 within an experiment, in the order of proposals.
        sample: The model.
        state: What became of it.
        metrics: The final result by name; empty unless it succeeded or duplicates one that did.
        digest: Equal for trials that make the same network; None where none was made.
        parent: The id of the trial it descends from.
        duplicate_of: The id of the trial whose result it carries.
        failure: How it failed.
        created: When it was proposed, in seconds since the epoch.
        started: When it began to run.
        ended: When it reached its final state.
    """

    id: int
    sample: Sample
    state: TrialState = TrialState.WAITING
    metrics: Mapping[str, float] = field(default_factory=dict)
    digest: str | None = None
    parent: int | None = None
    duplicate_of: int | None = None
    failure: Failure | None = None
    created: float = 0.0
    started: float | None = None
    ended: float | None = None

    @property
    def metric(self) -> float | None:
        """The ``default`` metric, which strategies compare."""
        return self.metrics.get("default")


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to run one trial: text, JSON, and the serialised evaluator.

    Attributes:
        trial: The trial's id.
        source: A Python module that defines the model.
        entry: The name of the model's class in it, built without arguments.
        evaluator: The evaluator, as ``retix.recipe.dumps`` wrote it.
        directory: Where the trial's files go: ``model.py``, ``stdout.log``, ``stderr.log``, ``model.safetensors``.
        time_limit: Seconds the trial may run, or None.
        save_weights: Whether the worker writes the trained weights to ``model.safetensors``.
        seed: Seeds Python, numpy and torch before the model is built; None leaves them as they are.
    """

    trial: int
    source: str
    entry: str
    evaluator: bytes
    directory: Path
    time_limit: float | None = None
    save_weights: bool = True
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A worker took the job."""

    trial: int
    worker: str
    time: float


@dataclass(frozen=True, slots=True)
class Reported:
    """The evaluator reported an intermediate result; ``step`` counts from 0."""

    trial: int
    step: int
    metrics: Mapping[str, float]
    time: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The trial ended with a finite final result."""

    trial: int
    metrics: Mapping[str, float]
    time: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The trial ended without one."""

    trial: int
    failure: Failure
    time: float


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The trial was ended by ``cancel``."""

    trial: int
    time: float


Event: TypeAlias = Started | Reported | Finished | Failed | Cancelled


def read_metric(metric: Any) -> dict[str, float]:
    """A reported metric as names and numbers.

    Args:
        metric: A number (also a 0-dim tensor or numpy scalar), or a mapping of names to numbers that holds ``default``.

    Raises:
        EvaluationError: It is neither.
    """
    values = dict(metric) if isinstance(metric, Mapping) else {"default": metric}
    if "default" not in values:
        raise EvaluationError(
            f"the reported metric {metric!r} has no 'default'",
            why="strategies compare models by the entry 'default'",
            fix="report a number, or add the entry 'default' to the dict",
        )
    try:
        return {str(name): float(value) for name, value in values.items()}
    except (TypeError, ValueError) as error:
        raise EvaluationError(
            f"the reported metric {metric!r} is not a number", fix="report a number, or a dict of numbers"
        ) from error


def is_finite(metrics: Mapping[str, float]) -> bool:
    """Whether no value is NaN or infinite."""
    return all(math.isfinite(value) for value in metrics.values())
