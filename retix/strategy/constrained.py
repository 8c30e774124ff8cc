"""Only models within limits."""

from __future__ import annotations

from retix.errors import ConfigError
from retix.objective import Limit
from retix.space import LimitedSpace, SearchSpace
from retix.strategy.strategy import Strategy
from retix.strategy.wrapper import Wrapper


class Constrained(Wrapper):
    """Lets the strategy inside search only the models whose measures are within limits.

    Nothing beyond a limit is trained: each model is measured before it is proposed. When the search starts, it is found
    out whether any model keeps the limits; see `LimitedSpace`::

        Constrained(RegularizedEvolution(), Limit("parameters", at_most=100_000))
        Constrained(Dedup(WarmStart(RegularizedEvolution(), samples)), Limit("flops", at_most=2e6))

    It is the outermost wrapper, or a whole stage of a `Chain`. ``RetiariiExeConfig.limits`` does the same for the whole
    search, and also knows limits on metrics that are only known after training.

    Args:
        strategy: The strategy inside.
        *limits: The limits, all of which have to be kept.

    Raises:
        ConfigError: There is no limit.
    """

    def __init__(self, strategy: Strategy, *limits: Limit) -> None:
        super().__init__(strategy)
        if not limits or not all(isinstance(limit, Limit) for limit in limits):
            raise ConfigError(
                f"the limits of Constrained are {', '.join(map(repr, limits)) or 'none'}",
                fix="give it limits, such as Limit('parameters', at_most=100_000)",
            )
        self.limits = limits
        self._limited: LimitedSpace | None = None

    def start(self, space: SearchSpace) -> None:
        """Bind the strategy to the models of a space that keep the limits.

        Raises:
            ConfigError: It is bound to another space already.
            SpaceError: No model keeps the limits, or the space does not know the measure.
        """
        is_new = self._limited is None
        limited = self._limited or LimitedSpace(space, self.limits)
        if is_new:
            limited.check()
            self._limited = limited
        Strategy.start(self, space)
        self.inner.start(limited)
