"""One open database and its lock: what makes changes durable, one at a time or several together."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from retix.store.database import JournalMode, connect, explained
from retix.store.filesystem import is_network
from retix.store.layout import DATABASE
from retix.store.lock import DriverLock


class Writer:
    """Holds an experiment and changes its database; `Store` is what drivers use.

    Args:
        directory: The experiment's directory.
        journal: How commits are made safe; None decides by the file system.

    Raises:
        StoreError: Another driver holds it, or it cannot be written.
    """

    def __init__(self, directory: Path, journal: JournalMode | None = None) -> None:
        self.directory = directory
        self._mutex = threading.RLock()
        self._in_batch = False
        self._after: list[Callable[[], None]] = []
        shared = is_network(directory)
        self._lock = DriverLock(directory, shared=shared)
        self._is_open = True
        try:
            self._connection, self._optimize_mode = connect(directory / DATABASE, journal or choose_journal(directory))
        except BaseException:
            self._lock.release()
            raise

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
                self._after.clear()
                if self._connection.in_transaction:
                    # What the disk refuses to take back it takes back when it is opened next.
                    with suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                raise
            finally:
                self._in_batch = False
            self._finish()

    def close(self) -> None:
        """Let go of the experiment; its state stays what was set last. Closing again does nothing."""
        with self._mutex, explained(self.directory):
            if self._is_open:
                self._is_open = False
                try:
                    self._connection.close()
                finally:
                    self._lock.release()

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

    def _once_durable(self, action: Callable[[], None]) -> None:
        """Do something after the batch that is open is durable, and not at all if it is given up."""
        self._after.append(action)

    def _finish(self) -> None:
        actions, self._after = self._after, []
        for action in actions:
            action()

    def _execute(self, statement: str) -> None:
        with explained(self.directory):
            self._connection.execute(statement)


def choose_journal(directory: Path) -> JournalMode:
    """How commits are made safe on the file system of a directory."""
    return "truncate" if is_network(directory) else "wal"
