"""One job under way: what the driver asks its host, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from retix.execution.ray.message import DIRECTORY, WEIGHTS, Home, Reply, Step, Task
from retix.execution.ray.parcel import Piece, cut, list_files, write_pieces
from retix.execution.streams import ERROR_FILE, OUTPUT_FILE
from retix.trial import (
    Cancelled,
    Event,
    Failed,
    Failure,
    FailureKind,
    Finished,
    Halted,
    Reported,
    Started,
    Verdict,
)


class Order:
    """A job that a slot has taken.

    Args:
        task: The job.

    Attributes:
        task: The job.
        answer: Becomes ready when the host has answered the last question; None while it is asked none: before the job
            was given to one, and while the trial waits to be answered itself.
        since: When the job was submitted, as ``time.monotonic`` counts.
        is_given: Whether the job was given to a host.
        has_started: Whether the job has begun.
        is_over: Whether its last event was given.
    """

    def __init__(self, task: Task):
        self.task = task
        self.since = time.monotonic()
        self.is_given = False
        self.has_started = False
        self.is_over = False
        self.answer: Any = None
        self._actor: Any = None
        self._moment = time.time()
        self._last: Event | None = None
        self._is_asked = False
        self._supplies: Iterator[tuple[Piece, ...]] | None = None

    def give(self, actor: Any) -> None:
        """Give the job to a host, which must have come up; to one only, so that no job ever runs twice."""
        self._actor = actor
        self.is_given = True
        self.answer = actor.take.remote(self.task)

    @property
    def trial(self) -> int:
        """The trial's id."""
        return self.task.job.trial

    def follow(self, reply: Reply, home: Home | None) -> list[Event]:
        """Take the host's answer and ask what it wants to be asked next.

        The trial's end is held back until all of its files are here.

        Args:
            reply: The answer.
            home: Where the host lives.

        Raises:
            OSError: A file cannot be read or written.
            RetixError: The host sent a file for a strange place.
        """
        events = list[Event]()
        for event in reply.events:
            if isinstance(event, Finished | Failed | Halted):
                self._last = event
            else:
                events.append(self._adjust(event, home))
        folders = {DIRECTORY: self.task.job.directory}
        if self.task.weights is not None:
            folders[WEIGHTS] = self.task.weights.folder
        write_pieces(folders, reply.pieces)
        self._is_asked = self.task.job.asks and any(isinstance(event, Reported) for event in reply.events)
        self._ask(reply)
        if reply.step is Step.DONE and self._last is not None:
            events += self._finish(self._last)
        return events

    def answer_report(self, verdict: Verdict) -> None:
        """Answer the trial's last report, if it waits for that."""
        if self._is_asked and self.answer is None:
            self._is_asked = False
            self.answer = self._actor.more.remote(verdict)

    def cancel(self) -> list[Event]:
        """The last events of a job that the driver has ended."""
        if self.is_given and self.answer is None:
            self._actor.more.remote()  # a host that is asked nothing does not look whether the job was cancelled
        return self._finish(Cancelled(self.trial, time.time()))

    def fail(self, message: str, traceback: str) -> list[Event]:
        """The last events of a job whose host was lost."""
        failure = Failure(FailureKind.WORKER_LOST, message, traceback=traceback)
        return self._finish(Failed(self.trial, failure, time.time()))

    def _ask(self, reply: Reply) -> None:
        if reply.step is Step.SUPPLY:
            if self._supplies is None:
                self._supplies = _cut_needed(self.task, reply.wants)
            self.answer = self._actor.supply.remote(next(self._supplies, ()))
        elif reply.step is Step.MORE:
            self.answer = None if self._is_asked else self._actor.more.remote()
        elif reply.step is Step.FETCH:
            self.answer = self._actor.fetch.remote()

    def _finish(self, last: Event) -> list[Event]:
        """The job's last event; after a `Started`, if the host did not come to say so."""
        self.is_over = True
        events = [] if self.has_started else [self._adjust(Started(self.trial, "ray", last.time), None)]
        return [*events, self._adjust(last, None)]

    def _adjust(self, event: Event, home: Home | None) -> Event:
        """The event with the node in the worker's name, and with a time between the one before it and now.

        Nodes have clocks of their own.
        """
        self._moment = max(self._moment, min(event.time, time.time()))
        if isinstance(event, Started):
            self.has_started = True
            if home is not None:
                event = replace(event, worker=f"ray:{home}:{event.worker.rpartition(':')[2]}")
        return replace(event, time=self._moment)


def _cut_needed(task: Task, wants: Collection[str]) -> Iterator[tuple[Piece, ...]]:
    """The checkpoint that the trial goes on from, with its logs; its parent's weights, and the files beside them."""
    job = task.job
    if DIRECTORY in wants and job.checkpoint is not None:
        checkpoint = job.checkpoint.relative_to(job.directory).as_posix()
        yield from cut(DIRECTORY, job.directory, [checkpoint, OUTPUT_FILE, ERROR_FILE])
    if WEIGHTS in wants and job.inheritance is not None and task.weights is not None:
        folder, key = task.weights.folder, job.inheritance.weights.key
        names = [f"{key}.safetensors", *(f"{key}/{name}" for name in list_files(folder / key))]
        yield from cut(WEIGHTS, folder, names)
