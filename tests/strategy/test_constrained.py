"""Constrained: only models within limits, and an end where there are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from retix.errors import ConfigError, SpaceError
from retix.objective import Limit
from retix.space import DecisionSpace, LimitedSpace, Sample
from retix.strategy import (
    Chain,
    Constrained,
    Dedup,
    GridSearch,
    LocalSearch,
    Random,
    Ranked,
    RegularizedEvolution,
    Strategy,
    WarmStart,
)
from retix.testing import StackSpace, make_flat_space, search

MAKES: dict[str, Callable[[], Strategy]] = {
    "grid": lambda: GridSearch(seed=1),
    "random": lambda: Random(seed=1),
    "evolution": lambda: RegularizedEvolution(population_size=5, sample_size=3, cycles=60, seed=1),
    "local search": lambda: LocalSearch(seed=1),
    "wrapped": lambda: Dedup(Ranked(WarmStart(Random(dedup=False, seed=1), [{"depth": 2}]), "depth", 9, 2)),
}


def rate(sample: Sample) -> float:
    """A metric that pulls towards what is not allowed."""
    return sum(int(choice) for label, choice in sample.items() if label.startswith("channels"))


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_only_models_within_the_limits_are_proposed(make: Callable[[], Strategy]) -> None:
    """Whatever strategy is inside, nothing beyond a limit comes, and the best that is within is found."""
    space = StackSpace()
    strategy = Constrained(make(), Limit("parameters", at_most=6), Limit("depth", at_least=2))
    strategy.start(space)
    proposals = search(strategy, rate, 60, workers=2)
    sizes = [space.measure(proposal.sample, "parameters") for proposal in proposals]
    assert max(sizes) == 6
    assert min(int(proposal.sample["depth"]) for proposal in proposals) == 2


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_a_limit_that_nothing_keeps_ends_at_the_start(make: Callable[[], Strategy]) -> None:
    """Before anything is proposed there is an error that shows the smallest model of the space."""
    strategy = Constrained(make(), Limit("parameters", at_most=0))
    with pytest.raises(SpaceError, match="no model of the space keeps parameters <= 0: the smallest found is 1, of"):
        strategy.start(StackSpace())


@pytest.mark.parametrize("make", [each for name, each in MAKES.items() if name != "wrapped"])
def test_narrow_limits_are_searched(make: Callable[[], Strategy]) -> None:
    """Each strategy finds models where hardly one in ten thousand keeps the limit."""

    class Sums(DecisionSpace):
        def __init__(self) -> None:
            super().__init__(make_flat_space(6, 10).decisions)

        def measure(self, sample: Sample, name: str) -> float:
            return float(sum(map(int, sample.values())))

    space = Sums()
    strategy = Constrained(make(), Limit("sum", at_most=5))
    strategy.start(space)
    proposals = search(strategy, lambda sample: space.measure(sample, "sum"), 15)
    assert len(proposals) == 15
    assert all(space.measure(proposal.sample, "sum") <= 5 for proposal in proposals)


def test_it_starts_once() -> None:
    """The space may be given again, as a resumed search does; it is neither limited nor checked twice."""
    looks: list[str] = []

    class Watched(StackSpace):
        def measure(self, sample: Sample, name: str) -> float:
            looks.append(name)
            return super().measure(sample, name)

    space = Watched()
    inner = Random(seed=1)
    strategy = Constrained(inner, Limit("parameters", at_most=6))
    strategy.start(space)
    number = len(looks)
    assert number > 0
    strategy.start(space)
    assert len(looks) == number
    assert isinstance(inner.space, LimitedSpace)
    assert strategy.space is space


def test_a_stage_of_a_chain_may_have_limits() -> None:
    """Small models first, then all."""
    space = StackSpace()
    chain = Chain(Constrained(Random(seed=1), Limit("parameters", at_most=2)), 3, Random(seed=2))
    chain.start(space)
    sizes = [space.measure(proposal.sample, "parameters") for proposal in search(chain, rate, 20)]
    assert max(sizes[:3]) <= 2
    assert max(sizes[3:]) > 2


def test_wrong_limits_are_refused() -> None:
    """Limits are `Limit`s of measures that the space knows."""
    with pytest.raises(ConfigError, match="limits of Constrained are none"):
        Constrained(Random())
    with pytest.raises(ConfigError, match="limits of Constrained are 'parameters < 3'"):
        Constrained(Random(), "parameters < 3")  # type: ignore[arg-type]  # the mistake that is shown
    with pytest.raises(SpaceError, match="DecisionSpace cannot measure 'parameters'"):
        Constrained(Random(), Limit("parameters", at_most=3)).start(make_flat_space(3))
