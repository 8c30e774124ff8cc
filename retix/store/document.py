"""Records as JSON documents, the same for the command line and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from retix.store.info import ExperimentInfo
from retix.trial import Trial


def describe_trial(trial: Trial) -> dict[str, Any]:
    """A trial as JSON values; a metric that is NaN or infinite, for which JSON has no form, is None."""
    failure = trial.failure
    return {
        "id": trial.id,
        "state": str(trial.state),
        "sample": trial.sample.to_json(),
        "metric": _finite(trial.metric),
        "metrics": {name: _finite(value) for name, value in trial.metrics.items()},
        "parent": trial.parent,
        "duplicate_of": trial.duplicate_of,
        "failure": failure and {"kind": str(failure.kind), "message": failure.message, "error": failure.error},
        "created": trial.created,
        "started": trial.started,
        "ended": trial.ended,
        "attempts": trial.attempts,
        "inherit": trial.inherit,
        "waits_for": trial.waits_for,
        "steps": trial.steps,
    }


def describe_experiment(info: ExperimentInfo) -> dict[str, Any]:
    """An experiment as JSON values; times are in seconds since the epoch."""
    return {
        "id": info.id,
        "name": info.name,
        "state": str(info.state),
        "created": info.created,
        "ended": info.ended,
        "optimize_mode": info.optimize_mode,
        "config": _plain(info.config),
        "versions": dict(info.versions),
        "problem": info.problem,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
