"""No worker outlives its driver.

The driver alone holds the writing end of a pipe, and writes nothing. However the driver ends, the kernel closes that
end.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import threading


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
    if not hasattr(fcntl, "F_SETSIG"):
        return False
    try:
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        return False
    # The signal tells of a change: a driver that went before this line must be noticed too.
    if select.select([lifeline], [], [], 0)[0]:
        _end()
    return True


def kill_by_thread(lifeline: int) -> None:
    """Have a thread of this process send SIGKILL to the group when the pipe is closed."""
    threading.Thread(target=_wait, args=(lifeline,), name="retix-lifeline", daemon=True).start()


def _wait(lifeline: int) -> None:
    os.read(lifeline, 1)
    _end()


def _end() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)
