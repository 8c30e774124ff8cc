"""A process and everything that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import psutil

_LISTS_CHILDREN = Path("/proc/thread-self/children").exists()

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What a tree of processes has taken: bytes, and how many processes there are."""

    bytes: int
    processes: int


class ProcessTree:
    """All processes below this one; on Linux with orphans adopted, that is everything ever started by the child.

    Where orphans cannot be adopted, processes seen at an earlier look are remembered, so that one whose parent has
    ended is found again.

    Args:
        root: The child; it leads a process group of its own, except on Windows.
        is_plain: Whether to do without what only Linux has.
    """

    def __init__(self, root: int, is_plain: bool):
        self._root = root
        self._is_plain = is_plain or not sys.platform.startswith("linux")
        self._seen: dict[int, psutil.Process] = {}

    def look(self) -> list[int]:
        """The ids of the processes that live now, zombies left out."""
        if not self._is_plain:
            return _list_below(os.getpid())
        for parent in [psutil.Process(), *self._seen.values()]:
            with contextlib.suppress(psutil.Error):
                for child in parent.children(recursive=True):
                    self._seen.setdefault(child.pid, child)
        self._seen = {pid: process for pid, process in self._seen.items() if _is_alive(process)}
        return list(self._seen)

    def measure(self, limit: int) -> MemoryUse:
        """The memory that the tree has taken.

        Resident sizes are added up, which counts pages that processes share more than once; only if that is more than
        ``limit`` are the shared ones divided among those who share them, which takes longer.
        """
        processes = self.look()
        sizes = [_resident_size(process, self._is_plain) for process in processes]
        total = sum(sizes)
        if total > limit and len(processes) > 1:
            total = max(max(sizes), sum(map(_proportional_size, processes, sizes)))
        return MemoryUse(total, len(processes))

    def kill(self, patience: float = 20.0) -> None:
        """Kill everything, until nobody is found any more; gives up after ``patience`` seconds."""
        end = time.monotonic() + patience
        pause = 0.0005
        while processes := self.look():
            for process in processes:
                _kill(process)
            if sys.platform != "win32" and self._is_plain:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._root, signal.SIGKILL)
            reap_orphans(self._root)
            if time.monotonic() > end:
                return
            time.sleep(pause)
            pause = min(0.02, pause * 2)


def reap_orphans(but: int) -> None:
    """Let go of children of this process that have ended, except of one."""
    for process in _list_children(os.getpid()):
        if process != but:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)


def kill_below(process: int, but: Collection[int] = (), patience: float = 10.0) -> None:
    """Kill all that this process started or adopted, on Linux.

    Args:
        process: This process's id.
        but: Children that stay, with what they started.
        patience: Seconds after which to give up.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end:
        strays = [child for child in _list_children(process) if child not in but]
        living = [one for stray in strays for one in (stray, *_list_below(stray)) if _is_living(one)]
        for one in living:
            _kill(one)
        for stray in strays:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(stray, os.WNOHANG)
        if not living:
            return
        time.sleep(0.002)


def _list_children(process: int) -> list[int]:
    """Children of a process on Linux, zombies included; empty if it is gone."""
    children: list[int] = []
    if not _LISTS_CHILDREN:  # a kernel that was built without
        with contextlib.suppress(psutil.Error):
            children += [child.pid for child in psutil.Process(process).children()]
        return children
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{process}/task"):
            with contextlib.suppress(OSError):
                children += map(int, Path(f"/proc/{process}/task/{task}/children").read_text().split())
    return children


def _list_below(process: int) -> list[int]:
    found: list[int] = []
    fresh = [process]
    while fresh:
        fresh = [child for parent in fresh for child in _list_children(parent)]
        found += fresh
    return [process for process in found if _is_living(process)]


def _is_living(process: int) -> bool:
    return _read_state(process) not in (None, "Z", "X")


def _read_state(process: int) -> str | None:
    """The letter by which Linux says what a process is doing (``man 5 proc``); None if it is gone."""
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return None
    return chr(stat[stat.rindex(b")") + 2])


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _resident_size(process: int, is_plain: bool) -> int:
    if not is_plain:
        with contextlib.suppress(OSError, IndexError):
            return int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * _PAGE
        return 0
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(process).memory_info().rss)
    return 0


def _proportional_size(process: int, resident: int) -> int:
    """The memory of a process with shared pages divided among those who share them; where nobody knows, all of it."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return resident


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
        if sys.platform == "win32":
            psutil.Process(process).kill()
        else:
            os.kill(process, signal.SIGKILL)


def measure_time(process: int) -> float:
    """Seconds of CPU time that a process has used; 0 if it is gone."""
    with contextlib.suppress(psutil.Error):
        times = psutil.Process(process).cpu_times()
        return float(times.user + times.system)
    return 0.0


def is_stopped(process: int) -> bool:
    """Whether a signal has stopped a process."""
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(process).status() == psutil.STATUS_STOPPED)
    return False
