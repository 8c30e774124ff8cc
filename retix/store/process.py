"""Whether a process that was written down earlier still lives."""

from __future__ import annotations

from pathlib import Path

import psutil

_PROC = Path("/proc")


def read_start_mark(pid: int) -> str | None:
    """A text that tells this process from every other one that has had or will have its id.

    On Linux it is the boot's id and the clock tick at which the process started, elsewhere its time of creation.

    Args:
        pid: A process id on this machine.

    Returns:
        The mark, or None if there is no such process. A process that has ended but was not waited for is none.
    """
    if not (_PROC / "self" / "stat").exists():
        return _read_creation(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The command's name stands in parentheses and may hold anything, parentheses and spaces included.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else f"{boot}:{fields[18]}"


def _read_creation(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"created:{process.create_time()}"
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return "alive"
