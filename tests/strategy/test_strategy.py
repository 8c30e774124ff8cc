"""The contract that every strategy keeps."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from retix.errors import ConfigError
from retix.space import Decision, DecisionSpace, Sample, SearchSpace
from retix.strategy import GridSearch, Random, RegularizedEvolution, Strategy
from retix.trial import Proposal, Trial, TrialState
from tests.strategy.toys import StackSpace, make_conditional_space, make_flat_space, make_trial, search

Make = Callable[[int | None], Strategy]

STRATEGIES: dict[str, Make] = {
    "grid": lambda seed: GridSearch(seed=seed),
    "grid, in order": lambda seed: GridSearch(shuffle=False, seed=seed),
    "random": lambda seed: Random(seed=seed),
    "random, repeating": lambda seed: Random(dedup=False, seed=seed),
    "random, filtered": lambda seed: Random(model_filter=has_even_key, seed=seed),
    "evolution": lambda seed: RegularizedEvolution(population_size=6, sample_size=3, cycles=40, seed=seed),
    "evolution, dedup": lambda seed: RegularizedEvolution(
        "minimize", 5, 2, 40, mutation_prob=0.3, dedup=True, dedup_retries=3, on_failure="worst", seed=seed
    ),
    "evolution, inheriting": lambda seed: RegularizedEvolution(
        population_size=5, sample_size=3, cycles=40, seed=seed, inherit_weights=True
    ),
}

SPACES: dict[str, Callable[[], SearchSpace]] = {
    "conditional": make_conditional_space,
    "dynamic": StackSpace,
    "flat": lambda: make_flat_space(6),
    "one sample": lambda: DecisionSpace([Decision("only", (1,))]),
    "no decision": lambda: DecisionSpace([]),
}


def has_even_key(sample: Sample) -> bool:
    """A filter that looks arbitrary, and accepts something of every space here."""
    return len(sample) < 2 or sum(sample.key.encode()) % 2 == 0


def rate(sample: Sample) -> float | None:
    """A metric that looks arbitrary; every fifth kind of sample fails."""
    number = sum(sample.key.encode()) % 97
    return None if number % 5 == 0 else number / 97


@pytest.fixture(params=STRATEGIES)
def make(request: pytest.FixtureRequest) -> Make:
    """Makes one of the strategies, given a seed."""
    return STRATEGIES[request.param]


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> SearchSpace:
    """One of the spaces."""
    return SPACES[request.param]()


def start(make: Make, space: SearchSpace, seed: int | None = 1) -> Strategy:
    """A strategy that is ready to be asked."""
    strategy = make(seed)
    strategy.start(space)
    return strategy


def test_proposals_lie_in_the_space(make: Make, space: SearchSpace) -> None:
    """Every proposal is a sample that its own walk gives back, and parents are trials that were told."""
    proposals = search(start(make, space), rate, 60, workers=3)
    assert proposals
    for index, proposal in enumerate(proposals):
        assert space.complete(proposal.sample) == proposal.sample
        assert proposal.parent is None or 1 <= proposal.parent <= index - 1


def test_parents_of_heirs_were_possible(make: Make, space: SearchSpace) -> None:
    """Weights are only asked for of trials that were named as possible parents before."""
    strategy = start(make, space)
    running: list[int] = []
    number = 0
    while number < 60:
        possible = strategy.possible_parents()
        proposal = strategy.ask()
        if proposal is None:
            break
        number += 1
        assert not proposal.inherit or proposal.parent in possible
        assert strategy.inherits_weights or not (proposal.inherit or possible)
        running.append(number)
        if len(running) == 3:
            strategy.tell(make_trial(running.pop(0), proposal, rate(proposal.sample)))


def test_exhausted_strategies_stay_silent(make: Make, space: SearchSpace) -> None:
    """Once exhausted, a strategy answers None for good."""
    strategy = start(make, space)
    search(strategy, rate, 60)
    if strategy.exhausted:
        strategy.tell(make_trial(99, Proposal(space.walk(Decision.first)), 1.0))
        assert [strategy.ask() for _ in range(3)] == [None] * 3
        assert strategy.exhausted
    else:
        assert strategy.ask() is not None


@pytest.mark.parametrize("workers", [1, 3])
def test_seeds_reproduce(make: Make, space: SearchSpace, workers: int) -> None:
    """The same seed and the same answers give the same proposals, which is also what replay after a crash needs."""
    first = search(start(make, space), rate, 40, workers)
    assert search(start(make, space), rate, 40, workers) == first


def test_seeds_differ() -> None:
    """Another seed gives another search, where there is chance at all."""
    for name, make in STRATEGIES.items():
        one, other = (search(start(make, make_flat_space(6), seed), rate, 20) for seed in (1, 2))
        assert (one == other) == (name == "grid, in order"), name


@pytest.mark.parametrize("early", [True, False], ids=["loaded before start", "loaded after start"])
@pytest.mark.parametrize("asked", [0, 1, 7, 20])
def test_state_continues(make: Make, space: SearchSpace, asked: int, early: bool) -> None:
    """A strategy that loads a state from JSON text, while trials run, goes on as the original does."""
    original = start(make, space)
    running = search(original, rate, asked)
    running += [proposal for _ in range(2) if (proposal := original.ask())]
    text = json.dumps(original.state(), allow_nan=False)
    loaded = make(2)
    if not early:
        loaded.start(space)
    loaded.load_state(json.loads(text))
    loaded.start(space)
    assert json.dumps(loaded.state()) == text
    for strategy in (original, loaded):
        for index, proposal in list(enumerate(running))[asked:]:
            strategy.tell(make_trial(index + 1, proposal, rate(proposal.sample)))
    rest = search(original, rate, 20, first=len(running) + 1)
    assert search(loaded, rate, 20, first=len(running) + 1) == rest
    assert loaded.exhausted == original.exhausted
    assert loaded.seed == original.seed


def test_a_missing_seed_is_drawn_and_kept(make: Make, space: SearchSpace) -> None:
    """Without a seed the search is random, but its seed is known and repeats it."""
    strategy = start(make, space, None)
    assert start(make, space, None).seed != strategy.seed
    again = start(make, space, strategy.state()["seed"])
    assert search(again, rate, 20) == search(strategy, rate, 20)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name.startswith(("grid", "random"))])
@pytest.mark.parametrize("workers", [2, 5])
def test_random_and_grid_ignore_when_trials_end(name: str, workers: int, space: SearchSpace) -> None:
    """What does not learn proposes the same with any number of workers."""
    alone = search(start(STRATEGIES[name], space), rate, 30)
    assert search(start(STRATEGIES[name], space), rate, 30, workers) == alone


def test_ask_before_start_is_refused(make: Make) -> None:
    """Without a space there is nothing to propose."""
    with pytest.raises(ConfigError, match="searches no space yet"):
        make(1).ask()


def test_start_binds_once(make: Make, space: SearchSpace) -> None:
    """The same space may be started again, another one may not."""
    strategy = start(make, space)
    strategy.start(space)
    with pytest.raises(ConfigError, match="already searches another space"):
        strategy.start(make_flat_space(1))


@pytest.mark.parametrize("state", [TrialState.WAITING, TrialState.RUNNING])
def test_open_trials_are_refused(make: Make, space: SearchSpace, state: TrialState) -> None:
    """Only what has ended can be told."""
    with pytest.raises(ConfigError, match=f"trial 7 was told .* while it is {state}"):
        start(make, space).tell(Trial(7, Sample(), state))


def test_foreign_states_are_refused(make: Make) -> None:
    """The state of another kind of strategy is no state."""
    state = {**make(1).state(), "strategy": "Oracle"}
    with pytest.raises(ConfigError, match="a state of Oracle was given to"):
        make(1).load_state(state)
