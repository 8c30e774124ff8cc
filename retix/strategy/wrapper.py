"""What strategies around strategies have in common."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from retix.errors import ConfigError
from retix.objective import Objectives
from retix.space import SearchSpace
from retix.strategy.strategy import Strategy
from retix.trial import Proposal, Trial

_LEVELS = 1_000


class Wrapper(Strategy):
    """A strategy that passes all on to another one; a subclass changes what it cares about.

    It has the seed of the strategy inside, whose state stands within its own. Numbers of trials are the same inside
    and outside, so that parents need no translation. Where a wrapper tells the strategy inside of something that is no
    trial of this search, it does so under a number below 0, which is never given out again as a parent.

    Args:
        strategy: The strategy inside. It belongs to the wrapper from now on.

    Raises:
        ConfigError: That is no strategy of retix's.
    """

    def __init__(self, strategy: Strategy) -> None:
        check_inner(type(self).__name__, strategy)
        super().__init__(strategy.seed)
        self.inner = strategy
        # Not the numbers that the strategy inside draws, though the seed is the same.
        self.rng = random.Random(f"{type(self).__name__} around {self.seed}")

    @property
    def optimize_mode(self) -> Any:
        """What the strategy inside says of it; None if it says nothing."""
        return getattr(self.inner, "optimize_mode", None)

    @property
    def is_multi_objective(self) -> bool:
        return self.inner.is_multi_objective

    def aim(self, objectives: Objectives) -> None:
        super().aim(objectives)
        self.inner.aim(objectives)

    def start(self, space: SearchSpace) -> None:
        super().start(space)
        self.inner.start(space)

    def ask(self) -> Proposal | None:
        _ = self.space
        return self.inner.ask()

    @property
    def exhausted(self) -> bool:
        return self.inner.exhausted

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.inner.tell(trial)

    def observe(self, trial: Trial) -> None:
        self.inner.observe(trial)

    @property
    def inherits_weights(self) -> bool:
        return self.inner.inherits_weights

    def possible_parents(self) -> frozenset[int]:
        return self.inner.possible_parents()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "inner": self.inner.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self.inner.load_state(state["inner"])

    @property
    def level(self) -> int:
        """How many wrappers are inside."""
        return self.inner.level + 1 if isinstance(self.inner, Wrapper) else 0

    def make_number(self, count: int) -> int:
        """A number for what is no trial of this search, from a count from 1 on; no other wrapper around makes it."""
        return -(count * _LEVELS + self.level)

    def is_own_number(self, number: int) -> bool:
        """Whether this wrapper made the number."""
        return number < 0 and -number % _LEVELS == self.level

    def inside(self) -> Iterator[Strategy]:
        """The strategies inside, from the outermost on."""
        yield self.inner
        if isinstance(self.inner, Wrapper):
            yield from self.inner.inside()

    def refuse_limits_inside(self) -> None:
        """Refuse an order of wrappers in which what this one proposes by itself would not keep limits.

        Raises:
            ConfigError: There is a wrapper with limits inside.
        """
        for strategy in self.inside():
            if getattr(strategy, "limits", ()):
                own, other = type(self).__name__, type(strategy).__name__
                raise ConfigError(
                    f"{own} is put around {other}",
                    why=f"{own} proposes models by itself, which would not have to keep the limits inside",
                    fix=f"put {other} around {own}: {other}({own}(...), ...)",
                )


def check_inner(wrapper: str, strategy: object) -> None:
    """Refuse what cannot be wrapped.

    Raises:
        ConfigError: It is no strategy of retix's.
    """
    if not isinstance(strategy, Strategy):
        kind = f"the class {strategy.__name__}" if isinstance(strategy, type) else f"a {type(strategy).__name__}"
        raise ConfigError(
            f"{wrapper} is put around {kind}",
            why="it asks and tells the strategy inside, so that it needs an instance that has ask and tell",
            fix=f"write {wrapper}(RegularizedEvolution(), ...), say",
        )
