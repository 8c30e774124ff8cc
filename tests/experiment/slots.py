"""An engine with several slots in this process, whose trials end in an order that a seed decides."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

from retix.errors import ExecutionError
from retix.execution import Engine, InlineEngine
from retix.trial import Cancelled, Event, Failed, Failure, Finished, Job, Started


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
        moving = [trial for trial, (_, has_begun) in self._slots.items() if not (has_begun and self._keeps(trial))]
        if moving:
            trial = self._random.choice(moving)
            job, has_begun = self._slots[trial]
            if has_begun:
                del self._slots[trial]
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
            return Failed(job.trial, failure, time.time())
        with InlineEngine() as engine:
            engine.submit(job)
            last = engine.events()[-1]
        assert isinstance(last, (Finished, Failed))
        return last

    def cancel(self, trial: int) -> None:
        if self._slots.pop(trial, None) is not None:
            self._pending.append(Cancelled(trial, time.time()))

    def resize(self, capacity: int) -> None:
        self._capacity = capacity

    def waits(self) -> Mapping[int, str]:
        return {trial: "waits for its turn" for trial, (_, has_begun) in self._slots.items() if not has_begun}

    def close(self) -> None:
        self._slots.clear()
