"""The tables of an experiment's database, and how an older version becomes this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeAlias

from retix.errors import StoreError

VERSION = 3
"""The version of the tables, held in the database as ``PRAGMA user_version``."""

_RECORDS = """
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL,
    step INTEGER NOT NULL,
    metrics TEXT NOT NULL,
    time REAL NOT NULL
);
CREATE INDEX report_by_trial ON report (trial, id);
"""

_JOURNAL = """
CREATE TABLE attempt (
    trial INTEGER NOT NULL,
    number INTEGER NOT NULL,
    worker TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    outcome TEXT,
    failure_kind TEXT,
    stopped INTEGER NOT NULL DEFAULT 0,
    verdict TEXT,
    PRIMARY KEY (trial, number)
) WITHOUT ROWID;
CREATE INDEX attempt_by_failure ON attempt (failure_kind, trial) WHERE failure_kind IS NOT NULL;
CREATE TABLE step (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    trial INTEGER,
    data TEXT,
    time REAL NOT NULL
);
CREATE TABLE past_config (
    id INTEGER PRIMARY KEY,
    until REAL NOT NULL,
    config TEXT NOT NULL
);
CREATE TABLE command (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    arguments TEXT NOT NULL,
    sent REAL NOT NULL,
    answered REAL NOT NULL,
    ok INTEGER NOT NULL,
    text TEXT NOT NULL
) WITHOUT ROWID;
"""

TABLES = f"""
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
    ended REAL,
    failure_kind TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    inherit INTEGER NOT NULL DEFAULT 0,
    waits_for TEXT NOT NULL DEFAULT '',
    steps INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX trial_by_state ON trial (state);
CREATE INDEX trial_by_cost ON trial (cost, id) WHERE state = 'succeeded' AND cost IS NOT NULL;
CREATE INDEX trial_by_failure ON trial (failure_kind, state, id) WHERE failure_kind IS NOT NULL;
CREATE INDEX trial_by_digest ON trial (digest, id) WHERE digest IS NOT NULL AND duplicate_of IS NULL;
{_RECORDS}{_JOURNAL}"""
# `cost` is the default metric, negated where higher is better: one index answers "the best" for both modes.
# `failure_kind` repeats what `failure` holds, so that failures are counted without reading them.
# A trial that is run again reports its steps again: `step` is no key, and what the first run reported stays.

_FROM_1_TO_2 = """
ALTER TABLE trial ADD COLUMN failure_kind TEXT;
ALTER TABLE trial ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trial ADD COLUMN inherit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trial ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';
UPDATE trial SET failure_kind = json_extract(failure, '$.kind') WHERE failure IS NOT NULL;
UPDATE trial SET attempts = 1 WHERE started IS NOT NULL;
CREATE INDEX trial_by_failure ON trial (failure_kind, state, id) WHERE failure_kind IS NOT NULL;
CREATE INDEX trial_by_digest ON trial (digest, id) WHERE digest IS NOT NULL AND duplicate_of IS NULL;
"""

_JOURNAL_OF_2 = _JOURNAL.replace("    verdict TEXT,\n", "")

_FROM_2_TO_3 = """
ALTER TABLE trial ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN verdict TEXT;
"""

_VIEW_OF_1 = """
CREATE TEMP VIEW trial AS SELECT *,
    json_extract(failure, '$.kind') AS failure_kind,
    started IS NOT NULL AS attempts,
    0 AS inherit,
    '' AS waits_for,
    0 AS steps
FROM main.trial;
"""

_VIEW_OF_2 = """
CREATE TEMP VIEW trial AS SELECT *, 0 AS steps FROM main.trial;
CREATE TEMP VIEW attempt AS SELECT *, NULL AS verdict FROM main.attempt;
"""


def check_version(connection: sqlite3.Connection, where: str) -> int:
    """Check that these tables can be read.

    Args:
        connection: An open database.
        where: Its path, for messages.

    Returns:
        Their version.

    Raises:
        StoreError: The database is no experiment's, or a later retix wrote it.
    """
    version: int
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
    return version


def _migrate_1(connection: sqlite3.Connection) -> None:
    """To version 2: journal, runs of a trial, commands, earlier settings; and what a trial waits for."""
    run_script(connection, _FROM_1_TO_2 + _JOURNAL_OF_2)


def _migrate_2(connection: sqlite3.Connection) -> None:
    """To version 3: how far trials came that early stopping ended, and how it ended their runs."""
    run_script(connection, _FROM_2_TO_3)


_Migration: TypeAlias = Callable[[sqlite3.Connection], None]

MIGRATIONS: dict[int, _Migration] = {1: _migrate_1, 2: _migrate_2}
"""What makes a version the next one."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring tables to this version, all the way or not at all.

    Args:
        connection: Open for writing, in no transaction.
        version: The version that the tables have.
    """
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, VERSION):
            MIGRATIONS[step](connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def show_as_current(connection: sqlite3.Connection, version: int) -> None:
    """Let queries for this version read an older database, which is left as it is.

    What the older version did not have is laid over it in tables of the connection's own, in memory.
    """
    if version < 2:
        run_script(connection, _VIEW_OF_1 + _JOURNAL.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    elif version < 3:
        run_script(connection, _VIEW_OF_2)


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run statements one by one; unlike ``executescript`` it commits nothing on the way."""
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement)
