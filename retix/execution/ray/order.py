"""One job under way: what the driver asks its host, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from retix.execution.ray.message import DIRECTORY, WEIGHTS, Home, Reply, Step, Task
from retix.execution.ray.parcel import Piece, cut, list_files, write_pieces
from retix.trial import Cancelled, Event, Failed, Failure, FailureKind, Finished, Started


class Order:
    """A job that a slot has taken.

    Args:
        task: The job.

    Attributes:
        task: The job.
        answer: Becomes ready when the host has answered the last question; None before the job was given to one.
        since: When the job was submitted, as ``time.monotonic`` counts.
        has_started: Whether the job has begun.
        is_over: Whether its last event was given.
    """

    def __init__(self, task: Task):
        self.task = task
        self.since = time.monotonic()
        self.has_started = False
        self.is_over = False
        self.answer: Any = None
        self._actor: Any = None
        self._moment = time.time()
        self._last: Event | None = None
        self._supplies: Iterator[tuple[Piece, ...]] | None = None

    def give(self, actor: Any) -> None:
        """Give the job to a host, which must have come up; to one only, so that no job ever runs twice."""
        self._actor = actor
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
            if isinstance(event, Finished | Failed):
                self._last = event
            else:
                events.append(self._adjust(event, home))
        folders = {DIRECTORY: self.task.job.directory}
        if self.task.weights is not None:
            folders[WEIGHTS] = self.task.weights.folder
        write_pieces(folders, reply.pieces)
        self._ask(reply.step)
        if reply.step is Step.DONE and self._last is not None:
            events += self._finish(self._last)
        return events

    def cancel(self) -> list[Event]:
        """The last events of a job that the driver has ended."""
        return self._finish(Cancelled(self.trial, time.time()))

    def fail(self, message: str, traceback: str) -> list[Event]:
        """The last events of a job whose host was lost."""
        failure = Failure(FailureKind.WORKER_LOST, message, traceback=traceback)
        return self._finish(Failed(self.trial, failure, time.time()))

    def _ask(self, step: Step) -> None:
        if step is Step.SUPPLY:
            if self._supplies is None:
                self._supplies = _cut_inherited(self.task)
            self.answer = self._actor.supply.remote(next(self._supplies, ()))
        elif step is Step.MORE:
            self.answer = self._actor.more.remote()
        elif step is Step.FETCH:
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


def _cut_inherited(task: Task) -> Iterator[tuple[Piece, ...]]:
    """The weights of the parent, and the files that it left beside them."""
    inheritance = task.job.inheritance
    if inheritance is None or task.weights is None:
        return iter(())
    folder, key = task.weights.folder, inheritance.weights.key
    names = [f"{key}.safetensors", *(f"{key}/{name}" for name in list_files(folder / key))]
    return cut(WEIGHTS, folder, names)
