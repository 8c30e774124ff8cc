"""Where the files of an experiment lie, and which names are allowed."""

from __future__ import annotations

import errno
import os
import re
import secrets
import tempfile
from pathlib import Path

from retix.errors import StoreError

DATABASE = "experiment.sqlite"
"""The database of an experiment, in its directory."""

LOCK = "driver.lock"
"""Held by the driver for as long as it writes."""

COMMANDS = "commands"
"""The directory of what users ask a driver to do."""

# No 0, 1, i, l and o: an id is read aloud and typed.
_LETTERS = "abcdefghjkmnpqrstuvwxyz"
_DIGITS = "23456789"
_ID_LENGTH = 8

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def new_id() -> str:
    """A random id of 8 lower-case letters and digits that begins with a letter."""
    rest = (secrets.choice(_LETTERS + _DIGITS) for _ in range(_ID_LENGTH - 1))
    return secrets.choice(_LETTERS) + "".join(rest)


def is_plain_name(name: str) -> bool:
    """Whether ``name`` is safe as one part of a path."""
    return _PLAIN_NAME.fullmatch(name) is not None


def experiment_directory(root: Path, id: str) -> Path:
    """The directory of an experiment, whether it exists or not.

    Raises:
        StoreError: ``id`` cannot be an id.
    """
    if not is_plain_name(id):
        raise StoreError(
            f"{id!r} is no id of an experiment",
            why="an id is a directory's name of letters, digits, '.', '_' and '-'",
            fix="take an id that `retix list` prints",
        )
    return root / id


def trial_directory(directory: Path, trial_id: int) -> Path:
    """The directory of a trial's files, whether it exists or not.

    Raises:
        StoreError: ``trial_id`` cannot be an id.
    """
    if not isinstance(trial_id, int) or trial_id < 1:
        raise StoreError(f"{trial_id!r} is no id of a trial", where=str(directory), why="trials are counted from 1")
    return directory / "trials" / str(trial_id)


def file_path(directory: Path, name: str) -> Path:
    """The path of a file in an experiment's directory.

    Args:
        directory: The experiment's directory.
        name: A relative path with ``/`` between its parts.

    Raises:
        StoreError: The path would leave the directory, is hidden, or is the store's own.
    """
    parts = name.split("/")
    if not all(is_plain_name(part) for part in parts):
        raise StoreError(
            f"{name!r} is no name for a file of an experiment",
            where=str(directory),
            fix="use letters, digits, '.', '_' and '-', with '/' between folders, and start no part with '.' or '-'",
        )
    if parts[0] in (LOCK, COMMANDS) or parts[0].startswith(DATABASE):
        raise StoreError(
            f"the file {name!r} belongs to the store itself", where=str(directory), fix="take another name"
        )
    return directory.joinpath(*parts)


def make_private_directory(path: Path, *, durable: bool = True) -> None:
    """Create a directory that only the user can enter, and those above it; an existing one stays as it is.

    Args:
        path: The directory.
        durable: Whether to wait until its name is on the disk.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        if durable:
            sync_directory(folder.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable; Windows, and some network file systems, give no way to ask for it."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file by ``data``, durably; at every moment a reader finds all of the old file or all of the new."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
