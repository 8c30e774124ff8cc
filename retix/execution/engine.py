"""The contract that every engine keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from retix.trial import Event, Job, Verdict


class Engine(ABC):
    """Runs jobs and tells what becomes of them.

    An engine has a number of slots, and each slot runs one job at a time. For every job that was submitted, `events`
    gives exactly one `Started`, then any number of `Reported` whose steps count from ``job.first_step``, then exactly
    one of `Finished`, `Failed`, `Cancelled` and `Halted`, and nothing after that. Events of different trials come in
    any order. If a job asks, each of its reports has to be answered once by `answer`, and the trial waits for that.

    A trial that raises, hangs, or takes its process down ends in `Failed`; it never ends the engine, and the engine
    never runs a job a second time: whether a trial is tried again is for the caller to say. An engine belongs to one
    thread of one process, the driver's. Events wait until `events` is called, and an engine may act on
    time limits only then.

    An engine is a context manager that closes itself.
    """

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many jobs can run at a time; 0 once the engine is closed."""

    @property
    @abstractmethod
    def free(self) -> int:
        """How many slots are idle: one is taken from `submit` until `cancel`, or until `events` gives the end."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Give a job to an idle slot; returns before the job runs.

        Args:
            job: What to run. Its trial must not be one that is running.

        Raises:
            ExecutionError: No slot is idle, the trial is running already, the job's directory cannot be made, or the
                engine is closed.
        """

    @abstractmethod
    def events(self, timeout: float | None = None) -> list[Event]:
        """What has happened since the last call; waits until something has.

        Args:
            timeout: Seconds to wait; None waits as long as it takes, 0 does not wait.

        Returns:
            At least one event, in the order in which they happened for each trial; none if the time was over first.

        Raises:
            ExecutionError: ``timeout`` is None and no trial is running, so that the wait would never end.
        """

    @abstractmethod
    def cancel(self, trial: int) -> None:
        """End a trial; what it did not report yet is lost, and `Cancelled` follows by `events`.

        Args:
            trial: The trial's id. Nothing happens if no such trial is running.
        """

    @abstractmethod
    def answer(self, trial: int, verdict: Verdict) -> None:
        """Answer the last report of a trial whose job asks; unless it is to go on, `Halted` follows by `events`.

        Args:
            trial: The trial's id. Nothing happens if no such trial waits for an answer: it may have ended meanwhile.
            verdict: How it goes on.
        """

    @abstractmethod
    def resize(self, capacity: int) -> None:
        """Change how many jobs can run at a time; jobs that run go on, also where there are now too many.

        Raises:
            ConfigError: There cannot be so many slots, for want of GPUs, say.
            ExecutionError: The engine is closed.
        """

    @abstractmethod
    def waits(self) -> Mapping[int, str]:
        """For each trial that was submitted and has not started: what it waits for, in words, with how long already."""

    @abstractmethod
    def close(self) -> None:
        """End every trial and every process of the engine; no more events follow. Closing again does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
