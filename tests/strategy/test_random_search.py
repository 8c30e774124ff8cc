"""Random search."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import ConfigError, SpaceError
from retix.space import Decision, DecisionSpace
from retix.strategy import Random
from tests.space.spaces import decision_spaces, list_samples
from tests.strategy.toys import StackSpace, ask_all, make_conditional_space


@settings(deadline=None)  # a busy machine is no failure
@given(decision_spaces(), st.integers(0, 99))
def test_every_sample_comes_once(space: DecisionSpace, seed: int) -> None:
    """Without repetition, random search ends with the whole space."""
    strategy = Random(seed=seed)
    strategy.start(space)
    samples = ask_all(strategy)
    assert len(samples) == len(set(samples))
    assert set(samples) == list_samples(space)
    assert strategy.exhausted


def test_equal_networks_come_once() -> None:
    """Samples that make the same network count as one."""
    strategy = Random(seed=0)
    strategy.start(StackSpace())
    assert len(ask_all(strategy)) == StackSpace.networks
    assert strategy.exhausted


def test_filtered_samples_never_come() -> None:
    """Exactly what the filter accepts is proposed."""
    space = make_conditional_space()
    strategy = Random(model_filter=lambda sample: sample["op"] == "mlp", seed=0)
    strategy.start(space)
    assert set(ask_all(strategy)) == {sample for sample in space.grid() if sample["op"] == "mlp"}


def test_a_filter_that_refuses_everything_is_an_error() -> None:
    """A search that can propose nothing at all says so."""
    strategy = Random(model_filter=lambda sample: False)
    strategy.start(make_conditional_space())
    with pytest.raises(SpaceError, match="model_filter refused every model"):
        strategy.ask()


def test_prior_weights_are_followed() -> None:
    """With repetition, samples come as often as their weights say."""
    strategy = Random(dedup=False, seed=0)
    strategy.start(DecisionSpace([Decision("a", ("rare", "common"), weights=(1.0, 3.0))]))
    counts = Counter(proposal.sample["a"] for _ in range(2000) if (proposal := strategy.ask()))
    assert 2.4 < counts["common"] / counts["rare"] < 3.6


def test_variational_is_refused() -> None:
    """NNI's option has nothing to do here, and the error says to leave it out."""
    with pytest.raises(ConfigError, match="variational=True") as caught:
        Random(variational=True)
    assert caught.value.fix == "leave variational out"
