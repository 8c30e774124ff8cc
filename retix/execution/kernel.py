"""What the Linux kernel does for a process that minds others; elsewhere each function says that it cannot.

Numbers are those of ``linux/prctl.h``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """Have processes whose parent dies become children of this one, if it is an ancestor of theirs.

    So nothing that a child starts can get away: neither by a session of its own, nor by forking twice.
    """
    return _control_process(_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> bool:
    """Have this process killed when the thread that forked it ends.

    Args:
        parent: The process that forked it. If it is gone already, this process is killed now.
    """
    if not _control_process(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL if sys.platform != "win32" else 9):
        return False
    if os.getppid() != parent:
        os._exit(1)
    return True


def open_process(process: int) -> int | None:
    """A descriptor that stands for a process: it becomes readable when the process ends, and never means another.

    Returns:
        None where the system has none, or there is no such process.
    """
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(process)
    except OSError:
        return None


def kill_opened(descriptor: int) -> None:
    """Kill the process that `open_process` opened, if it still runs."""
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)


def offer_to_memory_killer() -> None:
    """Have the kernel choose this process, and what it starts, before others when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def count_memory_kills() -> int:
    """How often the kernel has killed a process of this machine, or of this container, because memory ran out."""
    total = 0
    for path, name in (("/proc/vmstat", "oom_kill"), ("/sys/fs/cgroup/memory.events", "oom_kill")):
        with contextlib.suppress(OSError, ValueError):
            for line in Path(path).read_text().splitlines():
                if line.startswith(name + " "):
                    total += int(line.split()[1])
    return total


def _control_process(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
