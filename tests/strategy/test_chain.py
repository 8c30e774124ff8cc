"""Chain: one strategy after the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.space import Decision, DecisionSpace
from retix.strategy import Chain, Dedup, GridSearch, Random, RegularizedEvolution, Strategy
from retix.testing import StackSpace, make_flat_space, make_trial, search
from retix.trial import Proposal, Trial
from tests.strategy.scripted import Scripted

FLAT = make_flat_space(2, 3)


def script(*numbers: int) -> Scripted:
    """A strategy that proposes samples told apart by a number."""
    return Scripted({"d0": number // 3, "d1": number % 3} for number in numbers)


def numbers(proposals: list[Proposal]) -> list[int]:
    """The numbers of such samples."""
    return [3 * int(proposal.sample["d0"]) + int(proposal.sample["d1"]) for proposal in proposals]


def run(strategy: Strategy, trials: int = 20, workers: int = 1) -> list[int]:
    """What a strategy proposes, by numbers."""
    strategy.start(FLAT)
    return numbers(search(strategy, lambda sample: float(int(sample["d0"])), trials, workers))


@pytest.mark.parametrize("workers", [1, 3])
def test_strategies_take_turns(workers: int) -> None:
    """Each strategy has its number of trials; the last one goes on."""
    assert run(Chain([(script(0, 1, 2, 3), 2), (script(4, 5), 1), (script(6, 7, 8), None)]), 20, workers) == [
        *(0, 1, 4, 6, 7, 8)
    ]


def test_a_number_ends_the_last_one_too() -> None:
    """A chain whose last strategy has a number ends after it."""
    chain = Chain([(script(0, 1, 2), 2), (script(3, 4, 5), 2)])
    assert run(chain) == [0, 1, 3, 4]
    assert chain.exhausted


def test_who_is_exhausted_hands_over() -> None:
    """A strategy that has nothing more does not hold the others up."""
    chain = Chain(script(0), 5, script(1, 2))
    assert run(chain) == [0, 1, 2]
    assert chain.exhausted


def test_later_ones_know_what_happened() -> None:
    """Every strategy that may still be asked has been told of every trial, and observed what was paused."""
    first, second = script(0, 1), script(2, 3)
    chain = Chain(first, 1, second)
    chain.start(FLAT)
    one = chain.ask()
    assert one is not None
    chain.observe(Trial(1, one.sample, metrics={"default": 0.1}, steps=1))
    chain.tell(make_trial(1, one, 0.5))
    two = chain.ask()
    assert two is not None
    assert two.parent == 1
    chain.tell(make_trial(2, two, 0.7))
    assert [trial.id for trial in first.told] == [1]
    assert [trial.id for trial in second.told] == [1, 2]
    assert [trial.id for trial in second.observed] == [1]


def test_evolution_breeds_from_what_random_has_found() -> None:
    """The first child after the random ones descends from one of them."""
    chain = Chain(Random(seed=1), 6, RegularizedEvolution(population_size=6, sample_size=6, seed=1))
    chain.start(make_flat_space(6))
    proposals = search(chain, lambda sample: float(sum(map(int, sample.values()))), 12)
    assert [proposal.parent is None for proposal in proposals] == [True] * 6 + [False] * 6


class Waiting(Scripted):
    """Proposes one sample at a time, and nothing while it runs; after the last it waits for ever."""

    @property
    def exhausted(self) -> bool:
        return False

    def __init__(self, samples: list[dict[str, Any]]) -> None:
        super().__init__(samples)
        self.asked = 0

    def ask(self) -> Proposal | None:
        proposal = super().ask() if self.asked == len(self.told) else None
        self.asked += proposal is not None
        return proposal


def test_who_waits_for_a_result_is_waited_for() -> None:
    """Nothing to propose while something runs is no reason to hand over; nothing while nothing runs is."""
    chain = Chain(Waiting([{"d0": 0, "d1": 0}, {"d0": 0, "d1": 1}]), 5, script(7, 8))
    chain.start(FLAT)
    one = chain.ask()
    assert one is not None
    assert chain.ask() is None
    chain.tell(make_trial(1, one, 0.5))
    two = chain.ask()
    assert two is not None
    assert numbers([one, two]) == [0, 1]
    assert chain.ask() is None
    loaded = Chain(Waiting([]), 5, script(7, 8))
    loaded.start(FLAT)
    loaded.load_state(json.loads(json.dumps(chain.state())))
    for each in (chain, loaded):
        each.tell(make_trial(2, two, 0.5))
        three = each.ask()
        assert three is not None
        assert numbers([three]) == [7]


def test_what_it_says_of_itself() -> None:
    """It goes where its strategies go, and is for several objectives if all of them are."""
    chain = Chain(Random(), 3, RegularizedEvolution("minimize"))
    assert chain.optimize_mode == "minimize"
    assert chain.is_multi_objective
    assert chain.inherits_weights is False
    assert Chain(script(1), 3, RegularizedEvolution()).is_multi_objective is False
    assert Chain(Random(), 3, RegularizedEvolution(inherit_weights=True)).inherits_weights


def test_wrong_chains_are_refused() -> None:
    """Chains that make no sense say why."""
    with pytest.raises(ConfigError, match="a Chain of one strategy"):
        Chain(Random(), 20)
    with pytest.raises(ConfigError, match="a Chain of no strategy"):
        Chain([])
    with pytest.raises(ConfigError, match="number of trials of Random in a Chain is None"):
        Chain([(Random(), None), (Random(), 3)])
    with pytest.raises(ConfigError, match="number of trials of Random in a Chain is 0"):
        Chain(Random(), 0, GridSearch())
    with pytest.raises(ConfigError, match="Chain is put around a str"):
        Chain([(Random(), 3), ("evolution", None)])  # type: ignore[list-item]  # the mistake that is shown
    twice = Random()
    with pytest.raises(ConfigError, match="stands in a Chain twice"):
        Chain(twice, 3, twice)
    with pytest.raises(ConfigError, match="one maximizes, one minimizes"):
        Chain(RegularizedEvolution("minimize"), 3, RegularizedEvolution("maximize"))


def test_chains_of_chains() -> None:
    """Wrappers go around and inside; known results of one are none of another's trials."""
    inner = Chain(Dedup(Random(dedup=False, seed=1)), 4, Dedup(RegularizedEvolution(population_size=4, seed=1)))
    chain = Dedup(Chain(inner, 12, Random(seed=2)))
    chain.start(StackSpace())
    proposals = search(chain, lambda sample: 1.0, 50, workers=2)
    assert len({chain.space.fingerprint(proposal.sample) for proposal in proposals}) == len(proposals)
    assert len(proposals) == StackSpace.networks


def test_an_empty_space_of_one() -> None:
    """Of a space with one sample each strategy proposes it once, as it may."""
    chain = Chain(GridSearch(), 5, GridSearch())
    chain.start(DecisionSpace([Decision("only", (1,))]))
    assert len(search(chain, lambda _: 1.0, 10)) == 2
