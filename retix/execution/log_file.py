"""A log that keeps its beginning and its end when it grows too long."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from retix.execution.streams import ERROR_FILE, OUTPUT_FILE

if sys.platform != "win32":
    import fcntl

_NOTE = b"\n[... %d bytes are left out here, since this log may hold %d bytes ...]\n"
_NOTE_PATTERN = re.compile(rb"\n\[\.\.\. (\d+) bytes are left out here, since this log may hold \d+ bytes \.\.\.\]\n")

# How far behind the head the note of an earlier time is looked for, in bytes.
_WINDOW = 1 << 20

# A limit must have room for the note, and for a few lines around it.
SMALLEST_LIMIT = 1024


def trim_logs(directory: Path, limit: int) -> None:
    """Shorten the logs of a trial that are longer than ``limit`` bytes each; see `trim_log`."""
    for name in (OUTPUT_FILE, ERROR_FILE):
        trim_log(directory / name, limit)


def trim_log(path: Path, limit: int) -> None:
    """Leave the middle of a log out if it is longer than ``limit`` bytes.

    The first half of ``limit`` stays, then a line says how much is missing, then comes the last quarter. Whoever
    appends to the file may go on; what is written in the very moment of trimming may be left out too. A log that cannot
    be read or written is left alone.

    Args:
        path: The file.
        limit: How many bytes it may have; at least 1024 are granted.
    """
    limit = max(limit, SMALLEST_LIMIT)
    with contextlib.suppress(OSError):
        if path.stat().st_size <= limit:
            return
        file = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            with _locked(file):
                _trim(file, limit)
        finally:
            os.close(file)


def _trim(file: int, limit: int) -> None:
    size = os.fstat(file).st_size
    if size <= limit:
        return  # another process was quicker
    head, tail = limit // 2, limit // 4
    os.lseek(file, head, os.SEEK_SET)
    # It stands at the head's end, or behind what was written while the log was trimmed.
    earlier = _NOTE_PATTERN.search(_read(file, min(_WINDOW, size - head)))
    counted = int(earlier[1]) - len(earlier[0]) if earlier else 0
    os.lseek(file, size - tail, os.SEEK_SET)
    end = _read(file, tail)
    missing = os.fstat(file).st_size - head - tail + counted  # what came in the meantime is lost too
    os.ftruncate(file, head)
    os.write(file, _NOTE % (missing, limit) + end)


def _read(file: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(file, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


@contextlib.contextmanager
def _locked(file: int) -> Iterator[None]:
    """Keep worker and keeper from trimming at the same time, where the system has such locks."""
    if sys.platform == "win32":
        yield
        return
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)  # closing the file lets go of it
    yield
