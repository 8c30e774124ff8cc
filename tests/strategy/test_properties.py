"""What holds of every strategy of our own in any space: nothing comes twice, everything comes, and a state goes on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.space import DecisionSpace, Sample
from retix.strategy import GridSearch, LocalSearch, Random, RegularizedEvolution, Strategy
from retix.trial import Proposal
from tests.space.spaces import decision_spaces, list_samples
from tests.strategy.toys import make_trial

STRATEGIES: dict[str, Callable[[int], Strategy]] = {
    "random": lambda seed: Random(seed=seed),
    "grid": lambda seed: GridSearch(seed=seed),
    "evolution": lambda seed: RegularizedEvolution(
        population_size=4, sample_size=2, crossover_prob=0.5, dedup=True, seed=seed
    ),
    "evolution, untried first": lambda seed: RegularizedEvolution(
        population_size=4, sample_size=4, initial_size=2, mutation="untried", dedup=True, seed=seed
    ),
    "local": lambda seed: LocalSearch(seed=seed),
    "local, to the best": lambda seed: LocalSearch("minimize", 2, "best", 3, seed=seed),
}


def rate(sample: Sample) -> float | None:
    """A metric that looks arbitrary; some fail."""
    number = sum(sample.key.encode()) % 23
    return None if number % 7 == 0 else float(number)


@pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES)
@settings(deadline=None, max_examples=20)  # a busy machine is no failure
@given(space=decision_spaces(3), seed=st.integers(0, 99), workers=st.integers(1, 3), change=st.integers(1, 20))
def test_everything_comes_once(
    make: Callable[[int], Strategy], space: DecisionSpace, seed: int, workers: int, change: int
) -> None:
    """Each sample is proposed once, then it ends; handing over to a new strategy on the way changes nothing."""
    strategy, twin = make(seed), make(seed)
    strategy.start(space)
    twin.start(space)
    proposals: list[Proposal] = []
    told = 0
    while (proposal := strategy.ask()) is not None:
        assert twin.ask() == proposal
        proposals.append(proposal)
        if len(proposals) - told == workers:
            oldest = proposals[told]
            told += 1
            for each in (strategy, twin):
                each.tell(make_trial(told, oldest, rate(oldest.sample)))
        if len(proposals) == change:
            strategy = make(seed + 1)
            strategy.load_state(json.loads(json.dumps(twin.state(), allow_nan=False)))
            strategy.start(space)
    found = {proposal.sample for proposal in proposals}
    assert found == list_samples(space)
    assert len(proposals) == len(found)
    assert strategy.exhausted
    assert twin.ask() is None
