"""The readers' side of the store: it never blocks the driver, and never changes anything."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from retix.errors import StoreError
from retix.store import queries
from retix.store.info import ExperimentInfo, ExperimentState
from retix.store.journal import Attempt, CommandAnswer, FailureCount, PastConfig, Step
from retix.store.layout import DATABASE, file_path, trial_directory
from retix.store.lock import is_held
from retix.store.privacy import check_inside
from retix.store.process import read_start_mark
from retix.store.queries import TrialOrder
from retix.store.row import (
    Row,
    answer_from_row,
    attempt_from_row,
    failure_from_text,
    past_config_from_row,
    report_from_row,
    step_from_row,
    trial_from_row,
)
from retix.store.schema import check_version, show_as_current
from retix.trial import FailureKind, Reported, Trial, TrialState

# Rows that are read at once: a reader of all of them keeps nobody waiting and holds little.
_PAGE = 1000

# Seconds to wait for the driver where it and its readers wait for each other.
_PATIENCE = 30.0
_PAUSE = 0.001
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class StoreReader:
    """Reads one experiment, while it runs, after its end, and after a crash of its driver.

    Each call sees what is durable at that moment. No connection is held between calls, so a reader may be kept, shared
    between threads and taken across a fork, and needs no closing.

    Args:
        directory: The experiment's directory.

    Raises:
        StoreError: By every method, if the experiment cannot be read.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory).expanduser().absolute()

    @property
    def id(self) -> str:
        """The experiment's id: the name of its directory."""
        return self.directory.name

    def info(self) -> ExperimentInfo:
        """The experiment as a whole; it is interrupted if it should be running or paused and its driver is gone."""
        with self._connection() as connection:
            connection.row_factory = sqlite3.Row
            row = connection.execute("SELECT * FROM experiment").fetchone()
            return _info_from_row(self.directory, row)

    def trials(
        self,
        offset: int = 0,
        limit: int | None = None,
        order: TrialOrder = "oldest",
        *,
        state: TrialState | None = None,
        after_id: int | None = None,
    ) -> list[Trial]:
        """A page of the trials.

        Args:
            offset: How many to leave out.
            limit: How many to return at most; None returns all.
            order: Which come first.
            state: Only trials in this state; None takes all.
            after_id: Only trials that come after this one in the order: the last of one page gives the next page, and
                however far down that is, it costs the same. None begins with the first.
        """
        _check_not_negative(offset=offset, limit=limit)
        # SQLite takes a negative limit for none.
        page = (queries.FIRST[order] if after_id is None else after_id, -1 if limit is None else limit, offset)
        with self._connection() as connection:
            if state is None:
                rows = connection.execute(queries.PAGES[order], page)
            else:
                rows = connection.execute(queries.PAGES_IN_STATE[order], (str(state), *page))
            return [trial_from_row(row) for row in rows]

    def trial(self, id: int) -> Trial:
        """One trial.

        Raises:
            StoreError: There is no such trial.
        """
        with self._connection() as connection:
            row = connection.execute(queries.TRIAL, (id,)).fetchone()
            if row is None:
                raise StoreError(f"the experiment {self.id!r} has no trial {id}", where=str(self.directory))
            return trial_from_row(row)

    def reports(self, trial_id: int) -> list[Reported]:
        """The intermediate results of a trial in the order they came; empty for a trial that has none."""
        return [report_from_row(row) for row in self._rows(queries.REPORTS, trial_id)]

    def all_reports(self) -> Iterator[Reported]:
        """The intermediate results of all trials in the order they came; read bit by bit, as `steps` are."""
        after = 0
        while rows := self._rows(queries.ALL_REPORTS, after, _PAGE):
            yield from (report_from_row(row[1:]) for row in rows)
            after = rows[-1][0]

    def attempts(self, trial_id: int) -> list[Attempt]:
        """Every run of a trial in the order they began, also those that were lost or tried again."""
        return [attempt_from_row(row) for row in self._rows(queries.ATTEMPTS, trial_id)]

    def steps(self, after: int = 0) -> Iterator[Step]:
        """What the strategy was asked and told, in order; read bit by bit, so that a long search fits in memory.

        Args:
            after: The number of the last step to leave out.
        """
        while rows := self._rows(queries.STEPS, after, _PAGE):
            yield from map(step_from_row, rows)
            after = rows[-1][0]

    def counts(self) -> dict[TrialState, int]:
        """The number of trials in each state, zeros included."""
        found = {TrialState(state): int(count) for state, count in self._rows(queries.COUNTS)}
        return {state: found.get(state, 0) for state in TrialState}

    def failures(self) -> list[FailureCount]:
        """The failures by kind, in the order of `FailureKind`; kinds that never came are left out."""
        with self._connection() as connection:
            failed = {kind: row for kind, *row in _execute(connection, queries.FAILED_TRIALS)}
            retried = {kind: row for kind, *row in connection.execute(queries.RETRIED_ATTEMPTS)}
            found = []
            for kind in FailureKind:
                rows = [row for row in (failed.get(kind), retried.get(kind)) if row is not None]
                if rows:
                    first, last = min(row[1] for row in rows), max(row[2] for row in rows)
                    counts = [table.get(kind, (0,))[0] for table in (failed, retried)]
                    message = _last_message(connection, kind, last)
                    found.append(FailureCount(kind, counts[0], counts[1], first, last, message))
            return found

    def best(self, k: int = 1) -> list[Trial]:
        """The ``k`` succeeded trials with the best default metric, the best first and the earlier of equals first.

        Duplicates are left out: they carry the result of a trial that is there itself.
        """
        _check_not_negative(k=k)
        with self._connection() as connection:
            return [trial_from_row(row) for row in _execute(connection, queries.BEST, k)]

    def command(self, id: str) -> CommandAnswer | None:
        """What became of a command; None as long as it waits for the driver, and for one that nobody sent."""
        rows = self._rows(queries.ANSWER, id)
        return answer_from_row(rows[0]) if rows else None

    def commands(self, limit: int = 100) -> list[CommandAnswer]:
        """The commands that were answered, the latest first."""
        _check_not_negative(limit=limit)
        return [answer_from_row(row) for row in self._rows(queries.ANSWERS, limit)]

    def past_configs(self) -> list[PastConfig]:
        """The settings that others replaced, the earliest first; those that hold now are in `info`."""
        return [past_config_from_row(row) for row in self._rows(queries.PAST_CONFIGS)]

    def trial_directory(self, trial_id: int) -> Path:
        """The directory of a trial's files; it may be missing.

        Raises:
            StoreError: ``trial_id`` cannot be an id, or a link leads the directory out of the experiment.
        """
        return check_inside(self.directory, trial_directory(self.directory, trial_id))

    def trial_file(self, trial_id: int, name: str) -> Path:
        """The path of one of a trial's files, which may be missing; no link leads it out of the experiment.

        Args:
            trial_id: The trial.
            name: A path relative to the trial's directory, with ``/`` between its parts.

        Raises:
            StoreError: It is no id or no name, or it leads out of the experiment.
        """
        return self.file(f"trials/{trial_directory(self.directory, trial_id).name}/{name}")

    def file(self, name: str) -> Path:
        """The path of a file of the experiment, which may be missing; no link leads it out of the experiment.

        Args:
            name: A path relative to `directory`, with ``/`` between its parts.

        Raises:
            StoreError: It is no name, is the store's own, or leads out of the experiment.
        """
        return check_inside(self.directory, file_path(self.directory, name))

    def _rows(self, query: str, *values: object) -> list[Row]:
        with self._connection() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        database = self.directory / DATABASE
        if not database.is_file():
            raise StoreError(
                f"there is no experiment in {str(self.directory)!r}",
                why=f"it has no file {DATABASE}",
                fix="`retix list` prints the experiments there are",
            )
        try:
            with closing(_open(database)) as connection:
                show_as_current(connection, check_version(connection, str(database)))
                yield connection
        except (sqlite3.Error, OSError, OverflowError, ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"the experiment {self.id!r} cannot be read: {error}",
                where=str(database),
                why="its files are damaged, or they may not be read by this user",
            ) from error


def _open(database: Path) -> sqlite3.Connection:
    """A connection that reads only, and sees one moment."""
    uri = f"{database.as_uri()}?mode=ro"
    beside = [database.with_name(database.name + end) for end in ("-wal", "-journal")]
    if not any(path.exists() for path in beside):
        # Nobody writes, and all is in the one file. Said so, SQLite creates no files of its own to read it.
        return _begin(f"{uri}&immutable=1")
    try:
        return _begin(uri)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
    # A driver died in the midst of a change, which is to be taken back before anyone reads on.
    return _begin(f"{database.as_uri()}?mode=rw", "PRAGMA query_only = ON")


def _begin(uri: str, *settings: str) -> sqlite3.Connection:
    deadline = time.monotonic() + _PATIENCE
    while True:
        # SQLite's own patience doubles its pauses, and a busy driver would always be first.
        connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)
        try:
            for statement in (*settings, "BEGIN"):
                connection.execute(statement)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except BaseException as error:
            connection.close()
            is_busy = isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def _execute(connection: sqlite3.Connection, query: str, *values: object) -> sqlite3.Cursor:
    """Ask by an index where the tables are of this version."""
    is_view = connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'trial'").fetchone() is not None
    return connection.execute(queries.without_index(query) if is_view else query, values)


def _last_message(connection: sqlite3.Connection, kind: FailureKind, trial_id: int) -> str:
    row = connection.execute("SELECT failure FROM trial WHERE id = ? AND failure_kind = ?", (trial_id, kind)).fetchone()
    row = row or connection.execute(queries.LAST_OUTCOME, (trial_id, kind)).fetchone()
    failure = failure_from_text(row[0] if row else None)
    return "" if failure is None else failure.message


def _info_from_row(directory: Path, row: sqlite3.Row) -> ExperimentInfo:
    state = ExperimentState(row["state"])
    if state.is_active:
        is_here = row["host"] == socket.gethostname()
        # Of a process on another machine, or of a container that had another name, only its lock can tell.
        gone = read_start_mark(row["pid"]) != row["pid_mark"] if is_here else is_held(directory) is False
        state = ExperimentState.INTERRUPTED if gone else state
    return ExperimentInfo(
        id=directory.name,
        name=row["name"],
        state=state,
        created=row["created"],
        ended=row["ended"],
        optimize_mode=row["optimize_mode"],
        config=json.loads(row["config"]),
        pid=row["pid"],
        host=row["host"],
        versions=json.loads(row["versions"]),
    )


def _check_not_negative(**values: int | None) -> None:
    for name, value in values.items():
        if value is not None and value < 0:
            raise StoreError(f"{name}={value} has no meaning", fix=f"let {name} be 0 or more")
