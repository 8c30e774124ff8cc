"""An engine with several slots in this process, whose trials end in an order that a seed decides."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

from retix.errors import ExecutionError
from retix.execution import Engine, InlineEngine
from retix.trial import Cancelled, Event, Failed, Failure, Finished, Halted, Job, Reported, Started, Verdict


class ShuffledEngine(Engine):
    """Inline engines side by side: each time it is asked for events, one of the trials begins, or ends.

    Args:
        capacity: How many trials run at a time.
        seed: Decides which of them goes on.
        breaks: For a job and the number of its attempt, the failure that its worker ends with; None lets it run.
        keeps: Whether a trial that runs is not to end yet.
    """

    def __init__(
        self,
        capacity: int,
        seed: int = 0,
        breaks: Callable[[Job, int], Failure | None] = lambda job, attempt: None,
        keeps: Callable[[int], bool] = lambda trial: False,
    ) -> None:
        self._capacity = capacity
        self._random = random.Random(seed)
        self._breaks = breaks
        self._keeps = keeps
        self._slots: dict[int, tuple[Job, bool]] = {}  # the job, and whether it has begun
        self._running: dict[int, InlineEngine] = {}  # where trials run that wait for an answer, or were given one
        self._asked: set[int] = set()
        self._pending: list[Event] = []
        self.jobs: list[Job] = []

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def free(self) -> int:
        return max(0, self._capacity - len(self._slots))

    def submit(self, job: Job) -> None:
        if not self.free or job.trial in self._slots:
            raise ExecutionError(f"trial {job.trial} has no slot")
        self.jobs.append(job)
        self._slots[job.trial] = job, False

    def events(self, timeout: float | None = None) -> list[Event]:
        moving = [
            trial
            for trial, (_, has_begun) in self._slots.items()
            if not (has_begun and self._keeps(trial)) and trial not in self._asked
        ]
        if moving:
            trial = self._random.choice(moving)
            job, has_begun = self._slots[trial]
            if has_begun:
                self._pending.append(self._run(job))
            else:
                self._slots[trial] = job, True
                self._pending.append(Started(trial, "slot", time.time()))
        elif timeout:
            time.sleep(min(timeout, 0.01))
        events, self._pending = self._pending, []
        return events

    def _run(self, job: Job) -> Event:
        attempt = sum(other.trial == job.trial for other in self.jobs)
        failure = self._breaks(job, attempt)
        if failure is not None:
            self._forget(job.trial)
            return Failed(job.trial, failure, time.time())
        if job.trial not in self._running:
            self._running[job.trial] = InlineEngine()
            self._running[job.trial].submit(job)
        last = self._running[job.trial].events()[-1]
        if isinstance(last, Reported):  # the trial asks, and waits
            self._asked.add(job.trial)
            return last
        assert isinstance(last, (Finished, Failed, Halted))
        self._forget(job.trial)
        return last

    def _forget(self, trial: int) -> bool:
        engine = self._running.pop(trial, None)
        if engine is not None:
            engine.close()
        self._asked.discard(trial)
        return self._slots.pop(trial, None) is not None

    def answer(self, trial: int, verdict: Verdict) -> None:
        if trial in self._asked:
            self._asked.remove(trial)
            self._running[trial].answer(trial, verdict)

    def cancel(self, trial: int) -> None:
        if self._forget(trial):
            self._pending.append(Cancelled(trial, time.time()))

    def resize(self, capacity: int) -> None:
        self._capacity = capacity

    def waits(self) -> Mapping[int, str]:
        return {trial: "waits for its turn" for trial, (_, has_begun) in self._slots.items() if not has_begun}

    def close(self) -> None:
        for trial in list(self._slots):
            self._forget(trial)
