"""A worker's standard output and error, one pair of files per trial."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

OUTPUT_FILE = "stdout.log"
ERROR_FILE = "stderr.log"

# What is looked at of a file's end, in bytes.
_LAST = 20_000

_MARKS = ("Fatal Python error", "Traceback (most recent call last)")


def redirect_streams(directory: Path, is_new: bool = True) -> None:
    """Send what this process prints from now on, C code and child processes included, to files in ``directory``.

    Args:
        directory: The trial's.
        is_new: Whether the files begin anew; else they go on, as a trial does that was paused.
    """
    flush_streams()
    for name, stream in ((OUTPUT_FILE, 1), (ERROR_FILE, 2)):
        # Appending keeps the lines of several processes that write to one file whole.
        file = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if is_new else 0), 0o600)
        os.dup2(file, stream)
        os.close(file)


def flush_streams() -> None:
    """Write out what Python and the C library still hold back, so that it lands in the file of its own trial."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        ctypes.cdll.msvcrt.fflush(None)
    else:
        ctypes.CDLL(None).fflush(None)


def read_last_words(directory: Path) -> str:
    """The last traceback that a process left in its error file as it died, or an empty string."""
    try:
        return find_last_words(read_end(directory / ERROR_FILE))
    except OSError:
        return ""


def find_last_words(text: str) -> str:
    """The last traceback in what a process printed, or an empty string."""
    start = max(text.rfind(mark) for mark in _MARKS)
    return text[start:] if start >= 0 else ""


def read_end(path: Path, start: int = 0) -> str:
    """The last 20,000 bytes of a file, or less where it began after ``start``.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(start, size - _LAST))
        return file.read().decode("utf-8", errors="replace")
