"""Whose a trial's directory is: one run's at a time, also after a driver was killed and another has taken over."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

_PAUSE = 0.02


@contextlib.contextmanager
def possessing(directory: Path, patience: float = 10.0) -> Iterator[bool]:
    """Hold a trial's directory for the ``with`` block; waits until an earlier run of the trial has let go of it.

    After a driver was killed, it takes a moment until the last of its workers is gone, and a resume may be quicker. The
    kernel lets go for a process that ends, however it does.

    Args:
        directory: The trial's.
        patience: Seconds after which to go on without: whoever does not end for so long must not hold up the search.

    Yields:
        Whether it is held; False also where the file system has no locks for directories.
    """
    held = _lock(directory, patience)
    try:
        yield held is not None
    finally:
        if held is not None:
            fcntl.flock(held, fcntl.LOCK_UN)  # a child that the trial forked shares the open file
            os.close(held)


def _lock(directory: Path, patience: float) -> int | None:
    if not _HAS_LOCKS:
        return None
    end = time.monotonic() + patience
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return None
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(_PAUSE)
                continue
        except OSError:
            pass
        else:
            return descriptor
        os.close(descriptor)
        return None
