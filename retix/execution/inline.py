"""The engine that runs trials in the driver's own process."""

from __future__ import annotations

import time
from collections.abc import Mapping

from retix.errors import ConfigError, ExecutionError
from retix.execution.engine import Engine
from retix.execution.inline_trial import InlineTrial
from retix.execution.runner import run_job
from retix.trial import Cancelled, Event, Job, Reported, Started, Verdict


class InlineEngine(Engine):
    """One slot, in this process: for debugging, for tests, and where a debugger must reach the model.

    The job runs inside `events`, which returns when it has ended. So a time limit is not enforced, a running trial
    cannot be cancelled, a trial that takes its process down takes the driver with it, and what it prints goes to the
    driver's terminal. An interrupt (Ctrl-C) ends the trial and is raised by `events`; the trial is then cancelled.

    A job that asks runs in a thread of its own, in turns with the caller's: `events` returns also when it waits for an
    answer, and it goes on inside the next `events`. While it waits it can be cancelled, as if it were stopped.
    """

    def __init__(self) -> None:
        self._job: Job | None = None
        self._trial: InlineTrial | None = None  # the one that runs, and waits whenever `events` has returned
        self._pending: list[Event] = []
        self._closed = False

    @property
    def capacity(self) -> int:
        return 0 if self._closed else 1

    @property
    def free(self) -> int:
        return 0 if self._closed or self._job is not None or self._trial is not None else 1

    def submit(self, job: Job) -> None:
        if self._closed:
            raise ExecutionError(f"trial {job.trial} was submitted to a closed engine", fix="make a new engine")
        if not self.free:
            raise ExecutionError(f"no slot is free for trial {job.trial}", fix="collect events() until `free` is not 0")
        self._job = job

    def events(self, timeout: float | None = None) -> list[Event]:
        if self._job is not None:
            self._run(self._job)
        elif self._trial is not None and not self._trial.is_asking:
            self._follow(self._trial)
        elif not self._pending and timeout is None:
            self._refuse_to_wait()
        elif not self._pending and timeout is not None:
            time.sleep(timeout)
        events, self._pending = self._pending, []
        return events

    def answer(self, trial: int, verdict: Verdict) -> None:
        if self._trial is not None and self._trial.job.trial == trial:
            self._trial.answer(verdict)

    def cancel(self, trial: int) -> None:
        now = time.time()
        if self._job is not None and self._job.trial == trial:
            self._job = None
            self._pending += [Started(trial, "inline", now), Cancelled(trial, now)]
        elif self._trial is not None and self._trial.job.trial == trial:
            self._end_trial()
            self._pending.append(Cancelled(trial, time.time()))

    def resize(self, capacity: int) -> None:
        if capacity != 1:
            raise ConfigError(f"an inline engine cannot run {capacity} trials at a time", fix="use a LocalEngine")

    def waits(self) -> Mapping[int, str]:
        return {} if self._job is None else {self._job.trial: "runs when its events are asked for"}

    def close(self) -> None:
        self._job = None
        self._end_trial()
        self._pending = []
        self._closed = True

    def _run(self, job: Job) -> None:
        self._job = None
        self._pending.append(Started(job.trial, "inline", time.time()))
        if job.asks:
            self._trial = InlineTrial(job)
            self._follow(self._trial)
            return
        try:
            self._pending.append(run_job(job, self._pending.append))
        except KeyboardInterrupt:
            self._pending.append(Cancelled(job.trial, time.time()))
            raise

    def _follow(self, trial: InlineTrial) -> None:
        try:
            event = trial.follow()
        except KeyboardInterrupt:
            trial.interrupt()
            self._trial = None
            self._pending.append(Cancelled(trial.job.trial, time.time()))
            raise
        if not isinstance(event, Reported):
            self._trial = None
        self._pending.append(event)

    def _end_trial(self) -> None:
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.end()

    def _refuse_to_wait(self) -> None:
        if self._trial is not None:
            raise ExecutionError(
                f"trial {self._trial.job.trial} waits for an answer, so no event can come", fix="call `answer` first"
            )
        raise ExecutionError("no trial is running, so no event can come", fix="submit a job first")
