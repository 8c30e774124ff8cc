"""Strategies written for NNI, where a strategy of retix is expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from retix.experiment.config import RetiariiExeConfig
from retix.experiment.search import Listener
from retix.experiment.user_strategy import UserStrategy
from retix.strategy import BaseStrategy, Strategy
from retix.trial import Reported, Trial, TrialState


class StrategyListener:
    """Lets a strategy that looks at its models see what becomes of them while they run."""

    def __init__(self, strategy: UserStrategy) -> None:
        self._strategy = strategy

    def trial_changed(self, trial: Trial) -> None:
        """Tell that a trial runs."""
        if trial.state is TrialState.RUNNING:
            self._strategy.started(trial.id)

    def trial_reported(self, trial: Trial, report: Reported) -> None:
        """Tell of an intermediate result."""
        self._strategy.report(trial.id, report.metrics)


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
