"""A worker's standard output and error, one pair of files per trial."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

OUTPUT_FILE = "stdout.log"
ERROR_FILE = "stderr.log"


def redirect_streams(directory: Path) -> None:
    """Send what this process prints from now on, C code and child processes included, to new files in ``directory``."""
    flush_streams()
    for name, stream in ((OUTPUT_FILE, 1), (ERROR_FILE, 2)):
        # Appending keeps the lines of several processes that write to one file whole.
        file = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
        os.dup2(file, stream)
        os.close(file)


def flush_streams() -> None:
    """Write out what Python and the C library still hold back, so that it lands in the file of its own trial."""
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)


def read_last_words(directory: Path) -> str:
    """The last traceback that a process left in its error file as it died, or an empty string."""
    try:
        text = (directory / ERROR_FILE).read_text(encoding="utf-8", errors="replace")[-20_000:]
    except OSError:
        return ""
    start = max(text.rfind(mark) for mark in ("Fatal Python error", "Traceback (most recent call last)"))
    return text[start:] if start >= 0 else ""
