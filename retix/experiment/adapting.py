"""Strategies written for NNI, where a strategy of retix is expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from retix.experiment.config import RetiariiExeConfig
from retix.experiment.search.limits import Limits
from retix.experiment.search.listener import Listener
from retix.experiment.user_strategy import UserStrategy
from retix.strategy import BaseStrategy, Strategy
from retix.trial import Reported, Trial, TrialState


class StrategyListener:
    """Lets a strategy that looks at its models see what becomes of them, and of its limits, while they run."""

    def __init__(self, strategy: UserStrategy) -> None:
        self._strategy = strategy

    def trial_changed(self, trial: Trial) -> None:
        """Tell that a trial runs."""
        if trial.state is TrialState.RUNNING:
            self._strategy.started(trial.id)

    def trial_reported(self, trial: Trial, report: Reported) -> None:
        """Tell of an intermediate result."""
        self._strategy.report(trial.id, report.metrics)

    def limits_changed(self, limits: Limits, capacity: int) -> None:
        """Tell what it may look for by `query_available_resources` and `budget_exhausted`."""
        self._strategy.set_limits(capacity, limits.trials)


def adapt_strategy(
    strategy: Strategy | BaseStrategy, config: RetiariiExeConfig
) -> tuple[Strategy, tuple[Listener, ...]]:
    """The strategy as a search asks it, and who has to hear of trials for its sake."""
    if isinstance(strategy, Strategy):
        return strategy, ()
    adapted = UserStrategy(strategy, slots=config.trial_concurrency, max_trials=config.max_trial_number)
    return adapted, (StrategyListener(adapted),)


@contextmanager
def closing_strategy(strategy: Strategy) -> Iterator[None]:
    """End what a strategy does beside the search when the ``with`` block ends."""
    try:
        yield
    finally:
        if isinstance(strategy, UserStrategy):
            strategy.close()
