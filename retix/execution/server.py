"""The fork server: imports torch and Lightning once, and forks keepers with their workers.

``python -m retix.execution.server <control> <lifeline>``, started by `ForkLauncher`. It runs no thread of its own and
never touches a GPU: a CUDA context does not survive a fork. It is the last to adopt what a worker started: should a
keeper be killed, the server ends what the keeper minded.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import NoReturn

from retix.execution.heart import Heart
from retix.execution.keeper import Keeper
from retix.execution.kernel import adopt_orphans, die_with_parent, open_process
from retix.execution.liveness import wake_by_kernel, watch_driver
from retix.execution.message import MESSAGE_SIZE, Buried, Launch, Launched, Loaded, Preload
from retix.execution.process_tree import kill_below
from retix.execution.worker import Worker

# Seconds for keepers to clean up after the driver has gone, before the server does.
_PATIENCE = 5.0

# Seconds between two looks at keepers whose end nothing tells of.
_PERIOD = 0.1


class ForkServer:
    """Forks what the driver asks for until the driver goes.

    Args:
        control: The way to the driver, which keeps messages apart.
        lifeline: The reading end of a pipe that only the driver holds open.
    """

    def __init__(self, control: socket.socket, lifeline: int):
        self._control = control
        self._lifeline = lifeline
        self._keepers: dict[int, tuple[int, int | None]] = {}  # by process id: the number, and a descriptor

    def serve(self) -> None:
        """Answer the driver; returns when it is gone, and nothing that was forked runs any more."""
        adopt_orphans()
        self._preload: Preload = pickle.loads(self._control.recv(MESSAGE_SIZE))
        self._driver_end = open_process(self._preload.care.driver)
        gc.collect()
        gc.freeze()  # forked processes share what they do not write to, and collecting garbage writes everywhere
        self._send(Loaded())
        while self._turn():
            self._bury()
        self._finish()

    def _turn(self) -> bool:
        """Wait for something to do, and do it; False when the driver is gone."""
        ends = [end for _, end in self._keepers.values()]
        known = [end for end in ends if end is not None]
        driver = [] if self._driver_end is None else [self._driver_end]
        ready = wait([self._control, *driver, *known], None if len(known) == len(ends) else _PERIOD)
        if self._driver_end is not None and self._driver_end in ready:
            return False
        return self._control not in ready or self._answer()

    def _answer(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_SIZE, 2)
        except OSError:
            return False
        if not data:
            return False
        launch: Launch = pickle.loads(data)
        worker, keeper = Connection(descriptors[0]), Connection(descriptors[1])
        process = os.fork()
        if process == 0:
            _leave_after(lambda: self._become_keeper(launch, worker, keeper))
        worker.close()
        keeper.close()
        end = open_process(process)
        self._keepers[process] = (launch.number, end)
        self._send(Launched(launch.number, process), [] if end is None else [end])
        return True

    def _send(self, message: Loaded | Launched | Buried, descriptors: list[int] | None = None) -> None:
        with contextlib.suppress(OSError):  # the driver has gone, which the next turn finds out
            socket.send_fds(self._control, [pickle.dumps(message)], descriptors or [])

    def _bury(self) -> None:
        """Let go of keepers that have ended, and end what is left of their workers."""
        gone = []
        for process in list(self._keepers):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(process, os.WNOHANG)[0] == 0:
                    continue
            number, end = self._keepers.pop(process)
            if end is not None:
                os.close(end)
            gone.append(number)
        if gone:
            kill_below(os.getpid(), but=set(self._keepers))
        for number in gone:
            self._send(Buried(number))

    def _finish(self) -> None:
        end = time.monotonic() + _PATIENCE
        while self._keepers and time.monotonic() < end:
            self._bury()
            time.sleep(0.005)
        for process in self._keepers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        kill_below(os.getpid())

    # -- in forked processes ------------------------------------------------------------------------------------

    def _let_go(self) -> None:
        """Close what belongs to the server alone."""
        self._control.close()
        for descriptor in [self._driver_end, *(end for _, end in self._keepers.values())]:
            if descriptor is not None:
                os.close(descriptor)

    def _become_keeper(self, launch: Launch, connection: Connection, driver: Connection) -> None:
        self._let_go()
        os.setsid()
        adopt_orphans()
        wake_by_kernel(self._lifeline)
        heart, beats = Pipe(duplex=False)
        keeper = os.getpid()
        worker = os.fork()
        if worker == 0:
            driver.close()
            heart.close()
            _leave_after(lambda: self._become_worker(launch, keeper, connection, beats))
        connection.close()
        beats.close()

        def reap() -> int | None:
            with contextlib.suppress(ChildProcessError):
                return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
            return None

        Keeper(driver, worker, heart, self._preload.care, reap).run()

    def _become_worker(self, launch: Launch, keeper: int, connection: Connection, beats: Connection) -> None:
        os.setsid()
        die_with_parent(keeper)
        watch_driver(self._lifeline)
        os.environ.update(launch.environment)
        Worker(connection, Heart(beats, self._preload.care.beat), self._preload.welcome).serve()


def _leave_after(work: Callable[[], None]) -> NoReturn:
    """Do what this process is there for, and end it, whatever happens: a forked one must not come back as a server."""
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    # Taking torch down in good order takes time, and there is nothing to be kept.
    _leave_after(ForkServer(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])).serve)
