"""Grid search."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import ConfigError
from retix.space import Decision, DecisionSpace
from retix.strategy import GridSearch
from tests.space.spaces import decision_spaces
from tests.strategy.toys import StackSpace, ask_all, make_flat_space


@settings(deadline=None)  # a busy machine is no failure
@given(decision_spaces(), st.integers(0, 99))
def test_shuffled_grid_is_the_grid(space: DecisionSpace, seed: int) -> None:
    """Every sample of a conditional space comes exactly once."""
    strategy = GridSearch(seed=seed)
    strategy.start(space)
    samples = ask_all(strategy)
    assert len(samples) == space.size
    assert set(samples) == set(space.grid())
    assert strategy.exhausted


@settings(deadline=None)  # a busy machine is no failure
@given(decision_spaces())
def test_ordered_grid_is_the_grid_in_order(space: DecisionSpace) -> None:
    """Without shuffling, the samples come as the space itself lists them."""
    strategy = GridSearch(shuffle=False)
    strategy.start(space)
    assert ask_all(strategy) == list(space.grid())
    assert strategy.exhausted


@pytest.mark.parametrize("shuffle", [True, False])
def test_invented_decisions(shuffle: bool) -> None:
    """A space that makes up its decisions is listed, too, equal networks included."""
    strategy = GridSearch(shuffle, seed=0)
    strategy.start(StackSpace())
    samples = ask_all(strategy)
    assert len(samples) == len(set(samples)) == StackSpace.samples


@pytest.mark.parametrize("shuffle", [True, False])
def test_exhausted_with_the_last_proposal(shuffle: bool) -> None:
    """Nobody has to ask once more to learn that a grid is finished."""
    strategy = GridSearch(shuffle, seed=0)
    strategy.start(make_flat_space(1, 3))
    assert [(strategy.ask() is not None, strategy.exhausted) for _ in range(4)] == [
        (True, False),
        (True, False),
        (True, True),
        (False, True),
    ]


@pytest.mark.parametrize("shuffle", [True, False])
def test_huge_spaces_begin_at_once(shuffle: bool) -> None:
    """A space of 2,000 decisions and a subset of 100 candidates is neither listed nor recursed into."""
    decisions = [Decision(f"d{i}", (0, 1)) for i in range(2000)]
    space = DecisionSpace([*decisions, Decision("inputs", tuple(range(100)), n_chosen=-1)])
    strategy = GridSearch(shuffle, seed=0)
    strategy.start(space)
    assert len({strategy.ask() for _ in range(5)}) == 5


def test_states_of_another_order_are_refused() -> None:
    """A grid that was begun shuffled cannot go on in order."""
    with pytest.raises(ConfigError, match="same value of shuffle"):
        GridSearch(shuffle=False).load_state(GridSearch(shuffle=True).state())
