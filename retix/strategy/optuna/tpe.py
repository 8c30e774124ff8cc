"""Tree-structured Parzen estimation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from retix.strategy.optuna.optuna_strategy import OptunaStrategy
from retix.strategy.sampler import ModelFilter
from retix.strategy.settings import check_least

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

_ATTEMPTS = 3


class TPE(OptunaStrategy):
    """Tree-structured Parzen estimation, by Optuna's ``TPESampler``.

    Bergstra, Bardenet, Bengio and Kégl, Algorithms for Hyper-Parameter Optimization, NIPS 2011; over several decisions
    at once as in Falkner, Klein and Hutter, BOHB, ICML 2018. One density is made of the best tenth of the results and
    one of the others; of samples of the first, the one that the second makes least likely is proposed. Decisions that
    are alive together are drawn together. What is still running counts among the worse, so that several workers spread.

    A pruned or paused trial ranks below all that are complete, and the higher the further it came. With several
    objectives, the best are the non-dominated ones (Ozaki and others, GECCO 2020), and a pruned trial counts as one
    that is complete. A model that breaks limits ranks below all that keep them.

    An `ask` takes time proportional to the number of results: some 15 ms after 1,000, for each of up to three attempts.

    Args:
        optimize_mode: Whether more or less of the metric ``default`` is better, unless `aim` says what is searched for.
        n_startup: How many results of random samples come first. Optuna's own default is 10; fewer suit a budget of
            some tens of trials.
        n_candidates: How many samples the best is chosen from. If that one is known, the next attempt chooses among a
            quarter as many, so that it strays further.
        dedup: Whether no network is proposed twice.
        model_filter: Samples for which it returns False are never proposed.
        seed: See `Strategy`.

    Raises:
        ConfigError: Optuna is not installed, the mode is unknown, or a number is below 1.
    """

    def __init__(
        self,
        optimize_mode: Literal["maximize", "minimize"] = "maximize",
        n_startup: int = 5,
        n_candidates: int = 24,
        dedup: bool = True,
        model_filter: ModelFilter | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(optimize_mode, _ATTEMPTS, dedup, model_filter, seed)
        check_least("n_startup", n_startup, 1)
        check_least("n_candidates", n_candidates, 1)
        self._n_startup = n_startup
        self._n_candidates = n_candidates

    @property
    def startup(self) -> int:
        return self._n_startup

    def make_sampler(self, seed: int, attempt: int) -> BaseSampler:
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=1,
            n_ei_candidates=max(1, self._n_candidates >> 2 * attempt),
            multivariate=True,
            group=True,
            constant_liar=True,
            seed=seed,
        )
