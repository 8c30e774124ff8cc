"""Gaussian processes."""

from __future__ import annotations

import json

import pytest

from retix.errors import ConfigError
from retix.objective import Limit, Objective, Objectives
from retix.space import Sample
from retix.strategy import GP
from retix.testing import make_conditional_space, make_flat_space, make_trial, search
from retix.trial import Proposal, Trial

BOTH = [
    Objectives([Objective("default", "minimize")]),
    Objectives([Objective(), Objective("size", "minimize")], [Limit("size", at_most=5.0)]),
]


def measure(sample: Sample) -> dict[str, float]:
    """Two metrics of a flat space."""
    return {"default": float((sample["d0"] - 2) ** 2 + (sample["d1"] - 1) ** 2), "size": float(sum(sample.values()))}


def test_it_learns_from_little() -> None:
    """In a smooth space of 256 samples it finds the best with its tenth trial at the latest."""
    strategy = GP(n_startup=4, seed=1)
    strategy.start(make_flat_space(4))
    values = [sum(p.sample.values()) for p in search(strategy, lambda sample: float(sum(sample.values())), 10)]
    assert max(values) == 12


@pytest.mark.parametrize("objectives", BOTH, ids=["one", "two, limited"])
def test_state_continues(objectives: Objectives) -> None:
    """A state that went through JSON goes on as the original, also while trials run."""
    original, loaded = GP(n_startup=3, seed=4), GP(n_startup=3, seed=5)
    for strategy in (original, loaded):
        strategy.aim(objectives)
        strategy.start(make_flat_space(3))
    search(original, measure, 4)
    running = [proposal for _ in range(2) if (proposal := original.ask())]
    loaded.load_state(json.loads(json.dumps(original.state(), allow_nan=False)))
    rests: list[list[Proposal]] = []
    for strategy in (original, loaded):
        for number, proposal in enumerate(running, 5):
            strategy.tell(make_trial(number, proposal, measure(proposal.sample)))
        rests.append(search(strategy, measure, 2, first=7))
    assert rests[0] == rests[1]


def test_paused_trials_are_foreseen() -> None:
    """With one trial in four trained to its end it still finds the best, because it learns from the others too."""
    strategy = GP(n_startup=4, seed=1)
    strategy.start(make_flat_space(4))
    best = 0
    for number in range(14):
        proposal = strategy.ask()
        assert proposal is not None
        value = sum(proposal.sample.values())
        best = max(best, value)
        strategy.observe(Trial(number, proposal.sample, metrics={"default": value - 9.0}, steps=1, waits_for="paused"))
        if number % 4 == 0:
            strategy.tell(make_trial(number, proposal, float(value)))
    assert best == 12


def test_conditional_spaces() -> None:
    """It proposes every network of a space whose decisions depend on each other, each once, and ends."""
    strategy = GP(n_startup=10, seed=0)
    space = make_conditional_space()
    strategy.start(space)
    proposals = search(strategy, lambda sample: float(len(sample)), 20)
    assert len({proposal.sample for proposal in proposals}) == len(proposals) == 12
    assert strategy.exhausted


def test_a_beginning_is_needed() -> None:
    """Without a random sample there is nothing to fit."""
    with pytest.raises(ConfigError, match="n_startup is 0"):
        GP(n_startup=0)
