"""The trials that have not ended, and where each of them stands."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from retix.trial import FailureKind, Job, Trial


@dataclass(slots=True)
class Entry:
    """A trial that has not ended.

    Attributes:
        trial: As it was recorded last.
        job: What a worker is given; None where it has to be made again first.
        earlier: How often earlier attempts have failed, by kind.
        is_cancelled: Whether the user wants it stopped.
        measures: What is known of its model without training it.
        steps: How many intermediate results it has reported.
        latest: The last of them, if it came in this attempt.
    """

    trial: Trial
    job: Job | None = None
    earlier: Counter[FailureKind] = field(default_factory=Counter)
    is_cancelled: bool = False
    measures: Mapping[str, float] = field(default_factory=dict)
    steps: int = 0
    latest: Mapping[str, float] = field(default_factory=dict)


class Roster:
    """Every trial that has not ended is in one of five places.

    *Ready* trials take the next free slots, in their order. *Submitted* ones are the engine's. *Paused* ones wait for
    early stopping to let them go on, or to end them. *Held* ones wait until their parent has ended, and *twins* for the
    result of the trial that makes the same network; neither waits for a paused trial, which may never end before the
    search does.
    """

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._ready: deque[int] = deque()
        self._submitted: set[int] = set()
        self._paused: set[int] = set()
        self._held: dict[int, list[int]] = {}
        self._twins: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """All of them, in the order of their ids."""
        return iter([self._entries[trial] for trial in sorted(self._entries)])

    def find(self, trial: int) -> Entry | None:
        """The trial with this id, or None if it has ended or never was."""
        return self._entries.get(trial)

    def is_submitted(self, trial: int) -> bool:
        """Whether the engine has it."""
        return trial in self._submitted

    def is_paused(self, trial: int) -> bool:
        """Whether early stopping has paused it."""
        return trial in self._paused

    def is_awaited(self, trial: int) -> bool:
        """Whether it has not ended, and others may wait for that."""
        return trial in self._entries and trial not in self._paused

    @property
    def paused(self) -> int:
        """How many are paused."""
        return len(self._paused)

    @property
    def working(self) -> int:
        """How many are not paused, and so end by themselves."""
        return len(self._entries) - len(self._paused)

    @property
    def ready(self) -> int:
        """How many wait for nothing but a slot."""
        return len(self._ready)

    @property
    def held(self) -> int:
        """How many wait for their parents."""
        return sum(map(len, self._held.values()))

    def add(self, entry: Entry, *, is_paused: bool = False) -> None:
        """Take up a trial; it is held if it inherits from a trial that is to end first."""
        trial = entry.trial
        self._entries[trial.id] = entry
        if is_paused:
            self._paused.add(trial.id)
        elif trial.duplicate_of is not None:
            self._twins.setdefault(trial.duplicate_of, []).append(trial.id)
        elif trial.inherit and trial.parent is not None and self.is_awaited(trial.parent):
            self._held.setdefault(trial.parent, []).append(trial.id)
        else:
            self._ready.append(trial.id)

    def submit(self) -> Entry:
        """Take the first of those that are ready."""
        trial = self._ready.popleft()
        self._submitted.add(trial)
        return self._entries[trial]

    def requeue(self, trial: int) -> None:
        """Put a submitted trial before those that are ready."""
        self._submitted.remove(trial)
        self._ready.appendleft(trial)

    def pause(self, trial: int) -> list[Entry]:
        """Put a submitted trial aside; its children are ready now. Returns its twins, which have to end."""
        self._submitted.remove(trial)
        self._paused.add(trial)
        return self._release(trial)

    def promote(self, trial: int) -> None:
        """Make a paused trial ready."""
        self._paused.remove(trial)
        self._ready.append(trial)

    def remove(self, trial: int) -> list[Entry]:
        """Take out a trial that has ended; its children are ready now. Returns its twins, which have to end with it."""
        entry = self._entries.pop(trial)
        self._submitted.discard(trial)
        self._paused.discard(trial)
        if trial in self._ready:
            self._ready.remove(trial)
        _discard(self._held, entry.trial.parent, trial)
        _discard(self._twins, entry.trial.duplicate_of, trial)
        return self._release(trial)

    def _release(self, trial: int) -> list[Entry]:
        """Let nobody wait for a trial any more; returns its twins."""
        self._ready.extend(self._held.pop(trial, ()))
        return [self._entries[twin] for twin in self._twins.pop(trial, ())]


def _discard(places: dict[int, list[int]], key: int | None, trial: int) -> None:
    if key is not None and trial in places.get(key, ()):
        places[key].remove(trial)
        if not places[key]:
            del places[key]
