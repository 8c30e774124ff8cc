"""How the driver gets hold of an experiment: its directory, its lock, and its database open for writing."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from retix.errors import StoreError
from retix.store.info import OptimizeMode
from retix.store.layout import DATABASE, LOCK, make_private_directory, new_id, sync_directory
from retix.store.schema import TABLES, VERSION, check_version

_PATIENCE = 30.0
"""Seconds to wait for SQLite's own locks, which others hold for an instant."""


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn what the operating system and SQLite raise into a `StoreError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"the store cannot be written: {error}",
            where=str(where),
            fix="check that the disk has space and that the directory belongs to you",
        ) from error


def claim_directory(root: Path) -> Path:
    """Create a directory in ``root`` that belongs to this driver alone; ``root`` is created where it is missing."""
    make_private_directory(root)
    while True:
        directory = root / new_id()
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            continue
        sync_directory(root)
        return directory


def write_database(directory: Path, row: Mapping[str, Any]) -> None:
    """Write a whole database and only then give it its name, so that readers never see half of it.

    Args:
        directory: The experiment's directory.
        row: The columns of the table ``experiment``.
    """
    unfinished = directory / f"{DATABASE}.new"
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TABLES)
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.execute(f"INSERT INTO experiment (key, {names}) VALUES (1, {values})", row)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    unfinished.chmod(0o600)
    unfinished.rename(directory / DATABASE)
    sync_directory(directory)


def connect(database: Path) -> tuple[sqlite3.Connection, OptimizeMode]:
    """A connection for writing, whose commits wait for the disk, and the experiment's mode.

    Raises:
        StoreError: The database cannot be written, or a later retix wrote it.
    """
    with explained(database):
        connection = sqlite3.connect(database, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        with explained(database):
            check_version(connection, str(database))
            connection.execute("PRAGMA journal_mode = WAL")
            # Without FULL, a commit survives the death of the process but not that of the machine.
            connection.execute("PRAGMA synchronous = FULL")
            (mode,) = connection.execute("SELECT optimize_mode FROM experiment").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection, mode


def lock(directory: Path) -> int:
    """Hold an experiment; when this process and what it forked have ended, however they did, it is free again.

    Returns:
        The open file that holds it, for `unlock`.

    Raises:
        StoreError: Another driver holds it.
    """
    with explained(directory):
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(
            f"the experiment {directory.name!r} is being run already",
            where=str(directory),
            why="another driver holds it",
            fix="wait until that one ends, or stop it",
        ) from error
    return descriptor


def unlock(descriptor: int) -> None:
    """Let go of what `lock` holds."""
    # A worker that was forked shares the open file, and closing it here alone would not let go.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
