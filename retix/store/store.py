"""The driver's side of the store: what happened, durable before anyone acts on it."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from retix.errors import StoreError
from retix.store.database import claim_directory, connect, explained, lock, unlock, write_database
from retix.store.info import ExperimentState, OptimizeMode
from retix.store.layout import (
    DATABASE,
    experiment_directory,
    file_path,
    make_private_directory,
    trial_directory,
    write_atomically,
)
from retix.store.process import read_start_mark
from retix.store.schema import (
    TRIAL_COLUMNS,
    Row,
    trial_from_row,
    trial_to_row,
    write_json,
    write_metrics,
)
from retix.trial import Trial

_COLUMNS = ", ".join(TRIAL_COLUMNS)
_INSERT_TRIAL = f"INSERT INTO trial ({_COLUMNS}) VALUES ({', '.join('?' * len(TRIAL_COLUMNS))})"
_UPDATE_TRIAL = f"UPDATE trial SET {', '.join(f'{name} = ?' for name in TRIAL_COLUMNS[1:])} WHERE id = ?"
_TAKE_UP = "UPDATE experiment SET state = :state, pid = :pid, pid_mark = :pid_mark, host = :host, ended = NULL"


class Store:
    """Writes one experiment. Made by `create` and `open`; one driver at a time holds it.

    Every method returns only after its change is durable, except inside `batch`, which makes several changes durable
    together at its end. The methods may be called from several threads.
    """

    def __init__(self, directory: Path) -> None:
        """Hold an experiment that exists; use `create` or `open` instead.

        Raises:
            StoreError: Another driver holds it, or it cannot be written.
        """
        self.directory = directory
        self._mutex = threading.RLock()
        self._in_batch = False
        self._lock = lock(directory)
        try:
            self._connection, self._optimize_mode = connect(directory / DATABASE)
        except BaseException:
            unlock(self._lock)
            raise

    @classmethod
    def create(
        cls,
        root: str | Path,
        *,
        name: str,
        optimize_mode: OptimizeMode,
        config: Mapping[str, Any],
        versions: Mapping[str, str],
    ) -> Store:
        """Create an experiment that is running, with this process as its driver.

        Args:
            root: The directory of experiments; created where it is missing.
            name: What the user calls the experiment; need not be unique.
            optimize_mode: Whether a higher or a lower default metric is better.
            config: Its settings as JSON values.
            versions: The versions of python, retix and torch, by name.

        Raises:
            StoreError: The directory cannot be made, a setting is no JSON, or the mode is neither of the two.
        """
        if optimize_mode not in ("maximize", "minimize"):
            raise StoreError(f"{optimize_mode!r} is no optimize_mode", fix="use 'maximize' or 'minimize'")
        row = {
            # SQLite holds UTF-8; a name from a broken file name may hold what has no UTF-8 form.
            "name": name.encode("utf-8", "backslashreplace").decode(),
            "optimize_mode": optimize_mode,
            "config": write_json(dict(config), "the config of the experiment"),
            "versions": write_json(dict(versions), "the versions of the experiment"),
            "created": time.time(),
            **_driver(),
        }
        with explained(Path(root)):
            directory = claim_directory(Path(root).expanduser().absolute())
        try:
            with explained(directory):
                write_database(directory, row)
            return cls(directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    @classmethod
    def open(cls, root: str | Path, id: str) -> Store:
        """Take up an experiment that has ended or whose driver is gone; it is running again afterwards.

        Raises:
            StoreError: There is no such experiment, or another driver holds it.
        """
        directory = experiment_directory(Path(root).expanduser().absolute(), id)
        if not (directory / DATABASE).is_file():
            raise StoreError(
                f"there is no experiment {id!r}", where=str(root), fix="`retix list` prints those there are"
            )
        store = cls(directory)
        try:
            with store._change() as connection:
                connection.execute(_TAKE_UP, _driver())
        except BaseException:
            store.close()
            raise
        return store

    @property
    def id(self) -> str:
        """The experiment's id: the name of its directory."""
        return self.directory.name

    def add_trial(self, trial: Trial) -> None:
        """Record a new trial.

        Raises:
            StoreError: Its id is taken.
        """
        with self._change() as connection:
            if self._find(connection, trial.id) is not None:
                raise StoreError(
                    f"trial {trial.id} is recorded already",
                    where=str(self.directory),
                    fix="give each new trial the next id, and use update_trial for a trial that changed",
                )
            connection.execute(_INSERT_TRIAL, trial_to_row(trial, self._optimize_mode))

    def update_trial(self, trial: Trial) -> None:
        """Record what became of a trial; one that is not recorded yet is added.

        Writing a final trial again as it stands changes nothing and is allowed.

        Raises:
            StoreError: The recorded trial is final and differs, or has another sample.
        """
        row = trial_to_row(trial, self._optimize_mode)
        with self._change() as connection:
            recorded = self._find(connection, trial.id)
            if recorded is None:
                connection.execute(_INSERT_TRIAL, row)
            elif recorded != row:
                _check_change(trial_from_row(recorded), trial, self.directory)
                connection.execute(_UPDATE_TRIAL, (*row[1:], row[0]))

    def add_report(self, trial_id: int, step: int, metrics: Mapping[str, float], time: float) -> None:
        """Record an intermediate result.

        Args:
            trial_id: The trial that reported it.
            step: Counts from 0; a trial that is run again reports its steps again, and all of them are kept.
            metrics: The values by name; NaN and infinities are kept.
            time: When it was reported, in seconds since the epoch.

        Raises:
            StoreError: There is no such trial.
        """
        with self._change() as connection:
            if self._find(connection, trial_id) is None:
                raise StoreError(
                    f"trial {trial_id} reported, but is not recorded",
                    where=str(self.directory),
                    fix="add_trial comes first",
                )
            row = (trial_id, step, write_metrics(metrics), time)
            connection.execute("INSERT INTO report (trial, step, metrics, time) VALUES (?, ?, ?, ?)", row)

    def set_state(self, state: ExperimentState) -> None:
        """Record how far the experiment is; any state but running ends it now.

        Raises:
            StoreError: The state is one that only readers find out.
        """
        state = ExperimentState(state)
        if not state.is_recorded:
            raise StoreError(f"the state {str(state)!r} is found out by readers and cannot be recorded")
        ended = None if state is ExperimentState.RUNNING else time.time()
        with self._change() as connection:
            connection.execute("UPDATE experiment SET state = ?, ended = ?", (str(state), ended))

    def write_file(self, name: str, data: bytes) -> Path:
        """Replace a file of the experiment; a reader finds all of the old one or all of the new one.

        Args:
            name: A path relative to `directory`, with ``/`` between its parts; folders are created.
            data: What to write.

        Returns:
            The file's path.

        Raises:
            StoreError: The name leaves the directory or is the store's own, or the file cannot be written.
        """
        path = file_path(self.directory, name)
        with explained(path):
            make_private_directory(path.parent)
            write_atomically(path, data)
        return path

    def trial_directory(self, trial_id: int) -> Path:
        """The directory for a trial's files, created if it is missing.

        Raises:
            StoreError: ``trial_id`` is no id, or the directory cannot be made.
        """
        path = trial_directory(self.directory, trial_id)
        with explained(path):
            make_private_directory(path)
        return path

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make the changes of the ``with`` block durable together, at its end, for the price of one.

        If the block raises, none of them is recorded. Files are not part of it. A batch in a batch belongs to the outer
        one, and other threads wait for the end of the block.

        Raises:
            StoreError: The changes cannot be written.
        """
        with self._mutex:
            if self._in_batch:
                yield
                return
            self._execute("BEGIN IMMEDIATE")
            self._in_batch = True
            try:
                yield
                self._execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._in_batch = False

    def close(self) -> None:
        """Let go of the experiment; its state stays what was set last. Closing again does nothing."""
        with self._mutex, explained(self.directory):
            if self._lock >= 0:
                self._connection.close()
                unlock(self._lock)
                self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self.batch(), explained(self.directory):
            yield self._connection

    def _execute(self, statement: str) -> None:
        with explained(self.directory):
            self._connection.execute(statement)

    @staticmethod
    def _find(connection: sqlite3.Connection, trial_id: int) -> Row | None:
        found = connection.execute(f"SELECT {_COLUMNS} FROM trial WHERE id = ?", (trial_id,))
        row: Row | None = found.fetchone()
        return row


def _driver() -> dict[str, Any]:
    """The columns that say that this process runs the experiment."""
    pid = os.getpid()
    return {
        "state": str(ExperimentState.RUNNING),
        "pid": pid,
        "pid_mark": read_start_mark(pid) or "",
        "host": socket.gethostname(),
    }


def _check_change(old: Trial, new: Trial, directory: Path) -> None:
    if old.sample != new.sample:
        raise StoreError(
            f"trial {new.id} is recorded with another sample",
            where=str(directory),
            fix="give each new trial the next id",
        )
    if old.state.is_final:
        raise StoreError(
            f"trial {new.id} is recorded as {old.state} and cannot become {new.state}",
            where=str(directory),
            why="a final result never changes: nothing already recorded is ever lost",
            fix="propose the sample again, as a new trial",
        )
