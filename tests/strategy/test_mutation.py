"""Changing some answers of a sample."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import SpaceError
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy.mutation import change, mutate
from tests.space.spaces import decision_spaces
from tests.strategy.toys import StackSpace, make_conditional_space, make_flat_space


@settings(deadline=None, max_examples=40)  # a busy machine is no failure
@given(decision_spaces(), st.integers(0, 99), st.sampled_from([0.0, 0.3, 1.0]))
def test_mutants_differ_and_lie_in_the_space(space: DecisionSpace, seed: int, probability: float) -> None:
    """A child is a sample of the space, and another one than its parent if there is another."""
    rng = random.Random(seed)
    parent = space.walk(lambda d: d.draw(rng))
    child = mutate(space, parent, probability, rng)
    assert space.walk(lambda d: child[d.label]) == child
    assert (child != parent) == (space.size > 1)


def test_mutation_without_probability_changes_one_decision() -> None:
    """With probability 0, one answer changes, which may kill or wake others."""
    space, rng = make_conditional_space(), random.Random(0)
    parent = Sample({"op": "mlp", "width": 32, "inputs": (0, 1)})
    for _ in range(50):
        child = mutate(space, parent, 0.0, rng)
        if child["op"] == "mlp":
            assert sum(child[label] != parent[label] for label in parent) == 1
        else:
            assert set(child) == {"op", "kernel"}


def test_mutation_probability_is_per_answer() -> None:
    """An answer among 50 is drawn anew with the given probability, and then changes 3 times out of 4."""
    space, rng = make_flat_space(50), random.Random(0)
    parent = space.complete({})
    changes = [sum(answer != 0 for answer in mutate(space, parent, 0.2, rng).values()) for _ in range(200)]
    assert 6.5 < statistics.mean(changes) < 8.5


def test_mutation_gives_up_answers_that_do_not_fit() -> None:
    """Where an invented decision has other candidates for the child, the parent's answer is drawn anew."""
    space, rng = StackSpace(), random.Random(0)
    parent = Sample({"depth": 2, "channels0": 1, "channels1": 1, "colour": 0})
    children = {mutate(space, parent, 0.0, rng) for _ in range(100)}
    raised = [child for child in children if child["channels0"] == 3]
    assert raised == [Sample({"depth": 2, "channels0": 3, "channels1": 3, "colour": 0})]


def test_mutation_reaches_answers_without_weight() -> None:
    """Where the prior leaves no other answer, a child still differs from its parent."""
    space = DecisionSpace([Decision("a", (1, 2), weights=(1.0, 0.0))])
    assert mutate(space, Sample({"a": 1}), 0.0, random.Random(0)) == Sample({"a": 2})


def test_one_answer_is_changed_to_another() -> None:
    """What still fits is kept, what comes alive is drawn, and an answer that there is not is refused."""
    space, rng = make_conditional_space(), random.Random(0)
    parent = Sample({"op": "mlp", "width": 32, "inputs": (0, 1)})
    assert change(space, parent, "width", 64, rng) == Sample({"op": "mlp", "width": 64, "inputs": (0, 1)})
    assert set(change(space, parent, "op", "conv", rng)) == {"op", "kernel"}
    with pytest.raises(SpaceError, match="does not answer the choice 'width'"):
        change(space, parent, "width", 65, rng)
