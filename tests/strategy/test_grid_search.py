"""Grid search."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import ConfigError, SpaceError
from retix.space import Chosen, Decision, DecisionSpace, Sample, constraint
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


RANGES = [
    Decision("wide", tuple(range(10, 111))),
    Decision("rate", (0.001, 0.01, 0.1), when=((("wide", 60),),)),
    Decision("falling", (3, 2, 1)),
    Decision("named", ("a", "b", "c")),
    Decision("flags", (False, True)),
]


@pytest.mark.parametrize("shuffle", [True, False])
def test_ranges_are_thinned(shuffle: bool) -> None:
    """Of numbers in rising order, evenly spaced ones are tried, both ends among them; all else is tried as it is."""
    strategy = GridSearch(shuffle, seed=0, granularity=3)
    strategy.start(DecisionSpace(RANGES))
    samples = ask_all(strategy)
    assert len(samples) == len(set(samples)) == (2 + 3) * 3 * 3 * 2
    assert {s["wide"] for s in samples} == {10, 60, 110}
    assert {s["rate"] for s in samples if "rate" in s} == {0.001, 0.01, 0.1}
    assert strategy.exhausted


@pytest.mark.parametrize(
    ("granularity", "expected"), [(2, [0, 9]), (4, [0, 3, 6, 9]), (5, [0, 2, 5, 7, 9]), (10, [*range(10)])]
)
def test_thinned_answers_are_even(granularity: int, expected: list[int]) -> None:
    """The answers that are tried are spread as evenly as they can be."""
    strategy = GridSearch(shuffle=False, granularity=granularity)
    strategy.start(DecisionSpace([Decision("a", tuple(range(10)))]))
    assert [sample["a"] for sample in ask_all(strategy)] == expected


@given(st.integers(2, 40), st.integers(2, 40))
def test_granularity_is_the_number_of_answers(size: int, granularity: int) -> None:
    """Exactly so many different answers are tried, or all if there are fewer."""
    strategy = GridSearch(shuffle=False, granularity=granularity)
    strategy.start(DecisionSpace([Decision("a", tuple(range(size)))]))
    answers = [sample["a"] for sample in ask_all(strategy)]
    assert answers == sorted(set(answers))
    assert len(answers) == min(size, granularity)
    assert (answers[0], answers[-1]) == (0, size - 1)


def test_ranges_under_constraints_are_thinned() -> None:
    """What constraints leave of a range is thinned out, so that every sample keeps them."""
    low, high = (Chosen(Decision(label, tuple(range(9)))) for label in ("low", "high"))
    space = DecisionSpace([low.decision, high.decision], [constraint(low < high)])
    strategy = GridSearch(shuffle=False, granularity=2)
    strategy.start(space)
    assert [(s["low"], s["high"]) for s in ask_all(strategy)] == [(0, 1), (0, 8), (7, 8)]


@pytest.mark.parametrize("granularity", [None, 2])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_space_that_permits_nothing_is_an_error(shuffle: bool, granularity: int | None) -> None:
    """If every sample was refused, the search does not end as if it had found nothing by chance."""
    strategy = GridSearch(shuffle, seed=0, granularity=granularity)
    strategy.start(Forbidding([Decision("a", (1, 2, 3))]))
    with pytest.raises(SpaceError, match="the constraints of the space refused every model of the"):
        strategy.ask()


class Forbidding(DecisionSpace):
    """A space whose every sample breaks a constraint that shows only in the end."""

    def permits(self, sample: Sample) -> bool:
        return False


def test_one_number_is_no_granularity() -> None:
    """Both ends are always tried, so there are two at least."""
    with pytest.raises(ConfigError, match="granularity is 1"):
        GridSearch(granularity=1)


def test_states_of_another_granularity_are_refused() -> None:
    """A grid goes on as it was begun."""
    with pytest.raises(ConfigError, match="same granularity"):
        GridSearch(granularity=2).load_state(GridSearch().state())
