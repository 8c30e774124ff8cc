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
    """Ended from outside: by the user, or by the end of the run."""
    PRUNED = "pruned"
    """Ended by early stopping; it carries what it reported last."""
    DUPLICATE = "duplicate"
    """Makes the same network as an earlier trial, whose result it carries; it was not run."""

    @property
    def is_final(self) -> bool:
        """Whether nothing can change any more."""
        return self not in (TrialState.WAITING, TrialState.RUNNING)


class Verdict(StrEnum):
    """How a trial goes on that has reported an intermediate result."""

    GO_ON = "go_on"
    STOP = "stop"
    """It ends, with what it has reported."""
    PAUSE = "pause"
    """It keeps a checkpoint, gives its slot back, and may go on later."""


class FailureKind(StrEnum):
    """Why a trial failed."""

    RAISED = "raised"
    """The user's model or evaluator raised an exception."""
    SHAPE = "shape"
    """Sizes do not go together in the generated model: a layer or an operator of torch refused its inputs."""
    IMPORT = "import"
    """The generated module, or something it imports, cannot be imported."""
    BUILD = "build"
    """The sample cannot be made into a model: a mutator or the code generator refused."""
    INVALID = "invalid"
    """A mutator said that there is no such model; nothing was run, and it costs nothing of the budget."""
    TIMEOUT = "timeout"
    """The trial ran longer than it may."""
    KILLED = "killed"
    """The trial took its worker process down: by a signal, or by exiting."""
    WORKER_LOST = "worker_lost"
    """The worker was lost through no fault of the trial's: frozen, its machine gone, or its driver killed."""
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
        inherit: Whether it starts from its parent's weights; it then does not begin before the parent has ended.
    """

    sample: Sample
    parent: int | None = None
    inherit: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One sample and what became of it.

    Attributes:
        id: Counts from 1 within an experiment, in the order of proposals.
        sample: The model.
        state: What became of it.
        metrics: The final result by name, with the measures of its model that needed no training. Of one that was
            pruned or is paused, the last intermediate result, as far as it is finite; of another that waits or runs,
            what is known of its model without training.
        digest: Equal for trials that make the same network; None where none was made.
        parent: The id of the trial it descends from.
        duplicate_of: The id of the trial whose result it carries.
        failure: How it failed.
        created: When it was proposed, in seconds since the epoch.
        started: When it began to run, the last time it did.
        ended: When it reached its final state.
        attempts: How often it was given to a worker.
        inherit: Whether it starts from its parent's weights.
        waits_for: Why it has not begun yet, in words; empty unless it waits.
        steps: How many intermediate results its metrics follow from: of a pruned trial, how far it came.
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
    attempts: int = 0
    inherit: bool = False
    waits_for: str = ""
    steps: int = 0

    @property
    def metric(self) -> float | None:
        """The ``default`` metric, which strategies compare."""
        return self.metrics.get("default")


@dataclass(frozen=True, slots=True)
class WeightsAddress:
    """Where weights lie: a key in a store of weights.

    Attributes:
        url: The store, as `retix.weights.WeightStore` takes it: a directory, or a URL of fsspec's.
        key: The key in it, such as ``trials/7/model``.
    """

    url: str
    key: str


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a trial takes over from its parent before it trains.

    Attributes:
        parent: The parent's trial id.
        weights: Where the parent's weights lie.
        plan: What becomes of each tensor, as `retix.mutation.plan_inheritance` writes it, in JSON values; None takes
            nothing over: the trial may read the parent's weights by itself.
    """

    parent: int
    weights: WeightsAddress
    plan: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to run one trial: text, JSON, and the serialised evaluator.

    Attributes:
        trial: The trial's id.
        source: A Python module that defines the model.
        entry: The name of the model's class in it, built without arguments.
        evaluator: The evaluator, as ``retix.recipe.dumps`` wrote it.
        directory: Where the trial's files go: ``model.py``, ``stdout.log``, ``stderr.log``.
        time_limit: Seconds the trial may run, or None.
        memory_limit: Bytes of memory (resident set) that the worker and all that it started may take, or None.
        log_limit: Bytes that each of the two logs may hold; beyond it the middle is left out. None for no limit.
        weights: Where the trained weights go; None to keep none.
        inheritance: What it takes over from its parent, or None.
        seed: Seeds Python, numpy and torch before the model is built; None leaves them as they are.
        asks: Whether each intermediate result is answered by a `Verdict`, which the trial waits for.
        checkpoint: Where the trial keeps its own state when it is paused, in its directory; None if it never is.
        first_step: How many intermediate results it has reported before it was paused; it goes on from its checkpoint,
            or begins anew, without reporting those again, if there is none.
    """

    trial: int
    source: str
    entry: str
    evaluator: bytes
    directory: Path
    time_limit: float | None = None
    memory_limit: int | None = None
    log_limit: int | None = None
    weights: WeightsAddress | None = None
    inheritance: Inheritance | None = None
    seed: int | None = None
    asks: bool = False
    checkpoint: Path | None = None
    first_step: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """A worker took the job."""

    trial: int
    worker: str
    time: float


@dataclass(frozen=True, slots=True)
class Reported:
    """The evaluator reported an intermediate result; ``step`` counts from 0.

    If the job asks, the trial waits until it is answered.
    """

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


@dataclass(frozen=True, slots=True)
class Halted:
    """The trial ended because its last report was answered by a verdict other than to go on.

    Attributes:
        trial: The trial's id.
        verdict: ``STOP``, or ``PAUSE``: its checkpoint is whole then.
        time: When, in seconds since the epoch.
    """

    trial: int
    verdict: Verdict
    time: float


Event: TypeAlias = Started | Reported | Finished | Failed | Cancelled | Halted


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
