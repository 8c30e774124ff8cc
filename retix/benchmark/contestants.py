"""The strategies that can be compared, with the settings that suit some tens of trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import retix.strategy as strategies  # whose names for torch and Optuna are found when they are first used
from retix.benchmark.direct import DirectOptuna
from retix.stopping import ASHA, EarlyStopping
from retix.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Contestant:
    """A strategy, and how it is run.

    Attributes:
        make: Makes it, given a seed.
        about: Its settings in words.
        stop: Makes the rule of early stopping; None for none.
        repeats: Whether it trains a network again that it proposes twice, as Optuna's users do.
    """

    make: Callable[[int], Strategy]
    about: str
    stop: Callable[[], EarlyStopping] | None = None
    repeats: bool = False


def _evolve(seed: int) -> Strategy:
    return strategies.RegularizedEvolution(
        population_size=20, sample_size=20, initial_size=3, mutation="untried", dedup=True, seed=seed
    )


CONTESTANTS: Mapping[str, Contestant] = {
    "random": Contestant(lambda seed: strategies.Random(seed=seed), "Random()"),
    "grid": Contestant(lambda seed: strategies.GridSearch(seed=seed), "GridSearch()"),
    "evolution": Contestant(
        _evolve,
        "RegularizedEvolution(population_size=20, sample_size=20, initial_size=3, mutation='untried', dedup=True)",
    ),
    "local": Contestant(lambda seed: strategies.LocalSearch(seed=seed), "LocalSearch()"),
    "tpe": Contestant(lambda seed: strategies.TPE(seed=seed), "TPE()"),
    "nsga2": Contestant(lambda seed: strategies.NSGA2(seed=seed), "NSGA2()"),
    "gp": Contestant(lambda seed: strategies.GP(seed=seed), "GP()"),
    "rl": Contestant(
        lambda seed: strategies.PolicyBasedRL(trial_per_collect=5, max_collect=400, seed=seed),
        "PolicyBasedRL(trial_per_collect=5, max_collect=400)",
    ),
    "evolution-asha": Contestant(_evolve, "evolution with ASHA(12, reduction=4)", lambda: ASHA(12, reduction=4)),
    "best": Contestant(
        lambda seed: strategies.Ranked(_evolve(seed), ["synflow", "grad_norm"], candidates=200, keep=10),
        "Ranked(evolution, ['synflow', 'grad_norm'], candidates=200, keep=10) with ASHA(12, reduction=4)",
        lambda: ASHA(12, reduction=4),
    ),
    "optuna-tpe": Contestant(lambda seed: DirectOptuna("TPESampler", seed), "Optuna's own TPESampler", repeats=True),
    "optuna-nsga2": Contestant(
        lambda seed: DirectOptuna("NSGAIISampler", seed), "Optuna's own NSGAIISampler", repeats=True
    ),
}
"""By the names that ``retix benchmark --strategies`` takes."""
