"""Grid search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retix.errors import ConfigError
from retix.space import DepthFirst, SearchSpace
from retix.strategy.grid_space import GridSpace
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
        granularity: Of a decision for one of several numbers in rising order, such as an ``nn.ValueRange``, only so
            many evenly spaced ones are tried, the lowest and the highest among them. None tries all.

    Raises:
        ConfigError: ``granularity`` is below 2.
    """

    def __init__(self, shuffle: bool = True, seed: int | None = None, granularity: int | None = None) -> None:
        super().__init__(seed)
        if granularity is not None and granularity < 2:
            raise ConfigError(
                f"granularity is {granularity!r}",
                why="of each range of numbers both ends are tried",
                fix="give a number of at least 2, or None to try all",
            )
        self._granularity = granularity
        self._order: Unexplored | DepthFirst = Unexplored() if shuffle else DepthFirst()
        self._grid: SearchSpace | None = None
        self._has_permitted = False

    @property
    def is_multi_objective(self) -> bool:
        return True

    def start(self, space: SearchSpace) -> None:
        super().start(space)
        self._grid = space if self._granularity is None else GridSpace(space, self._granularity)

    def ask(self) -> Proposal | None:
        grid = self._grid or self.space
        for _ in range(_PATIENCE):
            sample = self._order.draw(grid, self.rng)
            if sample is None:
                break
            if grid.permits(sample):
                self._has_permitted = True
                return Proposal(sample)
        else:
            raise make_refusal(f"each of {_PATIENCE:,} models in a row")
        if not self._has_permitted:
            raise make_refusal("every model of the space" if self._granularity is None else "every model of the grid")
        return None

    @property
    def exhausted(self) -> bool:
        return self._order.empty

    def state(self) -> dict[str, Any]:
        order = {"order": type(self._order).__name__, **self._order.state()}
        return {**super().state(), "granularity": self._granularity, "has_permitted": self._has_permitted, **order}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        if state["order"] != type(self._order).__name__:
            raise ConfigError(
                f"a state of GridSearch in the order {state['order']} was given to one in another order",
                fix="go on with the same value of shuffle",
            )
        if state["granularity"] != self._granularity:
            raise ConfigError(
                f"a state of GridSearch(granularity={state['granularity']}) was given to one with {self._granularity}",
                fix="go on with the same granularity",
            )
        self._has_permitted = state["has_permitted"]
        self._order.load_state(state)
