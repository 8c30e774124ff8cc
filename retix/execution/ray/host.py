"""The actor that runs trials on a node of a Ray cluster."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from retix.execution.local import LocalEngine
from retix.execution.ray.message import Home, Pulse, Reply, Step, Task
from retix.execution.ray.parcel import Piece
from retix.execution.ray.room import Room
from retix.execution.ray.surroundings import Surroundings
from retix.execution.ray.visit import Visit
from retix.trial import Event, Started, Verdict

TURN = 0.1
"""Seconds between two looks at whether the job was cancelled."""

LINGER = 0.02
"""Seconds to wait for a quick trial's end, so that it comes with its beginning."""

END = (1 << 62) - 1
"""A ticket above all others: cancelling it cancels everything."""


class Host:
    """One slot of a `RayEngine` on a node: a `LocalEngine` for one trial at a time.

    The driver asks and the host answers; each answer says what to ask next. ``greet``, ``pulse`` and ``cancel`` run in
    threads beside the working one, so that they are answered while a trial runs.

    Args:
        surroundings: The driver's.
        settings: The arguments of the `LocalEngine`, besides the number of slots.
    """

    def __init__(self, surroundings: Surroundings, settings: Mapping[str, Any]):
        self._context = importlib.import_module("ray").get_runtime_context()
        surroundings.settle(keep_directory="working_dir" in self._context.runtime_env)
        self._engine = LocalEngine(1, **settings)
        self._room = Room()
        self._visit: Visit | None = None
        self._parcels: Iterator[tuple[Piece, ...]] = iter(())
        self._cancelled = -1
        self._turn: float | None = None
        self._words = ""

    def greet(self) -> Home:
        """Where this host lives."""
        address = importlib.import_module("ray").util.get_node_ip_address()
        return Home(address, self._context.get_node_id(), os.getpid())

    def pulse(self, seconds: float) -> Pulse:
        """A sign of life, after some seconds."""
        time.sleep(seconds)
        turn = self._turn
        return Pulse(self._words, 0.0 if turn is None else time.monotonic() - turn)

    def cancel(self, ticket: int) -> None:
        """End the task with this ticket and those before it, also one that has not come yet."""
        self._cancelled = max(self._cancelled, ticket)

    def take(self, task: Task) -> Reply:
        """Begin with a job.

        Raises:
            OSError: The node's disk cannot be written to.
            ExecutionError: The job's directory cannot be made.
        """
        if task.ticket <= self._cancelled:
            return Reply(Step.DONE)
        self._visit = Visit(task, self._room)
        return Reply(Step.SUPPLY, wants=self._visit.wants) if self._visit.wants else self._begin(self._visit)

    def supply(self, pieces: tuple[Piece, ...]) -> Reply:
        """Take a part of what the trial needs; after the last part, which is empty, begin."""
        visit = self._visit
        if visit is None or visit.ticket <= self._cancelled:
            return Reply(Step.DONE)
        visit.receive(pieces)
        return Reply(Step.SUPPLY) if pieces else self._begin(visit)

    def more(self, verdict: Verdict | None = None) -> Reply:
        """What has happened since the last answer; waits until something has.

        Args:
            verdict: Answers the trial, if it had reported and waits for that.
        """
        if self._visit is None:
            return Reply(Step.DONE)
        if verdict is not None:
            self._engine.answer(self._visit.job.trial, verdict)
        events = self._wait(self._visit)
        if not self._engine.free:
            return Reply(Step.MORE, events)
        if self._visit.ticket <= self._cancelled:
            return Reply(Step.DONE)
        self._parcels = self._visit.send()
        pieces = next(self._parcels, ())
        return Reply(Step.FETCH if pieces else Step.DONE, events, pieces)

    def fetch(self) -> Reply:
        """The next part of what the trial wrote."""
        pieces = next(self._parcels, ())
        return Reply(Step.FETCH if pieces else Step.DONE, pieces=pieces)

    def leave(self) -> None:
        """End the trial and every process of this host's; the host itself is ended by its driver."""
        self._engine.close()
        self._room.remove()

    def _begin(self, visit: Visit) -> Reply:
        self._turn = time.monotonic()
        self._engine.submit(visit.job)
        self._turn = None
        return self.more()

    def _wait(self, visit: Visit) -> tuple[Event, ...]:
        """The next events in the driver's words; none if the job is cancelled first."""
        events: list[Event] = []
        while not events:
            if visit.ticket <= self._cancelled:
                self._engine.cancel(visit.job.trial)
                self._engine.events(0.0)
                break
            self._turn = time.monotonic()
            events = self._engine.events(TURN)
            self._words = self._engine.waits().get(visit.job.trial, "")
        if len(events) == 1 and isinstance(events[0], Started):
            events += self._engine.events(LINGER)
        self._turn = None
        return tuple(visit.translate(event) for event in events)
