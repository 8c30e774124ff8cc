"""The engine that runs trials in the driver's own process."""

from __future__ import annotations

import time
from collections.abc import Mapping

from retix.errors import ConfigError, ExecutionError
from retix.execution.engine import Engine
from retix.execution.runner import run_job
from retix.trial import Cancelled, Event, Job, Started


class InlineEngine(Engine):
    """One slot, in this process: for debugging, for tests, and where a debugger must reach the model.

    The job runs inside `events`, which returns when it has ended. So a time limit is not enforced, a running trial
    cannot be cancelled, a trial that takes its process down takes the driver with it, and what it prints goes to the
    driver's terminal. An interrupt (Ctrl-C) ends the trial and is raised by `events`; the trial is then cancelled.
    """

    def __init__(self) -> None:
        self._job: Job | None = None
        self._pending: list[Event] = []
        self._closed = False

    @property
    def capacity(self) -> int:
        return 0 if self._closed else 1

    @property
    def free(self) -> int:
        return 0 if self._closed or self._job is not None else 1

    def submit(self, job: Job) -> None:
        if self._closed:
            raise ExecutionError(f"trial {job.trial} was submitted to a closed engine", fix="make a new engine")
        if not self.free:
            raise ExecutionError(f"no slot is free for trial {job.trial}", fix="collect events() until `free` is not 0")
        self._job = job

    def events(self, timeout: float | None = None) -> list[Event]:
        if self._job is not None:
            self._run(self._job)
        elif not self._pending and timeout is None:
            raise ExecutionError("no trial is running, so no event can come", fix="submit a job first")
        elif not self._pending and timeout is not None:
            time.sleep(timeout)
        events, self._pending = self._pending, []
        return events

    def cancel(self, trial: int) -> None:
        if self._job is not None and self._job.trial == trial:
            self._job = None
            now = time.time()
            self._pending += [Started(trial, "inline", now), Cancelled(trial, now)]

    def resize(self, capacity: int) -> None:
        if capacity != 1:
            raise ConfigError(f"an inline engine cannot run {capacity} trials at a time", fix="use a LocalEngine")

    def waits(self) -> Mapping[int, str]:
        return {} if self._job is None else {self._job.trial: "runs when its events are asked for"}

    def close(self) -> None:
        self._job = None
        self._pending = []
        self._closed = True

    def _run(self, job: Job) -> None:
        self._job = None
        self._pending.append(Started(job.trial, "inline", time.time()))
        try:
            self._pending.append(run_job(job, self._pending.append))
        except KeyboardInterrupt:
            self._pending.append(Cancelled(job.trial, time.time()))
            raise
