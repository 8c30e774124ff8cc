"""Dedup: a network once, and known results for what the strategy repeats."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from retix.errors import ConfigError
from retix.objective import Limit
from retix.space import Sample
from retix.strategy import Chain, Constrained, Dedup, Random, RegularizedEvolution, Strategy
from retix.testing import PickySpace, StackSpace, make_flat_space, make_trial, search
from retix.trial import Proposal, Trial, TrialState
from tests.strategy.scripted import Scripted

ONE = {"depth": 1, "channels0": 1, "colour": 0}
SAME = {"depth": 1, "channels0": 1, "colour": 1}
OTHER = {"depth": 1, "channels0": 2, "colour": 0}
THIRD = {"depth": 1, "channels0": 3, "colour": 0}


def start(strategy: Strategy) -> Strategy:
    """The strategy, ready to search stacks."""
    strategy.start(StackSpace())
    return strategy


@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    "make",
    [
        lambda seed: Random(dedup=False, seed=seed),
        lambda seed: RegularizedEvolution(population_size=5, sample_size=2, seed=seed),
        lambda seed: Chain(Random(dedup=False, seed=seed), 5, Random(seed=seed)),
    ],
    ids=["random", "evolution", "chain"],
)
@pytest.mark.parametrize("space", [StackSpace(), PickySpace()], ids=["stack", "picky"])
def test_every_network_comes_once(
    make: Callable[[int], Strategy], space: StackSpace, workers: int, explore: bool
) -> None:
    """No network is proposed twice; all of a small space come if it may draw by itself, and then it has ended."""
    strategy = Dedup(make(3), explore=explore)
    strategy.start(space)
    proposals = search(strategy, lambda sample: sum(map(int, sample.values())), 100, workers)
    networks = {space.fingerprint(proposal.sample) for proposal in proposals}
    assert len(networks) == len(proposals)
    if explore:
        assert len(networks) == space.networks
        assert strategy.exhausted
        assert strategy.ask() is None


def test_a_known_result_is_told_at_once() -> None:
    """A repetition of a network that has a result is a duplicate of it; it is no trial, and the search moves on."""
    inner = Scripted([ONE, SAME, OTHER])
    strategy = start(Dedup(inner))
    first = strategy.ask()
    assert first is not None
    strategy.tell(replace(make_trial(1, first, {"default": 0.5, "loss": math.nan}), steps=4))
    assert strategy.ask() == Proposal(Sample(OTHER), parent=1)
    again = inner.told[1]
    assert dict(again.sample) == SAME
    assert (again.state, again.metrics, again.duplicate_of, again.steps) == (
        TrialState.DUPLICATE,
        {"default": 0.5},
        1,
        4,
    )
    assert again.id < 0


def test_a_running_network_is_told_when_it_has_ended() -> None:
    """A repetition of a network that still runs gets its result when there is one, also after a state of JSON."""
    for reloads in (False, True):
        inner = Scripted([ONE, SAME, OTHER])
        strategy = start(Dedup(inner))
        proposals = [strategy.ask(), strategy.ask()]
        if reloads:
            state = json.loads(json.dumps(strategy.state()))
            inner = Scripted([])
            strategy = start(Dedup(inner))
            strategy.load_state(state)
        assert [dict(proposal.sample) for proposal in proposals if proposal] == [ONE, OTHER]
        assert inner.told == []
        strategy.tell(make_trial(7, proposals[0] or Proposal(strategy.space.complete({})), 0.25))
        assert [(dict(trial.sample), trial.metric) for trial in inner.told] == [(ONE, 0.25), (SAME, 0.25)]


def test_failures_are_known_too() -> None:
    """A repetition of what failed is told without a metric."""
    inner = Scripted([ONE, SAME, OTHER])
    strategy = start(Dedup(inner))
    strategy.tell(make_trial(1, strategy.ask() or Proposal(strategy.space.complete({})), None))
    strategy.ask()
    assert [(trial.state, dict(trial.metrics)) for trial in inner.told] == [
        (TrialState.FAILED, {}),
        (TrialState.DUPLICATE, {}),
    ]


def test_children_of_repetitions_have_a_real_parent() -> None:
    """What descends from a repetition descends from the trial itself, whose weights may be gone by then."""
    inner = Scripted([ONE, SAME, OTHER, THIRD], inherits=True)
    strategy = start(Dedup(inner))
    strategy.tell(make_trial(5, strategy.ask() or Proposal(strategy.space.complete({})), 0.5))
    assert strategy.possible_parents() == {5}
    child = strategy.ask()
    assert child == Proposal(strategy.space.complete(OTHER), parent=5)
    assert strategy.possible_parents() == {5}
    assert inner.possible_parents() > {5}


def test_networks_of_others_are_left_out() -> None:
    """A network that somebody else had tried, or tries now, is not proposed again."""
    inner = Scripted([ONE, OTHER, THIRD])
    strategy = start(Dedup(inner))
    strategy.tell(Trial(1, strategy.space.complete(SAME), TrialState.SUCCEEDED, {"default": 1.0}))
    strategy.observe(Trial(2, strategy.space.complete(OTHER), metrics={"default": 0.5}, steps=1))
    assert [trial.id for trial in inner.observed] == [2]
    proposal = strategy.ask()
    assert proposal is not None
    assert dict(proposal.sample) == THIRD


def test_trials_of_other_spaces_are_nothing_to_it() -> None:
    """What does not fit the space is passed on, and remembered by nobody."""
    inner = Scripted([ONE])
    strategy = start(Dedup(inner))
    strategy.tell(Trial(1, make_flat_space(2).complete({}), TrialState.SUCCEEDED, {"default": 1.0}))
    assert len(inner.told) == 1
    assert strategy.ask() is not None


def test_it_asks_a_bounded_number_of_times() -> None:
    """After so many repetitions in a row there comes something else, or nothing until more was told."""
    for explore in (True, False):
        inner = Scripted([ONE] + [SAME] * 100)
        strategy = start(Dedup(inner, retries=7, explore=explore))
        strategy.ask()
        proposal = strategy.ask()
        assert len(inner.left) == 100 - 8
        assert (proposal is not None) == explore
        assert not strategy.exhausted


def test_wrong_settings_are_refused() -> None:
    """Fewer than no retries make no sense; limits go around, not inside."""
    with pytest.raises(ConfigError, match="retries is -1"):
        Dedup(Random(), retries=-1)
    with pytest.raises(ConfigError, match=r"put Constrained around Dedup: Constrained\(Dedup"):
        Dedup(Chain(Constrained(Random(), Limit("parameters", at_most=3)), 5, Random()))
    with pytest.raises(ConfigError, match="Dedup is put around the class Random"):
        Dedup(Random)  # type: ignore[arg-type]  # the mistake that is shown
