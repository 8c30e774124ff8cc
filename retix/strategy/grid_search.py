"""Grid search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retix.errors import ConfigError
from retix.space import DepthFirst
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
