"""Every sample of a space, one after the other."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

from retix.space.decision import Choice, Decision, freeze
from retix.space.sample import Sample
from retix.space.search_space import SearchSpace


class DepthFirst:
    """Walks a space in the fixed order of its options, the last decision changing fastest.

    It holds the answers that the next walk begins with. Everything after them takes its first option.
    """

    def __init__(self) -> None:
        self._prefix: list[Choice] = []
        self._following: list[Iterator[Choice]] = []
        self._empty = False

    @property
    def empty(self) -> bool:
        """Whether every sample was drawn."""
        return self._empty

    def draw(self, space: SearchSpace, rng: random.Random | None = None) -> Sample | None:
        """The next sample, or None after the last one; ``rng`` is not used, as the order is fixed."""
        if self._empty:
            return None
        depth = 0

        def pick(decision: Decision) -> Choice:
            nonlocal depth
            if depth == len(self._following):
                self._following.append(self._open(decision, depth))
            depth += 1
            return self._prefix[depth - 1]

        sample = space.walk(pick)
        self._advance()
        return sample

    def _open(self, decision: Decision, depth: int) -> Iterator[Choice]:
        """The options after the one that the prefix holds for ``decision``, which is the first if it holds none."""
        options = decision.options()
        if depth == len(self._prefix):
            self._prefix.append(next(options))
        else:
            held = json.dumps(self._prefix[depth])
            next(option for option in options if json.dumps(option) == held)
        return options

    def _advance(self) -> None:
        """Move the last answer that has a following option on to it, and forget the answers after it."""
        while self._prefix:
            for option in self._following[-1]:
                self._prefix[-1] = option
                return
            self._prefix.pop()
            self._following.pop()
        self._empty = True

    def state(self) -> dict[str, Any]:
        """Where the walk stands, as JSON values."""
        return {"prefix": list(self._prefix), "empty": self._empty}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._prefix = [freeze(choice) for choice in state["prefix"]]
        self._following = []
        self._empty = state["empty"]
