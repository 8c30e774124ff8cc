"""Drawing from a space without replacement, without ever listing it."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from typing import Any

from retix.errors import SpaceError
from retix.space import Choice, Decision, Sample, SearchSpace

_ROOT = ""
_DRAWS = 16


class Unexplored:
    """The part of a space that was not drawn yet.

    A walk through a space is a path in a tree: a branch is the answers given so far, a leaf is a sample. A leaf that
    was drawn is closed, and a branch is closed once all below it is, so that a draw which avoids closed branches meets
    every sample exactly once. Only the closed branches and the counts of closed branches below their parents are
    held: two entries per drawn sample, whatever the depth, because most branches of a large space close nothing.

    The first sample follows ``Decision.draw`` alone. Later on, each decision is drawn among its open answers; this
    spreads draws over the whole space from the beginning, but is no uniform permutation of the samples, since a
    branch with few samples is as likely as one with many.
    """

    def __init__(self) -> None:
        self._closed: set[str] = set()
        self._counts: dict[str, int] = {}

    @property
    def empty(self) -> bool:
        """Whether every sample was drawn."""
        return _ROOT in self._closed

    def draw(self, space: SearchSpace, rng: random.Random) -> Sample | None:
        """Draw a sample that was not drawn before, or None if there is none left.

        Raises:
            SpaceError: The space asks other questions after the same answers.
        """
        if self.empty:
            return None
        trail: list[tuple[str, int]] = []
        branch = _ROOT

        def pick(decision: Decision) -> Choice:
            nonlocal branch
            trail.append((branch, decision.size))
            choice, branch = self._draw_open(decision, branch, rng)
            return choice

        sample = space.walk(pick)
        self._close(branch, trail)
        return sample

    def close(self, space: SearchSpace, sample: Sample) -> None:
        """Count ``sample`` as drawn, wherever it came from.

        Raises:
            SpaceError: It is no sample of the space.
        """
        trail: list[tuple[str, int]] = []
        branch = _ROOT

        def pick(decision: Decision) -> Choice:
            nonlocal branch
            if decision.label not in sample:
                raise SpaceError(f"{sample} does not answer the choice {decision.label!r}")
            choice = decision.check(sample[decision.label])
            trail.append((branch, decision.size))
            branch = _descend(branch, choice)
            return choice

        space.walk(pick)
        if branch not in self._closed and not any(above in self._closed for above, _ in trail):
            self._close(branch, trail)

    def _draw_open(self, decision: Decision, branch: str, rng: random.Random) -> tuple[Choice, str]:
        """Draw an answer that leads into an open branch; return it with the branch."""
        for _ in range(_DRAWS):
            choice = decision.draw(rng)
            below = _descend(branch, choice)
            if below not in self._closed:
                return choice, below
        # Most answers are closed, or improbable by their weights: what is left is cheaper to list than to hit.
        pairs = ((choice, _descend(branch, choice)) for choice in decision.options())
        left = [(choice, below) for choice, below in pairs if below not in self._closed]
        if not left:
            raise SpaceError(
                f"every answer to the choice {decision.label!r} was tried, and yet the space asks it again",
                why="the space asks different questions after the same answers",
                fix="let the decisions of a space, or of a mutator, depend on nothing but earlier answers",
            )
        return rng.choice(left)

    def _close(self, leaf: str, trail: list[tuple[str, int]]) -> None:
        """Close a leaf, and every branch above it that has no other open branch below."""
        self._closed.add(leaf)
        for branch, size in reversed(trail):
            self._counts[branch] = self._counts.get(branch, 0) + 1
            if self._counts[branch] < size:
                return
            del self._counts[branch]
            self._closed.add(branch)

    def state(self) -> dict[str, Any]:
        """What was drawn, as JSON values."""
        return {"closed": sorted(self._closed), "counts": dict(self._counts)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._closed = set(state["closed"])
        self._counts = dict(state["counts"])


def _descend(branch: str, choice: Choice) -> str:
    """The name of the branch that ``choice`` leads to, the same in every process."""
    return hashlib.blake2b(f"{branch}{json.dumps(choice)}".encode(), digest_size=16).hexdigest()
