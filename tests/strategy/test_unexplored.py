"""Drawing without replacement."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import SpaceError
from retix.space import Choice, Decision, DecisionSpace, Pick, Sample, SearchSpace
from retix.strategy.unexplored import Unexplored
from tests.space.spaces import decision_spaces, list_samples
from tests.strategy.toys import StackSpace, make_flat_space


def draw_all(space: SearchSpace, seed: int) -> list[Sample]:
    """Draw until nothing is left."""
    unexplored, rng = Unexplored(), random.Random(seed)
    return list(iter(lambda: unexplored.draw(space, rng), None))


@settings(deadline=None)  # a busy machine is no failure
@given(decision_spaces(), st.integers(0, 99))
def test_every_sample_comes_once(space: DecisionSpace, seed: int) -> None:
    """Draws list a conditional space exactly, and then there is nothing left."""
    drawn = draw_all(space, seed)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == list_samples(space)


def test_invented_decisions() -> None:
    """A space that makes up its decisions is drawn exactly, too."""
    drawn = draw_all(StackSpace(), 0)
    assert len(drawn) == len(set(drawn)) == StackSpace.samples


def test_empty_after_the_last() -> None:
    """Emptiness shows with the last sample, not one draw later."""
    unexplored, rng = Unexplored(), random.Random(0)
    space = make_flat_space(2, 2)
    emptiness = []
    for _ in range(4):
        unexplored.draw(space, rng)
        emptiness.append(unexplored.empty)
    assert emptiness == [False, False, False, True]


def test_first_draw_follows_the_generator() -> None:
    """The first sample takes one plain draw per decision, so that it is an ordinary random sample."""
    space = make_flat_space(5)
    rng, same = random.Random(3), random.Random(3)
    assert Unexplored().draw(space, rng) == space.walk(lambda d: d.draw(same))
    assert rng.getstate() == same.getstate()


def test_draws_are_spread_from_the_beginning() -> None:
    """Twenty of 4096 samples already show every answer to every decision."""
    unexplored, rng = Unexplored(), random.Random(0)
    space = make_flat_space(6)
    drawn = [unexplored.draw(space, rng) for _ in range(20)]
    assert all({sample[f"d{i}"] for sample in drawn if sample} == {0, 1, 2, 3} for i in range(6))


def test_improbable_answers_come_at_last() -> None:
    """An answer of weight 0 is never drawn by chance, and still belongs to the space."""
    space = DecisionSpace([Decision("a", (1, 2, 3), weights=(1.0, 0.0, 1.0))])
    assert draw_all(space, 0)[-1] == Sample({"a": 2})


def test_a_huge_subset_choice_is_not_listed() -> None:
    """Subsets of a hundred candidates are drawn without listing them."""
    space = DecisionSpace([Decision("inputs", tuple(range(100)), n_chosen=-1)])
    unexplored, rng = Unexplored(), random.Random(0)
    assert len({unexplored.draw(space, rng) for _ in range(50)}) == 50


class FickleSpace(SearchSpace):
    """A space that breaks its promise: its question changes although no answer does."""

    def __init__(self) -> None:
        self.candidates: tuple[Choice, ...] = (1, 2)

    def walk(self, pick: Pick) -> Sample:
        return Sample({"fickle": pick(Decision("fickle", self.candidates))})


def test_fickle_spaces_are_reported() -> None:
    """A space whose questions change for the same answers is named as the cause."""
    unexplored, rng, space = Unexplored(), random.Random(0), FickleSpace()
    sample = unexplored.draw(space, rng)
    assert sample is not None
    space.candidates = (sample["fickle"],)
    with pytest.raises(SpaceError, match="every answer to the choice 'fickle' was tried"):
        unexplored.draw(space, rng)


@settings(deadline=None, max_examples=40)  # a busy machine is no failure
@given(decision_spaces(), st.integers(0, 99))
def test_closed_samples_do_not_come(space: DecisionSpace, seed: int) -> None:
    """Samples that were closed, some twice, are not drawn; all others are, once."""
    unexplored, rng = Unexplored(), random.Random(seed)
    closed = [space.walk(lambda d: d.draw(rng)) for _ in range(3)]
    for sample in [*closed, closed[0]]:
        unexplored.close(space, sample)
    drawn = list(iter(lambda: unexplored.draw(space, rng), None))
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == list_samples(space) - set(closed)


def test_foreign_samples_are_not_closed() -> None:
    """A sample that lacks an answer, or has one that there is not, is refused, and leaves nothing behind."""
    unexplored, space = Unexplored(), make_flat_space(2, 2)
    for sample in (Sample({"d0": 0}), Sample({"d0": 0, "d1": 2})):
        with pytest.raises(SpaceError, match="does not answer the choice 'd1'"):
            unexplored.close(space, sample)
    assert unexplored.state() == Unexplored().state()
