"""A worker process as the driver sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from retix.errors import ExecutionError
from retix.execution.message import Welcome
from retix.execution.streams import ERROR_FILE, OUTPUT_FILE
from retix.trial import Job


class WorkerProcess:
    """A process that runs `retix.execution.worker`, the leader of a session and a process group of its own.

    Args:
        environment: The environment variables of the process.
        welcome: The first message to it.
        directory: Where it writes what it prints until its first job; the folder must exist.

    Attributes:
        is_ready: Whether it waits for jobs; to be set by the caller when `Ready` comes.

    Raises:
        ExecutionError: The process cannot be started.
    """

    def __init__(self, environment: Mapping[str, str], welcome: Welcome, directory: Path):
        self.is_ready = False
        try:
            with contextlib.ExitStack() as stack:
                self._open(stack, {**environment, "PYTHONPATH": os.pathsep.join(welcome.path)}, directory)
        except OSError as error:
            raise ExecutionError(
                f"a worker process cannot be started: {error}",
                why="the system has no process, memory or file descriptor left, or the trial's folder is not writable",
                fix="lower the trial concurrency, or look at `ulimit -a` and the permissions of the folder",
            ) from error
        self._sentinel = _open_sentinel(self._process.pid)
        self.send(welcome)

    @property
    def waitables(self) -> list[Connection | int]:
        """What becomes readable when the process says something or dies."""
        return [self._connection] if self._sentinel is None else [self._connection, self._sentinel]

    @property
    def has_message(self) -> bool:
        """Whether `receive` will not wait."""
        return self._connection.poll()

    @property
    def is_dead(self) -> bool:
        """Whether the process has ended by itself; where the system cannot tell, `receive` raises instead."""
        return self._sentinel is not None and bool(wait([self._sentinel], 0))

    def send(self, message: Job | Welcome) -> None:
        """Send a message; if the process is dead, nothing happens, since its death is noticed by other means."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send(message)

    def receive(self) -> Any:
        """The next message.

        Raises:
            EOFError: The process has closed its end.
            OSError: It did so in the middle of a message.
        """
        return self._connection.recv()

    def kill_group(self) -> None:
        """Kill the process and all that it started, unless they left its group."""
        # The process is not reaped yet, so that its number cannot belong to somebody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> int:
        """Kill the group, wait for the process, and let go of everything.

        Returns:
            The exit status; the negative number of a signal if one ended the process. A process that had ended before
            keeps its own.
        """
        self.kill_group()
        status = self._process.wait()
        self._connection.close()
        self._lifeline.close()
        if self._sentinel is not None:
            os.close(self._sentinel)
        return status

    def _open(self, stack: contextlib.ExitStack, environment: Mapping[str, str], directory: Path) -> None:
        """Start the process; ``stack`` closes what belongs to it alone."""
        self._connection, theirs = Pipe()
        stack.callback(theirs.close)
        lifeline, self._lifeline = Pipe(duplex=False)
        stack.callback(lifeline.close)
        output = stack.enter_context((directory / OUTPUT_FILE).open("ab"))
        errors = stack.enter_context((directory / ERROR_FILE).open("ab"))
        command = [sys.executable, "-P", "-m", "retix.execution.worker", str(theirs.fileno()), str(lifeline.fileno())]
        # Not multiprocessing: that would import the user's script again, which need not be guarded.
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            pass_fds=(theirs.fileno(), lifeline.fileno()),
            start_new_session=True,
        )


def _open_sentinel(process: int) -> int | None:
    """A descriptor that becomes readable when the process ends, or None where the system has none."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(process)
    except OSError:
        return None


def describe_exit(status: int) -> str:
    """How a process ended, in words, from its exit status."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = ", as the system does when memory runs out" if -status == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"
