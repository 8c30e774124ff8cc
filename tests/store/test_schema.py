from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from retix.errors import StoreError
from retix.space import Sample
from retix.store import Attempt, FailureCount, Store, StoreReader
from retix.store.schema import TABLES, VERSION, check_version, migrate, run_script
from retix.trial import Failure, FailureKind, Trial, TrialState, Verdict

# What version 1 wrote, to the letter.
TABLES_OF_1 = """
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
# What version 2 wrote, to the letter.
TABLES_OF_2 = """
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
    waits_for TEXT NOT NULL DEFAULT ''
);
CREATE INDEX trial_by_state ON trial (state);
CREATE INDEX trial_by_cost ON trial (cost, id) WHERE state = 'succeeded' AND cost IS NOT NULL;
CREATE INDEX trial_by_failure ON trial (failure_kind, state, id) WHERE failure_kind IS NOT NULL;
CREATE INDEX trial_by_digest ON trial (digest, id) WHERE digest IS NOT NULL AND duplicate_of IS NULL;
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL,
    step INTEGER NOT NULL,
    metrics TEXT NOT NULL,
    time REAL NOT NULL
);
CREATE INDEX report_by_trial ON report (trial, id);
CREATE TABLE attempt (
    trial INTEGER NOT NULL,
    number INTEGER NOT NULL,
    worker TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    outcome TEXT,
    failure_kind TEXT,
    stopped INTEGER NOT NULL DEFAULT 0,
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
FAILURE = Failure(FailureKind.TIMEOUT, "longer than 6 s")
TRIALS = [
    Trial(1, Sample({"width": 1}), TrialState.SUCCEEDED, {"default": 0.5}, "0a", started=2.0, ended=3.0, attempts=1),
    Trial(2, Sample({"width": 2}), TrialState.FAILED, parent=1, failure=FAILURE, started=2.0, ended=3.0, attempts=1),
    Trial(3, Sample({"width": 3}), TrialState.SUCCEEDED, {"default": 0.75}, "0b", started=2.0, ended=4.0, attempts=1),
    Trial(4, Sample({"width": 4})),
]
ROWS_OF_1 = """
INSERT INTO experiment VALUES
    (1, 'old', 'stopped', 1.0, 5.0, 'maximize', '{"max_trial_number": 3}', '{"torch": "2.13.0"}', 1, 'mark', 'host');
INSERT INTO trial VALUES
    (1, '{"width": 1}', 'succeeded', '{"default": 0.5}', -0.5, '0a', NULL, NULL, NULL, 0.0, 2.0, 3.0);
INSERT INTO trial VALUES
    (2, '{"width": 2}', 'failed', '{}', NULL, NULL, 1, NULL,
    '{"kind": "timeout", "message": "longer than 6 s", "error": null, "traceback": ""}', 0.0, 2.0, 3.0);
INSERT INTO trial VALUES
    (3, '{"width": 3}', 'succeeded', '{"default": 0.75}', -0.75, '0b', NULL, NULL, NULL, 0.0, 2.0, 4.0);
INSERT INTO trial VALUES (4, '{"width": 4}', 'waiting', '{}', NULL, NULL, NULL, NULL, NULL, 0.0, NULL, NULL);
INSERT INTO report (trial, step, metrics, time) VALUES (1, 0, '{"default": 0.25}', 2.5);
"""
_COLUMNS_OF_1 = "id, sample, state, metrics, cost, digest, parent, duplicate_of, failure, created, started, ended"
ROWS_OF_2 = (
    ROWS_OF_1.replace("INTO trial VALUES", f"INTO trial ({_COLUMNS_OF_1}) VALUES")
    + """
UPDATE trial SET attempts = 1 WHERE started IS NOT NULL;
UPDATE trial SET failure_kind = 'timeout' WHERE failure IS NOT NULL;
"""
)


def write_old(directory: Path, version: int, more: str = "") -> Path:
    """The directory of an experiment that an earlier version wrote."""
    directory.mkdir(mode=0o700)
    tables, rows = {1: (TABLES_OF_1, ROWS_OF_1), 2: (TABLES_OF_2, ROWS_OF_2)}[version]
    with closing(sqlite3.connect(directory / "experiment.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        run_script(connection, tables + rows + more)
        connection.execute(f"PRAGMA user_version = {version}")
    return directory


@pytest.fixture(params=[1, 2])
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The directory of an experiment that version 1, or 2, wrote."""
    return write_old(tmp_path / "abcdefgh", request.param)


def check_content(reader: StoreReader) -> None:
    """Check that a reader tells what versions 1 and 2 wrote."""
    assert reader.trials() == TRIALS
    assert reader.trials(1, 1, "newest", state=TrialState.SUCCEEDED) == [TRIALS[0]]
    assert reader.trials(after_id=3) == [TRIALS[3]]
    assert reader.best(2) == [TRIALS[2], TRIALS[0]]
    assert reader.counts()[TrialState.SUCCEEDED] == 2
    assert reader.failures() == [FailureCount(FailureKind.TIMEOUT, 1, 0, 2, 2, "longer than 6 s")]
    assert [report.metrics for report in reader.reports(1)] == [{"default": 0.25}]
    assert (list(reader.steps()), reader.attempts(1), reader.past_configs()) == ([], [], [])
    assert reader.command("none") is None
    assert reader.info().config == {"max_trial_number": 3}


def test_an_old_experiment_is_read_as_it_is(old: Path) -> None:
    """A reader tells an experiment of an earlier version as one of now, and changes no byte of it."""
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    check_content(StoreReader(old))
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before


def test_a_driver_brings_an_old_experiment_up_to_date(old: Path) -> None:
    """Taken up, it has the tables of now with all it had, and takes what earlier versions had no place for."""
    with Store.open(old.parent, old.name) as store:
        check_content(StoreReader(old))
        assert check_version(store._connection, "here") == VERSION
        store.add_step("ask", 5)
        store.begin_attempt(4, 1, "worker", 1.0)
        store.end_attempt(4, 1, 2.0, verdict=Verdict.STOP)
        store.update_trial(replace(TRIALS[3], state=TrialState.PRUNED, steps=3))
        assert store.find_original("0b") == TRIALS[2]
    assert [step.trial for step in StoreReader(old).steps()] == [5]
    assert StoreReader(old).attempts(4) == [Attempt(4, 1, "worker", 1.0, 2.0, verdict=Verdict.STOP)]
    assert StoreReader(old).trial(4).steps == 3


def test_runs_of_version_2_are_read_as_they_are(tmp_path: Path) -> None:
    """They have no verdict, before and after a driver has taken the experiment up."""
    row = "INSERT INTO attempt (trial, number, worker, started) VALUES (4, 1, 'worker', 1.0);"
    directory = write_old(tmp_path / "abcdefgh", 2, row)
    expected = [Attempt(4, 1, "worker", 1.0)]
    assert StoreReader(directory).attempts(4) == expected
    with Store.open(directory.parent, directory.name):
        assert StoreReader(directory).attempts(4) == expected


def describe(connection: sqlite3.Connection) -> dict[str, object]:
    """The tables and indexes of a database, and the columns of each."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    info = {name: connection.execute(f"SELECT * FROM pragma_table_xinfo('{name}')").fetchall() for name in names}
    indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'").fetchall()
    return {**info, "indexes": sorted(indexes)}


def test_migrating_gives_the_tables_of_now(old: Path) -> None:
    """What migration makes of earlier versions has the same columns and indexes as a new database."""
    with (
        closing(sqlite3.connect(":memory:")) as fresh,
        closing(sqlite3.connect(old / "experiment.sqlite", isolation_level=None)) as migrated,
    ):
        run_script(fresh, TABLES)
        migrate(migrated, check_version(migrated, "here"))
        assert describe(migrated) == describe(fresh)
        assert migrated.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Where the new tables cannot be made, the old ones stay whole, of their version, and readable."""
    old = write_old(tmp_path / "abcdefgh", 1)
    with closing(sqlite3.connect(old / "experiment.sqlite")) as connection:
        connection.execute("CREATE TABLE step (number INTEGER)")
        before = describe(connection)
    with pytest.raises(StoreError, match="step already exists"):
        Store.open(old.parent, old.name)
    with closing(sqlite3.connect(old / "experiment.sqlite")) as connection:
        assert describe(connection) == before
        assert check_version(connection, "here") == 1
    assert StoreReader(old).trials() == TRIALS


def test_a_foreign_database_is_refused() -> None:
    """A database without a version is no experiment's."""
    connection = sqlite3.connect(":memory:")
    with pytest.raises(StoreError, match="holds no experiment"):
        check_version(connection, "here")
    connection.close()
