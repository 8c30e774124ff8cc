"""How records become rows of the tables, and rows records."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from retix.errors import StoreError
from retix.space import Sample
from retix.store.info import OptimizeMode
from retix.store.journal import Attempt, CommandAnswer, PastConfig, Step
from retix.trial import Failure, Reported, Trial, TrialState, Verdict

TRIAL_COLUMNS = (
    *("id", "sample", "state", "metrics", "cost", "digest"),
    *("parent", "duplicate_of", "failure", "created", "started", "ended"),
    *("failure_kind", "attempts", "inherit", "waits_for", "steps"),
)
"""The columns of `trial_to_row`."""

Row: TypeAlias = tuple[Any, ...]


def write_json(value: Any, what: str) -> str:
    """``value`` as one line of JSON in ASCII.

    Args:
        value: What to write; NaN and infinities are kept.
        what: What it is, for the message.

    Raises:
        StoreError: It has no JSON form.
    """
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{what} cannot be written as JSON: {error}", fix="use plain values") from error


def write_metrics(metrics: Mapping[str, float]) -> str:
    """Metrics as JSON."""
    return write_json({name: float(value) for name, value in metrics.items()}, "a metric")


def write_failure(failure: Failure | None) -> str | None:
    """A failure as JSON; None stays None."""
    return None if failure is None else write_json(failure.to_json(), "a failure")


def write_text(text: str) -> str:
    """A text that SQLite, which holds UTF-8, can take: what has no UTF-8 form (from a broken file name) is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def trial_to_row(trial: Trial, mode: OptimizeMode) -> Row:
    """The trial as values for `TRIAL_COLUMNS`."""
    return (
        trial.id,
        write_json(trial.sample.to_json(), "a sample"),
        str(trial.state),
        write_metrics(trial.metrics),
        _cost(trial.metric, mode),
        trial.digest,
        trial.parent,
        trial.duplicate_of,
        write_failure(trial.failure),
        trial.created,
        trial.started,
        trial.ended,
        None if trial.failure is None else str(trial.failure.kind),
        trial.attempts,
        int(trial.inherit),
        write_text(trial.waits_for),
        trial.steps,
    )


def _cost(metric: float | None, mode: OptimizeMode) -> float | None:
    if metric is None or math.isnan(metric):
        return None
    return float(metric) if mode == "minimize" else -float(metric)


def trial_from_row(row: Row) -> Trial:
    """The trial that `trial_to_row` wrote."""
    data = dict(zip(TRIAL_COLUMNS, row, strict=True))
    return Trial(
        id=data["id"],
        sample=Sample(json.loads(data["sample"])),
        state=TrialState(data["state"]),
        metrics=json.loads(data["metrics"]),
        digest=data["digest"],
        parent=data["parent"],
        duplicate_of=data["duplicate_of"],
        failure=failure_from_text(data["failure"]),
        created=data["created"],
        started=data["started"],
        ended=data["ended"],
        attempts=data["attempts"],
        inherit=bool(data["inherit"]),
        waits_for=data["waits_for"],
        steps=data["steps"],
    )


def failure_from_text(text: str | None) -> Failure | None:
    """The failure that `write_failure` wrote."""
    return None if text is None else Failure.from_json(json.loads(text))


def report_from_row(row: Row) -> Reported:
    """The report in a row of trial, step, metrics and time."""
    trial, step, metrics, time = row
    return Reported(trial, step, json.loads(metrics), time)


def step_from_row(row: Row) -> Step:
    """The step in a row of number, kind, trial, data and time."""
    number, kind, trial, data, time = row
    return Step(number, kind, trial, None if data is None else json.loads(data), time)


def attempt_from_row(row: Row) -> Attempt:
    """The run of a trial in a row of trial, number, worker, started, ended, outcome, stopped and verdict."""
    trial, number, worker, started, ended, outcome, stopped, verdict = row
    failure = failure_from_text(outcome)
    return Attempt(trial, number, worker, started, ended, failure, bool(stopped), verdict and Verdict(verdict))


def past_config_from_row(row: Row) -> PastConfig:
    """The earlier settings in a row of until and config."""
    until, config = row
    return PastConfig(until, json.loads(config))


def answer_from_row(row: Row) -> CommandAnswer:
    """The command in a row of id, name, arguments, sent, answered, ok and text."""
    id, name, arguments, sent, answered, ok, text = row
    return CommandAnswer(id, name, json.loads(arguments), sent, answered, bool(ok), text)
