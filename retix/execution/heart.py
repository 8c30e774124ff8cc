"""A worker's signs of life."""

from __future__ import annotations

import contextlib
import os
import threading
from multiprocessing.connection import Connection

from retix.execution.message import Beat, Beginning, Over


class Heart:
    """Tells a keeper at regular times that its worker lives, from a thread, and of each job that begins or ends.

    Args:
        connection: The way to the keeper.
        beat: Seconds between two signs.
    """

    def __init__(self, connection: Connection, beat: float):
        self._connection = connection
        self._beat = beat
        self._process = os.getpid()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to beat; goes on for as long as the process lives."""
        threading.Thread(target=self._run, name="retix-heart", daemon=True).start()

    def tell(self, message: Beginning | Over) -> None:
        """Tell the keeper of a job; without a keeper, this process is about to be killed."""
        with self._lock, contextlib.suppress(OSError):
            if os.getpid() == self._process:
                self._connection.send(message)

    def _run(self) -> None:
        pause = threading.Event()
        with contextlib.suppress(OSError):
            while not pause.wait(self._beat):
                with self._lock:
                    self._connection.send(Beat())
