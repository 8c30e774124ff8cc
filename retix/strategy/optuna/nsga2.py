"""The non-dominated sorting genetic algorithm, NSGA-II."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from retix.strategy.optuna.optuna_strategy import OptunaStrategy
from retix.strategy.sampler import ModelFilter
from retix.strategy.settings import check_least, check_probability

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

_ATTEMPTS = 8
"""A child costs next to nothing."""


class NSGA2(OptunaStrategy):
    """The non-dominated sorting genetic algorithm, by Optuna's ``NSGAIISampler``.

    Deb, Pratap, Agarwal and Meyarivan, A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, IEEE Transactions
    on Evolutionary Computation 6 (2002). The best of a generation and of its parents, by non-dominated rank and then by
    distance from each other, are crossed and mutated; a model that breaks limits loses against any that keeps them.
    With one objective it is a genetic algorithm with elitism.

    A generation ends with its ``population_size``-th result, and trials of others count in it. A pruned or paused
    trial counts with its last intermediate result. Decisions that are not alive in a trial are crossed all the same, as
    genes that lie dormant, so that conditional spaces are searched as others are.

    An `ask` takes time proportional to the number of results: some 10 ms after 1,000.

    Args:
        optimize_mode: Whether more or less of the metric ``default`` is better, unless `aim` says what is searched for.
        population_size: How many make a generation. Optuna's own default is 50; fewer suit a budget of a hundred trials
            or two, also for a front.
        crossover_prob: How likely a child has two parents instead of one.
        mutation_prob: How likely each decision is drawn anew; None for one decision per child on average.
        dedup: Whether no network is proposed twice.
        model_filter: Samples for which it returns False are never proposed.
        seed: See `Strategy`.

    Raises:
        ConfigError: Optuna is not installed, the mode is unknown, ``population_size`` is below 2, or a probability is
            outside 0..1.
    """

    prunes = False
    fills = True

    def __init__(
        self,
        optimize_mode: Literal["maximize", "minimize"] = "maximize",
        population_size: int = 10,
        crossover_prob: float = 0.9,
        mutation_prob: float | None = None,
        dedup: bool = True,
        model_filter: ModelFilter | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(optimize_mode, _ATTEMPTS, dedup, model_filter, seed)
        check_least("population_size", population_size, 2)
        check_probability("crossover_prob", crossover_prob)
        if mutation_prob is not None:
            check_probability("mutation_prob", mutation_prob)
        self._population_size = population_size
        self._crossover_prob = crossover_prob
        self._mutation_prob = mutation_prob

    @property
    def startup(self) -> int:
        return self._population_size

    def make_sampler(self, seed: int, attempt: int) -> BaseSampler:
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(
            population_size=self._population_size,
            crossover_prob=self._crossover_prob,
            mutation_prob=self._mutation_prob,
            seed=seed,
        )
