"""The trials that have not ended, and where each of them stands."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
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
    """

    trial: Trial
    job: Job | None = None
    earlier: Counter[FailureKind] = field(default_factory=Counter)
    is_cancelled: bool = False


class Roster:
    """Every trial that has not ended is in one of four places.

    *Ready* trials take the next free slots, in their order. *Submitted* ones are the engine's. *Held* ones wait until
    their parent has ended, and *twins* for the result of the trial that makes the same network.
    """

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._ready: deque[int] = deque()
        self._submitted: set[int] = set()
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

    @property
    def ready(self) -> int:
        """How many wait for nothing but a slot."""
        return len(self._ready)

    @property
    def held(self) -> int:
        """How many wait for their parents."""
        return sum(map(len, self._held.values()))

    def add(self, entry: Entry) -> None:
        """Take up a trial; it is held if it inherits from a trial that has not ended."""
        trial = entry.trial
        self._entries[trial.id] = entry
        if trial.duplicate_of is not None:
            self._twins.setdefault(trial.duplicate_of, []).append(trial.id)
        elif trial.inherit and trial.parent in self._entries:
            assert trial.parent is not None
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

    def remove(self, trial: int) -> list[Entry]:
        """Take out a trial that has ended; its children are ready now. Returns its twins, which have to end with it."""
        entry = self._entries.pop(trial)
        self._submitted.discard(trial)
        if trial in self._ready:
            self._ready.remove(trial)
        _discard(self._held, entry.trial.parent, trial)
        _discard(self._twins, entry.trial.duplicate_of, trial)
        self._ready.extend(self._held.pop(trial, ()))
        return [self._entries[twin] for twin in self._twins.pop(trial, ())]


def _discard(places: dict[int, list[int]], key: int | None, trial: int) -> None:
    if key is not None and trial in places.get(key, ()):
        places[key].remove(trial)
        if not places[key]:
            del places[key]
