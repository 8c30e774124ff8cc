"""Bayesian optimisation with Gaussian processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from retix.space import Sample, SearchSpace
from retix.strategy.optuna.foresight import foresee
from retix.strategy.optuna.library import one_thread
from retix.strategy.optuna.optuna_strategy import OptunaStrategy
from retix.strategy.sampler import ModelFilter
from retix.strategy.settings import check_least

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class GP(OptunaStrategy):
    """Bayesian optimisation with Gaussian processes, by Optuna's ``GPSampler``.

    A process for each objective, with a Matérn 5/2 kernel whose length scales are fitted, predicts what a sample gives;
    the one is proposed that is expected to improve most on what is known: by logarithmic expected improvement (Ament
    and others, NeurIPS 2023), of the hypervolume if there are several objectives. What is still running is taken into
    account. Of all strategies it makes most of few results, and thinks longest: fitting is cubic in the number of
    results, some 0.1 s after 30 and seconds after some hundreds.

    A pruned or paused trial counts with what it would have come to, as far as that can be told from those that were as
    far and went on (`foresee`); with several objectives, with its last intermediate result. Decisions that are not
    alive in a trial have values for it all the same, which look random, so that conditional spaces are modelled whole.

    It needs torch and SciPy, and computes in this process, with one thread.

    Args:
        optimize_mode: Whether more or less of the metric ``default`` is better, unless `aim` says what is searched for.
        n_startup: How many results of random samples come first.
        dedup: Whether no network is proposed twice.
        model_filter: Samples for which it returns False are never proposed.
        seed: See `Strategy`.

    Raises:
        ConfigError: Optuna or SciPy is not installed, the mode is unknown, or ``n_startup`` is below 1.
    """

    fills = True
    requires = ("optuna", "scipy", "torch")

    def __init__(
        self,
        optimize_mode: Literal["maximize", "minimize"] = "maximize",
        n_startup: int = 5,
        dedup: bool = True,
        model_filter: ModelFilter | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(optimize_mode, 1, dedup, model_filter, seed)
        check_least("n_startup", n_startup, 1)
        self._n_startup = n_startup

    @property
    def startup(self) -> int:
        return self._n_startup

    def suggest(self, space: SearchSpace) -> Sample | None:
        if len(self.objectives) == 1:
            for number, cost in foresee(self._records).items():
                self._book.replace(number, replace(self._records[number], stage="complete", costs=(cost,)))
        with one_thread():
            return super().suggest(space)

    def make_sampler(self, seed: int, attempt: int) -> BaseSampler:
        from optuna.samplers import GPSampler

        return GPSampler(n_startup_trials=1, warn_independent_sampling=False, seed=seed)
