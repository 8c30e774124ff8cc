"""The readers' side of the store: it never blocks the driver, and never changes anything."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from retix.errors import StoreError
from retix.store.info import ExperimentInfo, ExperimentState
from retix.store.layout import DATABASE, experiment_directory, is_plain_name, trial_directory
from retix.store.process import read_start_mark
from retix.store.schema import TRIAL_COLUMNS, check_version, report_from_row, trial_from_row
from retix.trial import Reported, Trial, TrialState

TrialOrder: TypeAlias = Literal["oldest", "newest"]
"""Which trials come first: the lowest ids, or the highest."""

_COLUMNS = ", ".join(TRIAL_COLUMNS)

PAGES: dict[TrialOrder, str] = {
    "oldest": f"SELECT {_COLUMNS} FROM trial ORDER BY id LIMIT ? OFFSET ?",
    "newest": f"SELECT {_COLUMNS} FROM trial ORDER BY id DESC LIMIT ? OFFSET ?",
}
"""The queries of `StoreReader.trials` for trials in any state."""

PAGES_IN_STATE: dict[TrialOrder, str] = {
    "oldest": f"SELECT {_COLUMNS} FROM trial WHERE state = ? ORDER BY id LIMIT ? OFFSET ?",
    "newest": f"SELECT {_COLUMNS} FROM trial WHERE state = ? ORDER BY id DESC LIMIT ? OFFSET ?",
}
"""The queries of `StoreReader.trials` for trials in one state."""

BEST = (
    # Left to itself SQLite takes the index by state, and sorts every trial that succeeded.
    f"SELECT {_COLUMNS} FROM trial INDEXED BY trial_by_cost "
    "WHERE state = 'succeeded' AND cost IS NOT NULL ORDER BY cost, id LIMIT ?"
)
"""The query of `StoreReader.best`; its condition is that of the index ``trial_by_cost``."""

COUNTS = "SELECT state, count(*) FROM trial GROUP BY state"
"""The query of `StoreReader.counts`."""

REPORTS = "SELECT trial, step, metrics, time FROM report WHERE trial = ? ORDER BY id"
"""The query of `StoreReader.reports`."""


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
        """The experiment as a whole; it is interrupted if it should be running and its driver is gone."""
        with self._connection() as connection:
            connection.row_factory = sqlite3.Row
            row = connection.execute("SELECT * FROM experiment").fetchone()
            return _info_from_row(self.id, row)

    def trials(
        self,
        offset: int = 0,
        limit: int | None = None,
        order: TrialOrder = "oldest",
        *,
        state: TrialState | None = None,
    ) -> list[Trial]:
        """A page of the trials.

        Args:
            offset: How many to leave out.
            limit: How many to return at most; None returns all.
            order: Which come first.
            state: Only trials in this state; None takes all.
        """
        _check_not_negative(offset=offset, limit=limit)
        # SQLite takes a negative limit for none.
        page = (-1 if limit is None else limit, offset)
        with self._connection() as connection:
            if state is None:
                rows = connection.execute(PAGES[order], page)
            else:
                rows = connection.execute(PAGES_IN_STATE[order], (str(state), *page))
            return [trial_from_row(row) for row in rows]

    def trial(self, id: int) -> Trial:
        """One trial.

        Raises:
            StoreError: There is no such trial.
        """
        with self._connection() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM trial WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise StoreError(f"the experiment {self.id!r} has no trial {id}", where=str(self.directory))
            return trial_from_row(row)

    def reports(self, trial_id: int) -> list[Reported]:
        """The intermediate results of a trial in the order they came; empty for a trial that has none."""
        with self._connection() as connection:
            return [report_from_row(row) for row in connection.execute(REPORTS, (trial_id,))]

    def counts(self) -> dict[TrialState, int]:
        """The number of trials in each state, zeros included."""
        with self._connection() as connection:
            found = {TrialState(state): int(count) for state, count in connection.execute(COUNTS)}
        return {state: found.get(state, 0) for state in TrialState}

    def best(self, k: int = 1) -> list[Trial]:
        """The ``k`` succeeded trials with the best default metric, the best first and the earlier of equals first.

        Duplicates are left out: they carry the result of a trial that is there itself.
        """
        _check_not_negative(k=k)
        with self._connection() as connection:
            return [trial_from_row(row) for row in connection.execute(BEST, (k,))]

    def trial_directory(self, trial_id: int) -> Path:
        """The directory of a trial's files; it may be missing.

        Raises:
            StoreError: ``trial_id`` cannot be an id.
        """
        return trial_directory(self.directory, trial_id)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        database = self.directory / DATABASE
        if not database.is_file():
            raise StoreError(
                f"there is no experiment in {str(self.directory)!r}",
                why=f"it has no file {DATABASE}",
                fix="`retix list` prints the experiments there are",
            )
        uri = f"{database.as_uri()}?mode=ro"
        if not database.with_name(f"{DATABASE}-wal").exists():
            # Nobody writes, and all is in the one file. Said so, SQLite creates no files of its own to read it.
            uri += "&immutable=1"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=30)) as connection:
                check_version(connection, str(database))
                yield connection
        except (sqlite3.Error, OSError, OverflowError, ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"the experiment {self.id!r} cannot be read: {error}",
                where=str(database),
                why="its files are damaged, or they may not be read by this user",
            ) from error


def read_experiment(root: str | Path, id: str) -> StoreReader:
    """A reader for one experiment.

    Args:
        root: The directory of experiments.
        id: The experiment's id.

    Raises:
        StoreError: There is no such experiment.
    """
    reader = StoreReader(experiment_directory(Path(root), id))
    if not (reader.directory / DATABASE).is_file():
        raise StoreError(f"there is no experiment {id!r}", where=str(root), fix="`retix list` prints those there are")
    return reader


def list_ids(root: str | Path) -> list[str]:
    """The ids of the experiments under ``root`` in alphabetical order; nothing is opened.

    Raises:
        StoreError: ``root`` exists and cannot be listed.
    """
    try:
        names = [path.name for path in Path(root).expanduser().iterdir() if (path / DATABASE).is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"the experiments cannot be listed: {error}", where=str(root)) from error
    return sorted(name for name in names if is_plain_name(name))


def list_experiments(root: str | Path) -> list[ExperimentInfo]:
    """The experiments under ``root``, the newest first.

    What is no experiment is left out. An experiment that cannot be read is in the list, with the state *unreadable* and
    the reason as its ``problem``.

    Raises:
        StoreError: ``root`` exists and cannot be listed.
    """
    found = [_read_info(Path(root).expanduser() / id) for id in list_ids(root)]
    return sorted(found, key=lambda info: (-info.created, info.id))


def _read_info(directory: Path) -> ExperimentInfo:
    try:
        return StoreReader(directory).info()
    except StoreError as error:
        state = ExperimentState.UNREADABLE
        return ExperimentInfo(directory.name, "", state, _changed(directory), problem=error.what)


def _changed(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except OSError:
        return 0.0


def _info_from_row(id: str, row: sqlite3.Row) -> ExperimentInfo:
    state = ExperimentState(row["state"])
    if state is ExperimentState.RUNNING and row["host"] == socket.gethostname():
        # Of a driver on another machine nothing is known: it counts as alive.
        alive = read_start_mark(row["pid"]) == row["pid_mark"]
        state = state if alive else ExperimentState.INTERRUPTED
    return ExperimentInfo(
        id=id,
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
