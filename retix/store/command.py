"""What users ask a driver to do, from any process of theirs: a file for each command, the answer in the database."""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retix.errors import StoreError
from retix.store.journal import CommandAnswer
from retix.store.layout import COMMANDS, is_plain_name, make_private_directory, write_atomically
from retix.store.privacy import check_private
from retix.store.reader import StoreReader
from retix.store.row import write_json

# Bytes that a command may have: a sample of ten thousand answers is far smaller.
LARGEST = 1 << 20

# Files that are looked at in one go; the rest waits for the next time.
_AT_ONCE = 100

_SUFFIX = ".json"
_LARGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a user asks the driver to do.

    Attributes:
        id: Names it; ids of one sender sort in the order in which they were sent.
        name: What to do.
        arguments: With what, as JSON values.
        time: When it was sent, in seconds since the epoch.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    time: float


def send_command(directory: str | Path, name: str, arguments: Mapping[str, Any] | None = None) -> str:
    """Ask the driver of an experiment to do something; it sees the command within a heartbeat.

    Args:
        directory: The experiment's directory.
        name: What to do.
        arguments: With what, as JSON values.

    Returns:
        The command's id, for `wait_for_answer`.

    Raises:
        StoreError: No driver runs the experiment, or the command cannot be written.
    """
    reader = StoreReader(directory)
    _check_driven(reader, name)
    now = time.time()
    text = write_json({"name": name, "arguments": dict(arguments or {}), "time": now}, f"the command {name!r}")
    if not is_plain_name(name) or len(text) > LARGEST:
        raise StoreError(f"the command {name!r} cannot be sent", why="its name is none, or it is larger than 1 MiB")
    box = reader.directory / COMMANDS
    id = f"{time.time_ns():016x}-{secrets.token_hex(4)}"
    try:
        make_private_directory(box)
        check_private(box)
        write_atomically(box / f"{id}{_SUFFIX}", text.encode())
    except OSError as error:
        raise StoreError(
            f"the command {name!r} cannot be sent: {error}",
            where=str(box),
            why="only the user who runs an experiment may say what it is to do",
        ) from error
    return id


def wait_for_answer(directory: str | Path, id: str, timeout: float = 30.0) -> CommandAnswer:
    """Wait until the driver has answered a command.

    Args:
        directory: The experiment's directory.
        id: What `send_command` returned.
        timeout: Seconds to wait.

    Raises:
        StoreError: The driver ended first, or the time is over; what was not taken up yet is then taken back.
    """
    reader = StoreReader(directory)
    deadline = time.monotonic() + timeout
    pause = 0.01
    while (answer := reader.command(id)) is None:
        if not reader.info().state.is_active:
            # It may have answered between the two looks.
            if (answer := reader.command(id)) is not None:
                break
            _take_back(reader.directory, id)
            raise StoreError(
                "the driver ended before it answered", where=str(reader.directory), fix="go on with it: retix resume"
            )
        if time.monotonic() > deadline:
            _take_back(reader.directory, id)
            raise StoreError(
                f"the driver did not answer within {timeout:g} s",
                where=str(reader.directory),
                why="it is busy building a model, or it is stopped",
                fix="look whether it still works: retix show " + reader.id,
            )
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)
    return answer


def _check_driven(reader: StoreReader, name: str) -> None:
    info = reader.info()
    if not info.state.is_active:
        raise StoreError(
            f"nobody is there to carry out {name!r}: the experiment {reader.id!r} is {info.state}",
            where=str(reader.directory),
            fix=f"commands go to a running experiment; go on with this one: retix resume {reader.id}",
        )


def _take_back(directory: Path, id: str) -> None:
    if is_plain_name(id):
        (directory / COMMANDS / f"{id}{_SUFFIX}").unlink(missing_ok=True)


class CommandBox:
    """The driver's side: the files of commands that wait.

    Args:
        directory: The experiment's directory.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / COMMANDS
        self._is_private = False
        self._seen: set[str] = set()

    def open(self) -> None:
        """Make the directory; where others may write it (some shared drives let everybody), nothing in it is obeyed.

        Raises:
            OSError: It cannot be made.
        """
        make_private_directory(self._path)
        try:
            check_private(self._path)
        except StoreError:
            return
        self._is_private = True

    def look(self) -> list[tuple[Command, str | None]]:
        """The commands that came since the last look, in their order, each with what is wrong with it or None."""
        found: list[tuple[Command, str | None]] = []
        if not self._is_private:
            return found
        for id in sorted(self._ids() - self._seen)[:_AT_ONCE]:
            self._seen.add(id)
            try:
                found.append(self._read(id))
            except FileNotFoundError:  # taken back by its sender
                self._seen.discard(id)
        return found

    def remove(self, id: str) -> None:
        """Remove the file of a command that was answered."""
        try:
            (self._path / f"{id}{_SUFFIX}").unlink(missing_ok=True)
        except OSError:  # a directory by the name of a command: it is left, and looked at no more
            return
        self._seen.discard(id)

    def _ids(self) -> set[str]:
        try:
            with os.scandir(self._path) as entries:
                names = [entry.name for entry in entries]
        except FileNotFoundError:
            return set()
        return {
            name.removesuffix(_SUFFIX)
            for name in names
            if name.endswith(_SUFFIX) and is_plain_name(name) and len(name) <= _LARGEST_ID
        }

    def _read(self, id: str) -> tuple[Command, str | None]:
        path = self._path / f"{id}{_SUFFIX}"
        unread = Command(id, "", {}, time.time())
        try:
            data = json.loads(_read_own(path))
            command = Command(id, data["name"], data["arguments"], float(data["time"]))
        except FileNotFoundError:
            raise
        except StoreError as error:
            return unread, error.what
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            return unread, f"the command cannot be read: {error}"
        if not isinstance(command.name, str) or not is_plain_name(command.name):
            return unread, "the command has no name"
        if not isinstance(command.arguments, dict):
            return unread, "the arguments of the command are no object"
        return command, None


def _read_own(path: Path) -> bytes:
    """The content of a small file of this user's own, which is no link.

    Raises:
        OSError: It cannot be read, or is a link.
        StoreError: It is another user's, or too large.
    """
    # Without NONBLOCK, opening a pipe would wait for somebody to write into it.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise StoreError("the command is no plain file")
        if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
            raise StoreError("the command was sent by another user")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(data) > LARGEST:
        raise StoreError("the command is larger than 1 MiB")
    return data
