"""Workers forked from one server that has imported torch and Lightning already: on Linux."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from retix.errors import ExecutionError
from retix.execution.kept_worker import KeptWorker
from retix.execution.kernel import kill_opened
from retix.execution.launcher import Launcher, close_all
from retix.execution.liveness import open_again, wake_other
from retix.execution.message import MESSAGE_SIZE, Buried, Care, Launch, Launched, Loaded, Preload, Welcome
from retix.execution.process_tree import measure_time

# Seconds for the server to end when the engine closes.
_PATIENCE = 2.0

# With this, torch asks the driver's management library whether there are GPUs, rather than initialising CUDA, which a
# process that is going to fork must not do.
_NO_CUDA_INIT = "PYTORCH_NVML_BASED_CUDA_CHECK"

# Seconds that importing torch may take at most.
_LOAD_LIMIT = 900.0


@dataclass
class _Keeper:
    """What is known of a keeper's process."""

    worker: KeptWorker
    server: int
    process: int | None = None
    descriptor: int | None = None
    is_buried: bool = False


class ForkLauncher(Launcher):
    """Starts the server when it is made, and another one when that is lost.

    A server that is killed costs no trial: the keepers that it forked go on without it. See `Launcher` for arguments.

    Raises:
        ExecutionError: The server cannot be started.
    """

    def __init__(self, environment: Mapping[str, str], welcome: Welcome, care: Care):
        super().__init__({_NO_CUDA_INIT: "1", **environment}, welcome, care)
        self._count = 0
        self._servers = 0
        self._keepers: dict[int, _Keeper] = {}
        self._backlog: deque[tuple[Launch, Connection, Connection]] = deque()
        self._server: subprocess.Popen[bytes]
        self._control: socket.socket | None = None
        self._is_loaded = False
        self._begin = self._sign = 0.0  # when the server was started, and when it last gave a sign of life
        self._time_used = 0.0
        self._start_server()

    # -- workers ------------------------------------------------------------------------------------------------

    def launch(self, environment: Mapping[str, str]) -> KeptWorker:
        if self._control is None:
            self._start_server()
        self._count += 1
        try:
            mine, theirs = Pipe()
            keeper, their_keeper = Pipe()
        except OSError as error:
            raise self._make_error(error) from error
        worker = KeptWorker(self._count, mine, keeper, self._is_gone, self._kill)
        self._keepers[self._count] = _Keeper(worker, self._servers)
        self._backlog.append((Launch(self._count, environment), theirs, their_keeper))
        self._flush()
        return worker

    def has_started(self, worker: KeptWorker) -> bool:
        keeper = self._keepers.get(worker.number)
        return keeper is not None and keeper.process is not None

    def list_keepers(self) -> list[int]:
        known = [keeper.process for keeper in self._keepers.values() if keeper.process is not None]
        return [*known, self._server.pid] if self._control is not None else known

    def _is_gone(self, worker: KeptWorker) -> bool:
        keeper = self._keepers.get(worker.number)
        if keeper is None:
            return True
        if not keeper.is_buried:
            if self._control is not None and keeper.server == self._servers:
                return False
            # Its server is lost, and cannot tell: a keeper that has left in order has cleaned up before.
            if not worker.has_keeper_left():
                return False
            del self._keepers[worker.number]
            self.sweep()
        self._forget(worker.number, keeper)
        return True

    def _forget(self, number: int, keeper: _Keeper) -> None:
        self._keepers.pop(number, None)
        if keeper.descriptor is not None:
            os.close(keeper.descriptor)
            keeper.descriptor = None

    def _kill(self, worker: KeptWorker) -> None:
        keeper = self._keepers.get(worker.number)
        if keeper is None or keeper.is_buried:
            return
        if keeper.descriptor is not None:
            kill_opened(keeper.descriptor)
        elif keeper.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper.process, signal.SIGKILL)
        elif self._control is not None:
            self._lose_server()  # it was asked to fork, and never did

    # -- the server ---------------------------------------------------------------------------------------------

    @property
    def waitables(self) -> list[Any]:
        return [] if self._control is None else [self._control]

    def collect(self) -> None:
        while self._control is not None:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_SIZE, 1)
            except BlockingIOError:
                break
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._lose_server()
                return
            self._take(pickle.loads(data), descriptors)
        self._flush()

    def describe(self) -> str:
        if self._control is None or self._is_loaded:
            return ""
        return f"importing torch and Lightning for {time.monotonic() - self._begin:.0f} s"

    def replace_frozen(self) -> None:
        """Replace a server that does not answer: one that is stopped, or hangs; importing is waited for."""
        if self._control is None:
            return
        now = time.monotonic()
        if not self._is_loaded:
            used = measure_time(self._server.pid)
            if used != self._time_used:
                self._time_used, self._sign = used, now
            if now - self._begin >= _LOAD_LIMIT:
                self._sign = -self._care.frozen_after
        if now - self._sign >= self._care.frozen_after:
            self._lose_server()

    def close_processes(self) -> bool:
        is_orderly = self._control is not None
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            if not self._is_loaded:
                self._server.kill()  # it would notice only when it has imported everything
            try:
                self._server.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._server.kill()
                is_orderly = False
            self._drop_server()
        for number, keeper in list(self._keepers.items()):
            self._forget(number, keeper)
        return is_orderly

    def _take(self, message: Any, descriptors: list[int]) -> None:
        if isinstance(message, Loaded):
            self._is_loaded = True
            self._sign = time.monotonic()
        elif isinstance(message, Launched) and message.number in self._keepers:
            keeper = self._keepers[message.number]
            keeper.process = message.process
            if descriptors:
                keeper.descriptor = descriptors.pop()
        elif isinstance(message, Buried) and message.number in self._keepers:
            self._keepers[message.number].is_buried = True
        for descriptor in descriptors:
            os.close(descriptor)

    def _start_server(self) -> None:
        """Start the server; it imports while the driver goes on."""
        self._servers += 1
        self._begin = self._sign = time.monotonic()
        self._time_used = 0.0
        self._is_loaded = False
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.setblocking(False)
        lifeline = open_again(self._lifeline.fileno())
        handed = (theirs.fileno(), self._lifeline.fileno() if lifeline is None else lifeline)
        command = [sys.executable, "-P", "-m", "retix.execution.server", *map(str, handed)]
        try:
            # Not multiprocessing: that would import the user's script again, which need not be guarded.
            self._server = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=handed,
                start_new_session=True,
            )
        except OSError as error:
            mine.close()
            raise self._make_error(error) from error
        else:
            wake_other(handed[1], self._server.pid)  # from now on: it imports torch before it can see to that itself
        finally:
            theirs.close()
            if lifeline is not None:
                os.close(lifeline)
        self._control = mine
        with contextlib.suppress(OSError):
            mine.send(pickle.dumps(Preload(self._care, self._welcome)))

    def _flush(self) -> None:
        """Ask the server for the workers that it was not asked for yet, once it listens."""
        while self._backlog and self._control is not None and self._is_loaded:
            launch, worker, keeper = self._backlog[0]
            descriptors = [worker.fileno(), keeper.fileno()]
            try:
                socket.send_fds(self._control, [pickle.dumps(launch)], descriptors)
            except BlockingIOError:
                return
            except OSError:
                self._lose_server()
                return
            self._backlog.popleft()
            close_all((worker, keeper))

    def _lose_server(self) -> None:
        """Let go of a server that has ended or hangs; workers that it has not forked yet end."""
        self._server.kill()
        self._drop_server()
        for keeper in list(self._keepers.values()):
            if keeper.process is None:
                keeper.worker.end()

    def _drop_server(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(_PATIENCE)
        if self._control is not None:
            self._control.close()
            self._control = None
        for _, worker, keeper in self._backlog:
            close_all((worker, keeper))
        self._backlog.clear()


def check_fork() -> None:
    """Refuse where forking a process with torch in it is not safe.

    Raises:
        ExecutionError: This is not Linux.
    """
    if sys.platform != "linux":
        raise ExecutionError(
            "start_method='fork' needs Linux",
            why="elsewhere, libraries beneath torch do not survive a fork, or there is none",
            fix="leave start_method out, or set it to 'spawn'",
        )
