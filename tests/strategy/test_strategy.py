"""Every strategy keeps the contract, by the suite that users run on theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

import pytest

from retix.objective import Limit, Objective
from retix.space import Pick, Sample, SearchSpace
from retix.strategy import (
    NSGA2,
    TPE,
    Chain,
    Constrained,
    Dedup,
    GridSearch,
    LocalSearch,
    PolicyBasedRL,
    Random,
    Ranked,
    RegularizedEvolution,
    Strategy,
    WarmStart,
)
from retix.testing import SPACES, StrategyContract
from retix.trial import Trial, TrialState

Make = Callable[[int | None], Strategy]


def has_even_key(sample: Sample) -> bool:
    """A filter that looks arbitrary, and accepts something of every space here."""
    return len(sample) < 2 or sum(sample.key.encode()) % 2 == 0


def make_evolution(seed: int | None) -> RegularizedEvolution:
    """A small evolution."""
    return RegularizedEvolution(population_size=5, sample_size=3, cycles=60, seed=seed)


def make_heirs(seed: int | None) -> RegularizedEvolution:
    """An evolution whose children inherit weights."""
    return RegularizedEvolution(population_size=4, sample_size=2, cycles=60, seed=seed, inherit_weights=True)


def make_chain(seed: int | None) -> Chain:
    """Random search, then evolution."""
    first = Random(seed=seed)
    return Chain(first, 6, make_evolution(first.seed))


def make_known() -> list[Trial]:
    """Trials of an earlier search: some fit this or that space, some have no result."""
    samples = [{"op": "conv", "kernel": 3}, {"op": "conv", "kernel": 7}, {"depth": 1, "channels0": 2, "colour": 0}]
    known = [Trial(3 + i, Sample(each), TrialState.SUCCEEDED, {"default": 0.5}) for i, each in enumerate(samples)]
    flat = Sample({f"d{i}": 1 for i in range(6)})
    return [*known, Trial(9, flat, TrialState.PRUNED, {"default": 0.4}, parent=3, steps=2), Trial(10, flat)]


# What does not learn.
OBLIVIOUS: dict[str, Make] = {
    "grid": lambda seed: GridSearch(seed=seed),
    "grid, coarse": lambda seed: GridSearch(seed=seed, granularity=3),
    "random": lambda seed: Random(seed=seed),
    "random, repeating": lambda seed: Random(dedup=False, seed=seed),
    "random, filtered": lambda seed: Random(model_filter=has_even_key, seed=seed),
}

# What has no chance in it.
ORDERED: dict[str, Make] = {"grid, in order": lambda seed: GridSearch(shuffle=False, seed=seed)}

# What learns; an ask takes well below a millisecond.
STRATEGIES: dict[str, Make] = {
    "evolution": make_evolution,
    "evolution, dedup": lambda seed: RegularizedEvolution(
        "minimize", 5, 2, 60, mutation_prob=0.3, dedup=True, dedup_retries=3, on_failure="worst", seed=seed
    ),
    "evolution, crossing": lambda seed: RegularizedEvolution(
        population_size=5,
        sample_size=2,
        cycles=60,
        mutation_prob=0.0,
        crossover_prob=0.7,
        dedup=True,
        dedup_retries=5,
        seed=seed,
    ),
    "evolution, untried first": lambda seed: RegularizedEvolution(
        population_size=8, sample_size=8, initial_size=2, mutation="untried", dedup=True, seed=seed
    ),
    "local search": lambda seed: LocalSearch(seed=seed),
    "local search, to the best": lambda seed: LocalSearch("minimize", 3, "best", 4, has_even_key, seed=seed),
    "evolution, inheriting": lambda seed: RegularizedEvolution(
        population_size=5, sample_size=3, cycles=60, seed=seed, inherit_weights=True
    ),
}

# Strategies around strategies.
WRAPPED: dict[str, Make] = {
    "dedup of random": lambda seed: Dedup(Random(dedup=False, seed=seed)),
    "dedup of evolution": lambda seed: Dedup(make_evolution(seed), retries=5),
    "dedup, not exploring": lambda seed: Dedup(make_heirs(seed), retries=3, explore=False),
    "limited": lambda seed: Constrained(make_evolution(seed), Limit("answers", at_most=100)),
    "warm": lambda seed: WarmStart(make_evolution(seed), [{}, *make_known()]),
    "warm twice": lambda seed: WarmStart(Dedup(WarmStart(make_heirs(seed), make_known())), [{}, *make_known()]),
    "chain": lambda seed: make_chain(seed),
    "chain of heirs": lambda seed: Dedup(Chain([(heirs := make_heirs(seed), 5), (make_heirs(heirs.seed), None)])),
    "ranked": lambda seed: Ranked(make_evolution(seed), "answers", candidates=20, keep=4),
    "ranked and screened": lambda seed: Ranked(
        make_heirs(seed), ["answers", Objective("letters", "minimize")], candidates=30, keep=3, screen=0.5
    ),
    "all": lambda seed: Constrained(
        Dedup(Ranked(WarmStart(make_chain(seed), make_known()), "letters", 10, 2)), Limit("answers", at_most=100)
    ),
}

# What learns and thinks for longer: it makes few proposals, in few spaces.
SLOW: dict[str, Make] = {
    "tpe": lambda seed: TPE(n_startup=3, seed=seed),
    "nsga2": lambda seed: NSGA2(population_size=4, seed=seed),
    "rl": lambda seed: PolicyBasedRL(trial_per_collect=3, epochs=1, seed=seed),
}


class MeasuredSpace(SearchSpace):
    """Another space, whose samples can be measured: how many ``answers`` they have, and how many ``letters``."""

    def __init__(self, make: Callable[[], SearchSpace]) -> None:
        self._space = make()

    def walk(self, pick: Pick) -> Sample:
        return self._space.walk(pick)

    def fingerprint(self, sample: Sample) -> str:
        return self._space.fingerprint(sample)

    def permits(self, sample: Sample) -> bool:
        return self._space.permits(sample)

    def measure(self, sample: Sample, name: str) -> float:
        return len(sample) if name == "answers" else len(sample.key)


def choose(*names: str) -> dict[str, Callable[[], SearchSpace]]:
    """Some of the spaces; ``picky`` is ``dynamic``, too."""
    return {name: SPACES[name] for name in names}


class _Registry(StrategyContract):
    """The contract for each strategy of a dict."""

    makes: ClassVar[Mapping[str, Make]] = {}
    trials = 16

    @pytest.fixture(autouse=True)
    def _choose(self, request: pytest.FixtureRequest) -> None:
        self._make = self.makes[request.param]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test with every strategy."""
        super().pytest_generate_tests(metafunc)
        if metafunc.cls is not None:
            metafunc.parametrize("_choose", list(metafunc.cls.makes), indirect=True)

    def make(self, seed: int | None) -> Strategy:
        return self._make(seed)


class TestOblivious(_Registry):
    """Strategies that do not learn."""

    makes = OBLIVIOUS
    spaces: ClassVar = choose("conditional", "picky", "one sample")
    ignores_results = True


class TestOrdered(_Registry):
    """Strategies without chance."""

    makes = ORDERED
    spaces: ClassVar = choose("conditional", "picky", "no decision")
    ignores_results = True
    is_random = False


class TestLearning(_Registry):
    """Strategies that learn."""

    makes = STRATEGIES
    spaces: ClassVar = choose("conditional", "picky", "flat", "no decision")


class TestWrapped(_Registry):
    """Strategies around strategies."""

    makes = WRAPPED
    trials = 16
    spaces: ClassVar = {
        name: partial(MeasuredSpace, make) for name, make in choose("picky", "flat", "one sample").items()
    }


class TestSlow(_Registry):
    """Strategies that think for longer."""

    makes = SLOW
    trials = 8
    spaces: ClassVar = choose("picky", "no decision")
