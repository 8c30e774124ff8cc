"""A worker and its keeper, as the driver sees them."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from retix.execution.message import Answer, Beat, End, Ended, Ready
from retix.trial import Job

# Bytes that surely fit into an idle connection, so that sending them does not wait for the worker.
_SMALL = 1 << 15

# Seconds for a keeper to end what it minds before it is killed itself, and for its end to be known after that.
_PATIENCE = 10.0


class KeptWorker:
    """One worker with its keeper: messages to and fro, and whether they live.

    Args:
        number: Names it among those of its launcher.
        connection: The way to the worker.
        keeper: The way to the keeper.
        is_gone: Whether the keeper, and all that the worker started, are known to be gone.
        kill_keeper: Kills the keeper's process, as far as it is known already.

    Attributes:
        process: The worker's process id, once it is ready for jobs; None before.
        ended: The keeper's last message, once it came.
        is_over: Whether no more messages come, with or without ``ended``.
        jobs: How many jobs it was sent.
        launched: When it was asked for, as ``time.monotonic`` counts.
    """

    def __init__(
        self,
        number: int,
        connection: Connection,
        keeper: Connection,
        is_gone: Callable[[KeptWorker], bool],
        kill_keeper: Callable[[KeptWorker], None],
    ):
        self.number = number
        self.process: int | None = None
        self.ended: Ended | None = None
        self.is_over = False
        self.jobs = 0
        self.launched = time.monotonic()
        self._connection = connection
        self._keeper = keeper
        self._is_gone = is_gone
        self._kill_keeper = kill_keeper
        self._has_hung_up = False
        self._asked: float | None = None  # when the keeper was asked for a sign of life that it has not given yet
        self._answered = self.launched
        self._ending: float | None = None
        self._sender: threading.Thread | None = None

    @property
    def waitables(self) -> list[Connection]:
        """What becomes readable when there is something to collect."""
        if self.is_over:
            return []
        return [self._keeper] if self._has_hung_up else [self._connection, self._keeper]

    def collect(self, ready: Collection[Any] | None = None) -> list[Any]:
        """The worker's messages by now, without waiting; finds out whether it has ended.

        `Ready` and the keeper's messages are noted here and not given.

        Args:
            ready: Those of `waitables` that are known to be readable; None to look.
        """
        if self.is_over:
            return []
        is_last = (ready is None or self._keeper in ready) and not self._hear_keeper()
        messages = list[Any]()
        # After the keeper: what the worker said before its end is there when the end is told.
        if ready is None or is_last or self._connection in ready:
            messages = self._hear_worker()
        self.is_over = is_last
        return messages

    def send(self, job: Job) -> None:
        """Send a job to the worker, which must be ready; its death is noticed by other means."""
        data = _dump(job)
        self.jobs += 1
        if len(data) <= _SMALL:
            self._send_bytes(data)
            return
        # A worker that does not listen, because it was stopped, must not stop the driver.
        self._sender = threading.Thread(target=self._send_bytes, args=(data,), name="retix-sender", daemon=True)
        self._sender.start()

    def answer(self, answer: Answer) -> None:
        """Answer the worker, which waits for it, unless it has died meanwhile."""
        self._send_bytes(_dump(answer))

    def ask_keeper(self, every: float) -> float:
        """Ask the keeper for a sign of life, unless one is being waited for or came just now.

        Returns:
            How many seconds the keeper has owed an answer.
        """
        now = time.monotonic()
        if self._asked is None and now - self._answered >= every and not self.is_over:
            self._asked = now
            with contextlib.suppress(OSError):
                self._keeper.send(Beat())
        return 0.0 if self._asked is None else now - self._asked

    def end(self) -> None:
        """Have the worker ended; `has_gone` tells when it has."""
        if self._ending is None:
            self._ending = time.monotonic()
            self.is_over = True
            with contextlib.suppress(OSError):
                self._keeper.send(End())

    def kill(self) -> None:
        """Kill the keeper, whose worker dies with it."""
        self._kill_keeper(self)

    def has_gone(self) -> bool:
        """Whether it has ended with all that it started; helps along a keeper that takes too long."""
        if self._is_gone(self):
            return True
        if self._ending is None:
            self._ending = time.monotonic()
        late = time.monotonic() - self._ending - _PATIENCE
        if late > 0:
            self.kill()
        return late > _PATIENCE

    def has_keeper_left(self) -> bool:
        """Whether the keeper has closed its end, as it does when it ends."""
        try:
            while self._keeper.poll():
                self._keeper.recv()
        except (EOFError, OSError):
            return True
        return False

    def close(self) -> None:
        """Let go of the connections, by which a keeper that still lives ends its worker."""
        if self._sender is not None and self._sender.is_alive() and sys.platform != "win32":
            # A descriptor that is closed while a thread writes to it could become somebody else's.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as way:
                way.shutdown(socket.SHUT_RDWR)
            self._sender.join(_PATIENCE)
        self.is_over = True
        self._connection.close()
        self._keeper.close()

    def _hear_keeper(self) -> bool:
        """Take the keeper's messages; False when it has ended."""
        try:
            while self._keeper.poll():
                message = self._keeper.recv()
                self._asked = None
                self._answered = time.monotonic()
                if isinstance(message, Ended):
                    self.ended = message
                    return False
        except (EOFError, OSError):
            return False
        return True

    def _hear_worker(self) -> list[Any]:
        messages: list[Any] = []
        try:
            while not self._has_hung_up and self._connection.poll():
                message = self._connection.recv()
                if isinstance(message, Ready):
                    self.process = message.process
                else:
                    messages.append(message)
        except (EOFError, OSError):
            self._has_hung_up = True  # the keeper says why
        return messages

    def _send_bytes(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._connection.send_bytes(data)


def _dump(message: Any) -> bytes:
    buffer = io.BytesIO()
    ForkingPickler(buffer).dump(message)
    return buffer.getvalue()
