"""One strategy after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retix.errors import ConfigError
from retix.objective import Objectives
from retix.space import SearchSpace
from retix.strategy.strategy import Strategy
from retix.strategy.wrapper import Wrapper, check_inner
from retix.trial import Proposal, Trial


class Chain(Wrapper):
    """Lets one strategy propose so many trials, then the next, which has been told of all that was tried before.

    ::

        Chain(Random(), 20, RegularizedEvolution(population_size=20))
        Chain([(GridSearch(), 8), (Random(), 20), (TPE(), None)])

    A strategy also hands over to the next if it is exhausted, and if it has nothing to propose while nothing runs. Each
    one is told of every trial, whoever proposed it, as trials end; so nothing waits at the change. What the chain is
    seeded with is the seed of the first.

    Args:
        stages: The strategies, each with the number of trials that it proposes; the last may have None, which is
            without end. Or the first strategy alone.
        n_trials: If ``stages`` is one strategy, how many trials it proposes.
        then: If ``stages`` is one strategy, the one that follows.

    Raises:
        ConfigError: There is no strategy, one stands there twice, a number is below 1, or they go in different
            directions.
    """

    def __init__(
        self,
        stages: Strategy | Sequence[tuple[Strategy, int | None]],
        n_trials: int | None = None,
        then: Strategy | None = None,
    ) -> None:
        self._stages = _read_stages(stages, n_trials, then)
        super().__init__(self._stages[0][0])
        self._at = 0
        self._proposed = 0
        self._open: Counter[str] = Counter()

    @property
    def strategies(self) -> tuple[Strategy, ...]:
        """The strategies, in their order."""
        return tuple(strategy for strategy, _ in self._stages)

    @property
    def current(self) -> Strategy:
        """The strategy whose turn it is."""
        return self.strategies[self._at]

    @property
    def optimize_mode(self) -> Any:
        return next(filter(None, (getattr(each, "optimize_mode", None) for each in self.strategies)), None)

    @property
    def is_multi_objective(self) -> bool:
        return all(strategy.is_multi_objective for strategy in self.strategies)

    def aim(self, objectives: Objectives) -> None:
        Strategy.aim(self, objectives)
        for strategy in self.strategies:
            strategy.aim(objectives)

    def start(self, space: SearchSpace) -> None:
        Strategy.start(self, space)
        for strategy in self.strategies:
            strategy.start(space)

    def ask(self) -> Proposal | None:
        _ = self.space
        while not self.exhausted:
            proposal = None if self._is_over() else self.current.ask()
            if proposal is not None:
                self._proposed += 1
                self._open[proposal.sample.key] += 1
                return proposal
            if not self._may_hand_over():
                return None
            self._at += 1
            self._proposed = 0
        return None

    @property
    def exhausted(self) -> bool:
        return self._is_over() and all(strategy.exhausted for strategy in self.strategies[self._at + 1 :])

    def tell(self, trial: Trial) -> None:
        Strategy.tell(self, trial)
        self._open -= Counter([trial.sample.key])
        for strategy in self.strategies[self._at :]:
            strategy.tell(trial)

    def observe(self, trial: Trial) -> None:
        for strategy in self.strategies[self._at :]:
            strategy.observe(trial)

    @property
    def inherits_weights(self) -> bool:
        return any(strategy.inherits_weights for strategy in self.strategies)

    def possible_parents(self) -> frozenset[int]:
        return frozenset().union(*(strategy.possible_parents() for strategy in self.strategies[self._at :]))

    def state(self) -> dict[str, Any]:
        return {
            **Strategy.state(self),
            "at": self._at,
            "proposed": self._proposed,
            "open": dict(sorted(self._open.items())),
            "stages": [strategy.state() for strategy in self.strategies],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        Strategy.load_state(self, state)
        self._at = state["at"]
        self._proposed = state["proposed"]
        self._open = Counter(state["open"])
        for strategy, inner in zip(self.strategies, state["stages"], strict=True):
            strategy.load_state(inner)

    @property
    def level(self) -> int:
        return 1 + max(strategy.level if isinstance(strategy, Wrapper) else 0 for strategy in self.strategies)

    def inside(self) -> Iterator[Strategy]:
        for strategy in self.strategies:
            yield strategy
            if isinstance(strategy, Wrapper):
                yield from strategy.inside()

    def _is_over(self) -> bool:
        """Whether the strategy whose turn it is proposes nothing more."""
        strategy, n_trials = self._stages[self._at]
        return strategy.exhausted or (n_trials is not None and self._proposed >= n_trials)

    def _may_hand_over(self) -> bool:
        """Whether it is the next one's turn, where the present one has just proposed nothing."""
        is_waiting = not self._is_over() and self._open.total() > 0
        return not is_waiting and self._at + 1 < len(self._stages)


def _read_stages(
    stages: Strategy | Sequence[tuple[Strategy, int | None]], n_trials: int | None, then: Strategy | None
) -> list[tuple[Strategy, int | None]]:
    if isinstance(stages, Strategy):
        if then is None:
            raise ConfigError("a Chain of one strategy", fix="write Chain(Random(), 20, RegularizedEvolution())")
        found: list[tuple[Strategy, int | None]] = [(stages, n_trials), (then, None)]
    else:
        found = [(strategy, number) for strategy, number in stages]
    if not found:
        raise ConfigError("a Chain of no strategy", fix="write Chain([(Random(), 20), (RegularizedEvolution(), None)])")
    for index, (strategy, number) in enumerate(found):
        check_inner("Chain", strategy)
        is_last = index == len(found) - 1
        if (number is None and not is_last) or (number is not None and number < 1):
            raise ConfigError(
                f"the number of trials of {type(strategy).__name__} in a Chain is {number!r}",
                why="the strategies after it would never be asked" if number is None else None,
                fix="give each strategy but the last a number of at least 1",
            )
    if len({id(strategy) for strategy, _ in found}) < len(found):
        raise ConfigError("one strategy stands in a Chain twice", fix="make a new strategy for each of its turns")
    modes = {mode for strategy, _ in found if (mode := getattr(strategy, "optimize_mode", None)) is not None}
    if len(modes) > 1:
        raise ConfigError(
            "the strategies of a Chain go in different directions: one maximizes, one minimizes",
            fix="give all of them the same optimize_mode",
        )
    return found
