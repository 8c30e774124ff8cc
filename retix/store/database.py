"""How the driver gets hold of an experiment: its directory, and its database open for writing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from retix.errors import StoreError
from retix.store.info import OptimizeMode
from retix.store.layout import DATABASE, make_private_directory, new_id, sync_directory
from retix.store.schema import TABLES, VERSION, check_version, migrate, run_script

JournalMode: TypeAlias = Literal["wal", "truncate"]
"""How commits are made safe: by a log that is written ahead, or by a copy of what is about to change.

With ``wal`` readers never wait for the driver nor it for them; it needs a disk of this machine's own. ``truncate``
works everywhere, and one waits for the other while a page is read or a change is written.
"""

# Seconds to wait for SQLite's own locks, which others hold for an instant.
_PATIENCE = 30.0

# Pages of 4 KiB that the log may have before they are moved into the database. Moved seldom, each page is written
# fewer times, and a copy of the directory that somebody makes meanwhile seldom has one file from before and one after.
_LOG_PAGES = 4000


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


def write_database(directory: Path, row: Mapping[str, Any], journal: JournalMode) -> None:
    """Write a whole database and only then give it its name, so that readers never see half of it.

    Args:
        directory: The experiment's directory.
        row: The columns of the table ``experiment``.
        journal: How its commits are made safe.
    """
    unfinished = directory / f"{DATABASE}.new"
    _touch(unfinished)
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        if set_journal(connection, journal) == "truncate":
            # Readers take a database beside which there is no journal for one that nobody writes.
            _touch(directory / f"{DATABASE}-journal")
        connection.execute("BEGIN")
        run_script(connection, TABLES)
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.execute(f"INSERT INTO experiment (key, {names}) VALUES (1, {values})", row)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    unfinished.replace(directory / DATABASE)
    unfinished.with_name(f"{DATABASE}.new-journal").unlink(missing_ok=True)
    sync_directory(directory)


def connect(database: Path, journal: JournalMode) -> tuple[sqlite3.Connection, OptimizeMode]:
    """A connection for writing, whose commits wait for the disk, and the experiment's mode.

    Tables of an older version are brought to this one.

    Args:
        database: The file.
        journal: How commits are to be made safe.

    Raises:
        StoreError: The database cannot be written, or a later retix wrote it.
    """
    with explained(database):
        connection = sqlite3.connect(database, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        with explained(database):
            set_journal(connection, journal)
            version = check_version(connection, str(database))
            migrate(connection, version)
            (mode,) = connection.execute("SELECT optimize_mode FROM experiment").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection, mode


def set_journal(connection: sqlite3.Connection, journal: JournalMode) -> JournalMode:
    """Make every commit wait for the disk; falls back to ``truncate`` where there can be no log.

    Args:
        connection: Open for writing, in no transaction.
        journal: What is wanted.

    Returns:
        What it came to.
    """
    if journal == "wal" and _write_ahead(connection):
        # Without FULL, a commit survives the death of the process but not that of the machine.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        return "wal"
    # A log that an earlier driver left, on another file system, can be read here only by one who shares it with nobody.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (mode,) = connection.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
    if mode != "truncate":
        raise sqlite3.OperationalError(f"its journal stays {mode!r}: another process has it open")
    connection.execute("PRAGMA locking_mode = NORMAL")
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA user_version").fetchone()  # gives the exclusive lock back
    return "truncate"


def _write_ahead(connection: sqlite3.Connection) -> bool:
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return False
    return str(mode) == "wal"


def _touch(path: Path) -> None:
    """Make an empty file of the user's own, which SQLite leaves as private as it finds it."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
