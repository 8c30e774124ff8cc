"""One slot of a local engine: the job that it runs, and the worker that runs it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from retix.errors import ExecutionError
from retix.execution.devices import VISIBLE
from retix.execution.kept_worker import KeptWorker
from retix.execution.launcher import Launcher
from retix.execution.loss import describe_loss, describe_no_start, is_process_spoiled
from retix.execution.message import Answer
from retix.trial import Cancelled, Event, Failed, Failure, Finished, Halted, Job, Reported, Started, Verdict

# How many workers are tried for a job that none of them could take.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """What all slots of an engine have in common.

    Attributes:
        jobs_per_worker: How many jobs a worker runs before it is replaced; None for no limit.
        beat: Seconds between two questions to a keeper whether it lives.
        frozen_after: Seconds without an answer after which a keeper or the fork server is taken to be frozen.
        waits_for_devices: Whether a job waits until what ran before on its slot has let go of the GPUs.
        starts_ahead: Whether a lost worker is replaced before the next job comes.
    """

    jobs_per_worker: int | None
    beat: float
    frozen_after: float
    waits_for_devices: bool
    starts_ahead: bool


class Slot:
    """Runs one job at a time in a worker that is started when one is needed, and replaced when it was lost.

    Args:
        launcher: Starts workers.
        devices: The GPUs that its workers see, as ``CUDA_VISIBLE_DEVICES`` names them.
        settings: What it has in common with the other slots.

    Attributes:
        job: The job that has not ended yet, or None.
        devices: As given.
        is_retiring: Whether it takes no more jobs, and goes when its worker has gone.
    """

    def __init__(self, launcher: Launcher, devices: str, settings: SlotSettings):
        self.job: Job | None = None
        self.devices = devices
        self.is_retiring = False
        self._launcher = launcher
        self._settings = settings
        self._worker: KeptWorker | None = None
        self._spare: KeptWorker | None = None
        self._leaving: list[KeptWorker] = []
        self._has_started = False
        self._is_sent = False
        self._is_asked = False
        self._tries = 0
        self._submitted = 0.0

    @property
    def is_warm(self) -> bool:
        """Whether it has a worker already."""
        return self._worker is not None

    @property
    def is_empty(self) -> bool:
        """Whether it has no job, and no process is left of it."""
        return self.job is None and not self.workers

    @property
    def workers(self) -> list[KeptWorker]:
        """All its workers, those that are about to end too."""
        return [worker for worker in (self._worker, self._spare, *self._leaving) if worker is not None]

    @property
    def waitables(self) -> list[Any]:
        """What becomes readable when there is something to collect."""
        return self._worker.waitables if self._worker is not None and self.job is not None else []

    @property
    def is_held_up(self) -> bool:
        """Whether it waits for something that gives no sign when it happens."""
        return bool(self._leaving) and (self.is_retiring or (self.job is not None and not self._is_sent))

    def submit(self, job: Job) -> None:
        """Take a job; the slot must have none.

        Raises:
            ExecutionError: A worker is needed and cannot be started.
        """
        if self._worker is not None:
            self._worker.collect()
            if self._worker.is_over:  # it died between two trials
                self._drop(self._worker)
        self._has_started = self._is_sent = self._is_asked = False
        self._tries = 0
        self._submitted = time.monotonic()
        if self._worker is None:
            self._find_worker()
        self.job = job
        self._advance()

    def turn(self, ready: Collection[Any]) -> list[Event]:
        """Do what there is to do without waiting.

        Args:
            ready: Those of `waitables` that are readable.

        Returns:
            What became of the job.
        """
        events: list[Event] = []
        self._see_off()
        worker = self._worker
        if worker is not None and self.job is not None:
            for message in worker.collect(ready):
                events += self._take(message)
            if worker.is_over and self._worker is worker:
                events += self._lose(worker)
        if self.job is not None:
            try:
                self._advance()
            except ExecutionError as error:
                events += self._fail(self.job, describe_no_start(self.job, error.what))
        return events

    def answer(self, verdict: Verdict) -> None:
        """Answer the job's last report, if it waits for that."""
        if self.job is not None and self._worker is not None and self._is_asked:
            self._is_asked = False
            self._worker.answer(Answer(self.job.trial, verdict))

    def cancel(self) -> list[Event]:
        """End the job, whatever it has told since the last `turn`."""
        if self.job is None:
            return []
        if self._worker is not None and self._is_sent:
            self._drop(self._worker)
        return self._finish(Cancelled(self.job.trial, time.time()))

    def retire(self) -> None:
        """End its workers; it must have no job, and gets none any more."""
        for worker in (self._worker, self._spare):
            if worker is not None:
                self._drop(worker)
        self._worker = self._spare = None

    def describe_wait(self) -> str | None:
        """What the job waits for, in words; None if there is none, or it has started."""
        if self.job is None or self._has_started:
            return None
        seconds = f"{time.monotonic() - self._submitted:.0f} s"
        if self._worker is None or self._worker.process is None:
            detail = self._launcher.describe()
            return f"starting a worker: {detail}" if detail else f"starting a worker for {seconds}"
        if self._has_to_wait():
            return f"waits for the trial before it to let go of GPU {self.devices}, for {seconds}"
        return f"its worker takes it, for {seconds}"

    # -- workers ------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Bring the job on its way."""
        assert self.job is not None
        if self._worker is None:
            self._find_worker()
        worker = self._worker
        assert worker is not None
        if not self._is_sent and worker.process is not None and not self._has_to_wait():
            # A job can be larger than what fits between two processes: it is sent when the worker listens.
            worker.send(self.job)
            self._is_sent = True
        if not self._launcher.has_started(worker):
            if time.monotonic() - worker.launched > self._settings.frozen_after:
                self._launcher.replace_frozen()
        elif worker.ask_keeper(self._settings.beat) > self._settings.frozen_after:
            worker.kill()

    def _has_to_wait(self) -> bool:
        return bool(self._leaving) and self._settings.waits_for_devices

    def _find_worker(self) -> None:
        if self._spare is not None:
            self._spare.collect()
            if self._spare.is_over:
                self._drop(self._spare)
        self._worker, self._spare = self._spare or self._launch(), None

    def _launch(self) -> KeptWorker:
        return self._launcher.launch({VISIBLE: self.devices})

    def _start_ahead(self) -> None:
        """Start the next worker while there is time."""
        if self._spare is None and not self.is_retiring:
            with contextlib.suppress(ExecutionError):  # whoever needs it will be told
                self._spare = self._launch()

    def _drop(self, worker: KeptWorker) -> None:
        """End a worker, and see to it that it goes."""
        worker.end()
        self._leaving.append(worker)
        if self._worker is worker:
            self._worker = None
        if self._spare is worker:
            self._spare = None

    def _see_off(self) -> None:
        for worker in [worker for worker in self._leaving if worker.has_gone()]:
            worker.close()
            self._leaving.remove(worker)

    # -- events -------------------------------------------------------------------------------------------------

    def _take(self, message: Event) -> list[Event]:
        job, worker = self.job, self._worker
        if job is None or worker is None or message.trial != job.trial:
            return []
        is_last = worker.jobs == self._settings.jobs_per_worker
        if isinstance(message, Started):
            self._has_started = True
            if is_last:
                self._start_ahead()
        if isinstance(message, Reported):
            self._is_asked = job.asks
        if not isinstance(message, Finished | Failed | Halted):
            return [message]
        if is_last or (isinstance(message, Failed) and is_process_spoiled(message.failure)):
            self._drop(worker)
            if self._settings.starts_ahead:
                self._start_ahead()
        return self._finish(message)

    def _lose(self, worker: KeptWorker) -> list[Event]:
        """The worker has ended without being asked to."""
        job = self.job
        self._drop(worker)
        if job is None:
            return []
        if self._has_started:
            if self._settings.starts_ahead:
                self._start_ahead()
            return self._fail(job, describe_loss(job, worker.ended))
        self._is_sent = False
        self._tries += 1
        if self._tries < _TRIES:
            return []  # the next turn finds another one
        return self._fail(job, describe_no_start(job, "", self._launcher.last_words()))

    def _fail(self, job: Job, failure: Failure) -> list[Event]:
        return self._finish(Failed(job.trial, failure, time.time()))

    def _finish(self, last: Event) -> list[Event]:
        """The job's last event; after a `Started`, if the worker did not come to say so."""
        self.job = None
        return [last] if self._has_started else [Started(last.trial, "local", last.time), last]
