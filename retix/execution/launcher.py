"""What starts workers for an engine, and what the two ways of doing so have in common."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from multiprocessing.connection import Connection, Pipe, wait
from typing import IO, Any

import psutil

from retix.errors import ExecutionError
from retix.execution.kept_worker import KeptWorker
from retix.execution.message import Care, Welcome
from retix.execution.streams import find_last_words

MARK = "RETIX_ENGINE"
"""The environment variable by which processes that an engine started can be told from others."""

# Seconds for keepers to end their workers when the engine closes, and for what is left once they were killed.
_PATIENCE = 2.0
_LAST_PATIENCE = 2.0


class Launcher(ABC):
    """Starts workers, each with a keeper, and makes sure that nothing stays of them.

    Args:
        environment: The environment variables of all workers.
        welcome: The first message to each worker.
        care: How keepers mind them.
    """

    def __init__(self, environment: Mapping[str, str], welcome: Welcome, care: Care):
        self._token = uuid.uuid4().hex
        self._environment = {**environment, MARK: self._token, "PYTHONPATH": os.pathsep.join(welcome.path)}
        self._welcome = welcome
        self._care = care
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self._lifeline, self._hold = Pipe(duplex=False)

    @abstractmethod
    def launch(self, environment: Mapping[str, str]) -> KeptWorker:
        """Start a keeper and a worker; returns before they run.

        Args:
            environment: Environment variables of this worker, on top of those of all.

        Raises:
            ExecutionError: No process can be started.
        """

    @property
    @abstractmethod
    def waitables(self) -> list[Any]:
        """What becomes readable when `collect` has something to do."""

    @abstractmethod
    def collect(self) -> None:
        """Take what there is to know of processes, without waiting."""

    @abstractmethod
    def describe(self) -> str:
        """What it is doing while a worker does not come up, in words; empty if the worker itself takes its time."""

    @abstractmethod
    def has_started(self, worker: KeptWorker) -> bool:
        """Whether the worker's keeper runs, so that it can be asked for a sign of life."""

    @abstractmethod
    def replace_frozen(self) -> None:
        """See to it that keepers come up which have not for a while."""

    @abstractmethod
    def close_processes(self) -> bool:
        """End what was started beside the workers, which have ended; False if something had to be killed."""

    @abstractmethod
    def list_keepers(self) -> list[int]:
        """The process ids of all keepers that may live, and of the fork server."""

    def last_words(self) -> str:
        """The last traceback of a process that could not start, or an empty string."""
        with contextlib.suppress(OSError, ValueError):
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, size - 20_000))
            return find_last_words(self._log.read().decode("utf-8", errors="replace"))
        return ""

    def sweep(self) -> None:
        """Kill processes of this engine that no keeper minds any more."""
        end_strays(self._token, {os.getpid(), *self.list_keepers()})

    def close(self, workers: Iterable[KeptWorker]) -> None:
        """End the workers, all that they started, and this launcher; returns when they are gone."""
        waiting = list(workers)
        for worker in waiting:
            worker.end()
        waiting = late = self._wait_for(waiting, _PATIENCE)
        for worker in late:  # its keeper was stopped, say
            worker.kill()
        waiting = self._wait_for(waiting, _LAST_PATIENCE)
        for worker in waiting:
            worker.close()
        self._hold.close()
        if not self.close_processes() or late:
            end_strays(self._token, {os.getpid()})
        self._lifeline.close()
        self._log.close()

    def _wait_for(self, waiting: list[KeptWorker], patience: float) -> list[KeptWorker]:
        """Wait until workers have gone, and let go of them; those that have not in time."""
        end = time.monotonic() + patience
        while waiting and time.monotonic() < end:
            self.collect()
            left = [worker for worker in waiting if not worker.has_gone()]
            for worker in waiting:
                if worker not in left:
                    worker.close()
            waiting = left
            if waiting:
                wait(self.waitables, 0.01)
        return waiting

    def _make_error(self, error: OSError) -> ExecutionError:
        return ExecutionError(
            f"a worker process cannot be started: {error}",
            why="the system has no process, memory or file descriptor left",
            fix="lower the trial concurrency, or look at `ulimit -a`",
        )


def close_all(connections: Iterable[Connection]) -> None:
    """Close several connections."""
    for connection in connections:
        connection.close()


def end_strays(token: str, keep: set[int]) -> None:
    """Kill every process that has `MARK` as ``token``, and no ancestor, nor itself, among ``keep``.

    Processes that were given an environment of their own are not found.
    """
    for process in list(psutil.process_iter()):
        with contextlib.suppress(psutil.Error, OSError):
            if sys.platform != "win32" and process.uids().real != os.getuid():
                continue
            if process.environ().get(MARK) != token:
                continue
            if keep.isdisjoint({process.pid, *(parent.pid for parent in process.parents())}):
                process.kill()
