"""No worker outlives its driver.

The driver alone holds the writing end of a pipe, and writes nothing. However the driver ends, the kernel closes that
end. Workers are killed by that; their keepers, and the fork server, are woken, should they be stopped, to clean up.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading

if sys.platform != "win32":
    import fcntl


def watch_driver(lifeline: int) -> None:
    """Have this process and its whole group killed as soon as the driver is gone.

    Where the kernel can do it by itself (Linux), it does, even if the trial never lets go of the interpreter's lock;
    elsewhere a thread waits.

    Args:
        lifeline: The reading end of the pipe, as a file descriptor.
    """
    if not kill_by_kernel(lifeline):
        kill_by_thread(lifeline)


def kill_by_kernel(lifeline: int) -> bool:
    """Have the kernel send SIGKILL to the group when the pipe is closed; False where it has no such service."""
    if sys.platform != "linux":
        return False
    own = open_again(lifeline)
    if own is None or not _signal_by_kernel(own, signal.SIGKILL, -os.getpgrp()):
        return False
    # The signal tells of a change: a driver that went before this line must be noticed too.
    if select.select([lifeline], [], [], 0)[0]:
        _end()
    return True


def kill_by_thread(lifeline: int) -> None:
    """Have a thread of this process send SIGKILL to the group when the pipe is closed."""
    threading.Thread(target=_wait, args=(lifeline,), name="retix-lifeline", daemon=True).start()


def wake_by_kernel(lifeline: int) -> bool:
    """Have the kernel wake this process, if a signal has stopped it, when the pipe is closed.

    Returns:
        False where it has no such service.
    """
    own = open_again(lifeline)
    return own is not None and wake_other(own, os.getpid())


def wake_other(lifeline: int, process: int) -> bool:
    """Have the kernel wake another process when the pipe is closed, from its first moment on.

    Args:
        lifeline: What `open_again` gave, which that process has too, and nobody else.
        process: Its id.

    Returns:
        False where it has no such service.
    """
    return sys.platform == "linux" and _signal_by_kernel(lifeline, signal.SIGCONT, process)


def open_again(lifeline: int) -> int | None:
    """Another descriptor of the same end of the pipe, with settings of its own.

    What the kernel is to do belongs to what was opened, which a process that was forked would share.

    Returns:
        None where the system cannot do so.
    """
    if sys.platform != "linux":
        return None
    try:
        return os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None


def _signal_by_kernel(lifeline: int, number: int, receiver: int) -> bool:
    """Have the kernel send a signal when the pipe is closed; a negative receiver is a group."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, receiver)
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, number)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        return False
    return True


def _wait(lifeline: int) -> None:
    os.read(lifeline, 1)
    _end()


def _end() -> None:
    if sys.platform == "win32":
        os._exit(1)
    os.killpg(os.getpgrp(), signal.SIGKILL)
