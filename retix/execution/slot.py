"""One slot of a local engine: a warm worker process and the job that it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from retix.execution.failure import is_process_spoiled
from retix.execution.message import Ready, Welcome
from retix.execution.process import WorkerProcess, describe_exit
from retix.execution.streams import read_last_words
from retix.trial import Cancelled, Event, Failed, Failure, FailureKind, Finished, Job, Started


class Slot:
    """Runs one job at a time in a worker that is started when the first job comes, and replaced when it was lost.

    Args:
        environment: The environment variables of its workers.
        welcome: The first message to its workers.

    Attributes:
        job: The job that has not ended yet, or None.
        deadline: When the job must have ended, as ``time.monotonic`` counts; None before it started, or without limit.
    """

    def __init__(self, environment: Mapping[str, str], welcome: Welcome):
        self.job: Job | None = None
        self.deadline: float | None = None
        self._environment = environment
        self._welcome = welcome
        self._worker: WorkerProcess | None = None
        self._has_started = False

    @property
    def is_warm(self) -> bool:
        """Whether it has a worker already."""
        return self._worker is not None

    @property
    def waitables(self) -> list[Connection | int]:
        """What becomes readable when there is something to collect."""
        return self._worker.waitables if self._worker is not None and self.job is not None else []

    def submit(self, job: Job) -> None:
        """Take a job; the slot must have none.

        Raises:
            ExecutionError: A worker is needed and cannot be started.
        """
        if self._worker is not None and self._worker.is_dead:
            self.close()
        if self._worker is None:
            self._worker = WorkerProcess(self._environment, self._welcome, job.directory)
        self.job = job
        self.deadline = None
        self._has_started = False
        # A job can be larger than what fits between two processes: sent before the worker listens, it would block.
        if self._worker.is_ready:
            self._worker.send(job)

    def collect(self) -> list[Event]:
        """What the worker has told by now, without waiting; if it is dead, that it is."""
        worker, events = self._worker, list[Event]()
        if worker is None or self.job is None:
            return events
        is_dead = worker.is_dead
        if is_dead:
            worker.kill_group()  # a child of the trial could hold the connection open
        try:
            while self.job is not None and worker.has_message:
                events += self._take(worker, self.job, worker.receive())
        except (EOFError, OSError):
            is_dead = True
        if is_dead and self.job is not None:
            events += self._bury(worker, self.job)
        return events

    def expire(self) -> list[Event]:
        """End the job if its time is over."""
        if self.job is None or self.deadline is None or time.monotonic() < self.deadline:
            return []
        self.close()
        message = (
            f"trial {self.job.trial} was ended after its time limit of {self.job.time_limit:g} s: "
            "raise the limit, or train for fewer epochs"
        )
        return self._fail(self.job, Failure(FailureKind.TIMEOUT, message))

    def cancel(self) -> list[Event]:
        """End the job, whatever it has told since the last `collect`."""
        if self.job is None:
            return []
        self.close()
        return self._finish(self.job, Cancelled(self.job.trial, time.time()))

    def close(self) -> None:
        """End the worker; another is started when the next job comes."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def _take(self, worker: WorkerProcess, job: Job, message: Any) -> list[Event]:
        if isinstance(message, Ready):
            worker.is_ready = True
            worker.send(job)
            return []
        if isinstance(message, Started):
            self._has_started = True
            if job.time_limit is not None:
                # The driver may have been busy since: the limit counts from the worker's time.
                self.deadline = time.monotonic() + job.time_limit - max(0.0, time.time() - message.time)
        if isinstance(message, Finished | Failed):
            if isinstance(message, Failed) and is_process_spoiled(message.failure):
                self.close()
            return self._finish(job, message)
        return [message]

    def _bury(self, worker: WorkerProcess, job: Job) -> list[Event]:
        self._worker = None
        end = describe_exit(worker.end())
        when = "while it ran" if self._has_started else "before it could take"
        message = f"the worker process {end} {when} trial {job.trial}; see {job.directory}"
        return self._fail(job, Failure(FailureKind.KILLED, message, traceback=read_last_words(job.directory)))

    def _fail(self, job: Job, failure: Failure) -> list[Event]:
        return self._finish(job, Failed(job.trial, failure, time.time()))

    def _finish(self, job: Job, last: Event) -> list[Event]:
        """The job's last event; after a `Started`, if the worker did not come to say so."""
        self.job = None
        self.deadline = None
        return [last] if self._has_started else [Started(job.trial, "local", last.time), last]
