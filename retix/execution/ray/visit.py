"""One job on a node: which of the driver's folders the node shares, and what stands for the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from retix.execution.ray.message import DIRECTORY, WEIGHTS, Task
from retix.execution.ray.parcel import Piece, cut, list_files, write_pieces
from retix.execution.ray.room import Room
from retix.trial import Event, Failed, Job, WeightsAddress


class Visit:
    """A job in the paths of the node that runs it.

    Args:
        task: The job, in the driver's paths.
        room: Gives a folder of this host's own, where the node does not share the driver's.

    Attributes:
        ticket: The task's.
        job: The job, in the node's paths.
        wants: The names of the folders that the job needs files of before it can begin.

    Raises:
        OSError: The room cannot be made or emptied.
    """

    def __init__(self, task: Task, room: Room):
        self.ticket = task.ticket
        self.job = task.job
        self._original = task.job
        self._received: set[str] = set()
        marks = {DIRECTORY: task.directory, WEIGHTS: task.weights}
        apart = [name for name, mark in marks.items() if mark is not None and not mark.is_seen()]
        base = room.empty() if apart else Path()
        self._folders = {name: base / name for name in apart}
        for folder in self._folders.values():
            folder.mkdir()
        wants = set()
        if DIRECTORY in apart:
            self.job = _move_directory(self.job, base / DIRECTORY)
            if self.job.checkpoint is not None and self.job.first_step:
                wants.add(DIRECTORY)
        if WEIGHTS in apart and task.weights is not None:
            self.job = _move_weights(self.job, task.weights.folder, base / WEIGHTS)
            if self.job.inheritance is not None:
                wants.add(WEIGHTS)
        self.wants = tuple(sorted(wants))

    def receive(self, pieces: tuple[Piece, ...]) -> None:
        """Take files of the driver's that the job needs.

        Raises:
            OSError: The node's disk is full, say.
        """
        write_pieces(self._folders, pieces)
        self._received.update(piece.path for piece in pieces if piece.root == WEIGHTS)

    def send(self) -> Iterator[tuple[Piece, ...]]:
        """All that the job wrote to folders which the node does not share with the driver."""
        received = {WEIGHTS: self._received}
        return chain.from_iterable(
            cut(name, folder, list_files(folder, received.get(name, ()))) for name, folder in self._folders.items()
        )

    def translate(self, event: Event) -> Event:
        """The event in the driver's paths."""
        if not isinstance(event, Failed) or DIRECTORY not in self._folders:
            return event
        here, there = str(self.job.directory), str(self._original.directory)
        message, traceback = (text.replace(here, there) for text in (event.failure.message, event.failure.traceback))
        return replace(event, failure=replace(event.failure, message=message, traceback=traceback))


def local_folder(url: str) -> Path | None:
    """The folder that a store of weights is, or None if it is reached in another way."""
    if url.startswith("file://"):
        return Path(url.removeprefix("file://"))
    return None if "://" in url else Path(url).absolute()


def _move_directory(job: Job, new: Path) -> Job:
    old = job.directory
    checkpoint = None if job.checkpoint is None else new / job.checkpoint.relative_to(old)
    return replace(job, directory=new, checkpoint=checkpoint)


def _move_weights(job: Job, old: Path, new: Path) -> Job:
    def move(address: WeightsAddress) -> WeightsAddress:
        return replace(address, url=str(new)) if local_folder(address.url) == old else address

    if job.weights is not None:
        job = replace(job, weights=move(job.weights))
    if job.inheritance is not None:
        job = replace(job, inheritance=replace(job.inheritance, weights=move(job.inheritance.weights)))
    return job
