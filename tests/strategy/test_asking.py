"""What one proposal costs, whatever has happened before: counted in walks through the space, not in time."""

from __future__ import annotations

import pytest

from retix.space import DecisionSpace, Pick, Sample
from retix.strategy import GridSearch, LocalSearch, Random, RegularizedEvolution, Strategy
from tests.strategy.toys import make_flat_space, search


class Counted(DecisionSpace):
    """A space that counts how often it is walked, and networks looked at."""

    walks = 0
    fingerprints = 0

    def walk(self, pick: Pick) -> Sample:
        self.walks += 1
        return super().walk(pick)

    def fingerprint(self, sample: Sample) -> str:
        self.fingerprints += 1
        return super().fingerprint(sample)


@pytest.mark.parametrize(
    ("strategy", "walks"),
    [
        (GridSearch(seed=0), 1),
        (GridSearch(shuffle=False, seed=0), 1),
        (Random(seed=0), 1),
        (Random(dedup=False, seed=0), 1),
        (RegularizedEvolution(mutation_prob=0.0, seed=0), 2),
        (RegularizedEvolution(crossover_prob=1.0, dedup=True, seed=0), 5),
        (RegularizedEvolution(mutation="untried", dedup=True, seed=0), 12),
        (LocalSearch(seed=0), 12),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Strategy) else "",
)
def test_a_proposal_costs_a_few_walks(strategy: Strategy, walks: int) -> None:
    """After 800 proposals, another 100 need a few walks and networks each: no ask looks through what there was."""
    space = Counted(make_flat_space(12).decisions)
    strategy.start(space)
    search(strategy, lambda s: float(sum(s.values())), 800)
    space.walks = space.fingerprints = 0
    assert len(search(strategy, lambda s: float(sum(s.values())), 100, first=801)) == 100
    assert space.walks <= walks * 100
    assert space.fingerprints <= walks * 100
