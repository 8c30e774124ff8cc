"""Grid search."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

from retix.errors import ConfigError
from retix.space import Choice, Decision, Sample, SearchSpace, freeze
from retix.strategy.sampler import make_refusal
from retix.strategy.strategy import Strategy
from retix.strategy.unexplored import Unexplored
from retix.trial import Proposal

_PATIENCE = 100_000
"""Samples in a row that may break a constraint; see `SearchSpace.permits`."""


class GridSearch(Strategy):
    """Proposes every sample of the space exactly once, and never lists the space.

    Conditional decisions count only while they are alive. What is proposed does not depend on what is told.

    Args:
        shuffle: True draws without replacement, see `Unexplored`: the first proposals are spread over the whole space,
            and memory grows with the proposals made. False goes depth first, the last decision changing fastest, and
            holds one answer per decision.
        seed: See `Strategy`; it matters only with ``shuffle``.
    """

    def __init__(self, shuffle: bool = True, seed: int | None = None) -> None:
        super().__init__(seed)
        self._order: Unexplored | DepthFirst = Unexplored() if shuffle else DepthFirst()

    def ask(self) -> Proposal | None:
        space = self.space
        for _ in range(_PATIENCE):
            sample = self._order.draw(space, self.rng)
            if sample is None or space.permits(sample):
                return None if sample is None else Proposal(sample)
        raise make_refusal(f"each of {_PATIENCE:,} models in a row")

    @property
    def exhausted(self) -> bool:
        return self._order.empty

    def state(self) -> dict[str, Any]:
        return {**super().state(), "order": type(self._order).__name__, **self._order.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        if state["order"] != type(self._order).__name__:
            raise ConfigError(
                f"a state of GridSearch in the order {state['order']} was given to one in another order",
                fix="go on with the same value of shuffle",
            )
        self._order.load_state(state)


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

    def draw(self, space: SearchSpace, rng: random.Random) -> Sample | None:
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
