"""The tables of an experiment's database, and how records become rows."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from typing import Any, TypeAlias

from retix.errors import StoreError
from retix.space import Sample
from retix.store.info import OptimizeMode
from retix.trial import Failure, Reported, Trial, TrialState

VERSION = 1
"""The version of the tables, held in the database as ``PRAGMA user_version``."""

TABLES = """
CREATE TABLE experiment (
    key INTEGER PRIMARY KEY CHECK (key = 1),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    ended REAL,
    optimize_mode TEXT NOT NULL,
    config TEXT NOT NULL,
    versions TEXT NOT NULL,
    pid INTEGER NOT NULL,
    pid_mark TEXT NOT NULL,
    host TEXT NOT NULL
);
CREATE TABLE trial (
    id INTEGER PRIMARY KEY,
    sample TEXT NOT NULL,
    state TEXT NOT NULL,
    metrics TEXT NOT NULL,
    cost REAL,
    digest TEXT,
    parent INTEGER,
    duplicate_of INTEGER,
    failure TEXT,
    created REAL NOT NULL,
    started REAL,
    ended REAL
);
CREATE INDEX trial_by_state ON trial (state);
CREATE INDEX trial_by_cost ON trial (cost, id) WHERE state = 'succeeded' AND cost IS NOT NULL;
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL,
    step INTEGER NOT NULL,
    metrics TEXT NOT NULL,
    time REAL NOT NULL
);
CREATE INDEX report_by_trial ON report (trial, id);
"""
# `cost` is the default metric, negated where higher is better: one index answers "the best" for both modes.
# A trial that is run again reports its steps again: `step` is no key, and what the first run reported stays.

TRIAL_COLUMNS = (
    *("id", "sample", "state", "metrics", "cost", "digest"),
    *("parent", "duplicate_of", "failure", "created", "started", "ended"),
)
"""The columns of `trial_to_row`."""

Row: TypeAlias = tuple[Any, ...]


def check_version(connection: sqlite3.Connection, where: str) -> None:
    """Check that these tables can be read.

    Args:
        connection: An open database.
        where: Its path, for messages.

    Raises:
        StoreError: The database is no experiment's, or a later retix wrote it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        raise StoreError("the database holds no experiment", where=where, why="something else wrote it")
    if version > VERSION:
        raise StoreError(
            f"the experiment has tables of version {version}; this retix knows them up to version {VERSION}",
            where=where,
            why="a later retix wrote it",
            fix="upgrade retix: pip install --upgrade retix",
        )


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
        None if trial.failure is None else write_json(trial.failure.to_json(), "a failure"),
        trial.created,
        trial.started,
        trial.ended,
    )


def _cost(metric: float | None, mode: OptimizeMode) -> float | None:
    if metric is None or math.isnan(metric):
        return None
    return float(metric) if mode == "minimize" else -float(metric)


def trial_from_row(row: Row) -> Trial:
    """The trial that `trial_to_row` wrote."""
    data = dict(zip(TRIAL_COLUMNS, row, strict=True))
    failure = data["failure"]
    return Trial(
        id=data["id"],
        sample=Sample(json.loads(data["sample"])),
        state=TrialState(data["state"]),
        metrics=json.loads(data["metrics"]),
        digest=data["digest"],
        parent=data["parent"],
        duplicate_of=data["duplicate_of"],
        failure=None if failure is None else Failure.from_json(json.loads(failure)),
        created=data["created"],
        started=data["started"],
        ended=data["ended"],
    )


def report_from_row(row: Row) -> Reported:
    """The report in a row of trial, step, metrics and time."""
    trial, step, metrics, time = row
    return Reported(trial, step, json.loads(metrics), time)
