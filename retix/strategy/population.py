"""A population in which the oldest dies."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from retix.strategy.member import Member, find_best


class Population:
    """Members by age.

    A member whose trial was paused, and has now shown more, is replaced where it stands: it gets no younger.

    Args:
        size: How many are alive at a time, at most.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._members: list[Member] = []

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        """The members, the oldest first."""
        return iter(self._members)

    def find(self, trial: int) -> Member | None:
        """The member that is of a trial, if it is alive."""
        return next((member for member in self._members if member.trial == trial), None)

    def join(self, member: Member) -> None:
        """Let a member in, as the youngest or in the place of what its trial showed before; the oldest may die."""
        for at, known in enumerate(self._members):
            if known.trial == member.trial:
                self._members[at] = member
                return
        self._members.append(member)
        if len(self._members) > self.size:
            del self._members[0]

    def hold_tournament(self, draws: int, rng: random.Random) -> Member:
        """The best of members that are drawn with replacement, or any of the best front; there must be a member.

        Args:
            draws: How many are drawn; it may be more than there are members.
            rng: One number is drawn per member.
        """
        return find_best([self._members[rng.randrange(len(self._members))] for _ in range(draws)])

    def state(self) -> list[Any]:
        """The members as JSON values."""
        return [member.to_json() for member in self._members]

    def load_state(self, state: Iterable[Sequence[Any]]) -> None:
        """Take the members that `state` returned."""
        self._members = [Member.from_json(data) for data in state]
