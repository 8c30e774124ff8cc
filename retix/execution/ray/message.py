"""What the driver and the hosts of a Ray cluster say to each other, besides jobs and events."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from retix.execution.ray.parcel import Piece
from retix.trial import Event, Job

DIRECTORY = "directory"
"""The name of a job's directory, wherever it lies."""

WEIGHTS = "weights"
"""The name of the folder that is the store of weights."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A file by which a node recognises a folder of the driver's: it shares the folder if it sees the file.

    Attributes:
        folder: The folder, as the driver names it.
        name: The file's name, which was never used before.
        shared: Whether every node shares it, or none; None leaves it to the file.
    """

    folder: Path
    name: str
    shared: bool | None = None

    @property
    def file(self) -> Path:
        """The file."""
        return self.folder / self.name

    def is_seen(self) -> bool:
        """Whether this machine shares the folder, and may write to it."""
        if self.shared is not None:
            return self.shared
        return self.file.is_file() and os.access(self.folder, os.W_OK)


@dataclass(frozen=True, slots=True)
class Task:
    """A job on its way to a host.

    Attributes:
        ticket: Counts the jobs of an engine, so that a cancelled one is never mistaken for another.
        job: The job, in the driver's paths.
        directory: Marks the folder that holds the job's directory.
        weights: Marks the store of weights; None if there is none, or if it is no folder but is reached by a URL.
    """

    ticket: int
    job: Job
    directory: Mark
    weights: Mark | None


class Step(StrEnum):
    """What a host wants its driver to ask for next."""

    SUPPLY = "supply"
    """Send pieces of what the trial needs; an empty list is the end."""
    MORE = "more"
    """Ask for more events; if the trial waits for an answer, when there is one, and with it."""
    FETCH = "fetch"
    """Ask for pieces of what the trial wrote."""
    DONE = "done"
    """Nothing: the job is over."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A host's answer to whatever it was asked.

    Attributes:
        step: What it wants to be asked next.
        events: What happened to the trial.
        pieces: Of files that the trial wrote.
        wants: The names of the folders that the host does not share and needs files of, if they are to be supplied.
    """

    step: Step
    events: tuple[Event, ...] = ()
    pieces: tuple[Piece, ...] = ()
    wants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """Where a host lives.

    Attributes:
        address: The IP address of its node.
        node: Ray's id of the node.
        process: The process id of the host.
    """

    address: str
    node: str
    process: int

    def __str__(self) -> str:
        return f"{self.address}/{self.node[:6]}"


@dataclass(frozen=True, slots=True)
class Pulse:
    """A sign of life.

    Attributes:
        words: What the job waits for on the host, or an empty string.
        stalled: For how many seconds the host's working thread has not come round while it had a job.
    """

    words: str
    stalled: float
