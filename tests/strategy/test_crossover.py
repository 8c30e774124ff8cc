"""Mixing two samples."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from retix.space import DecisionSpace, Sample
from retix.strategy.crossover import cross
from tests.space.spaces import decision_spaces
from tests.strategy.toys import StackSpace, make_conditional_space, make_flat_space


@settings(deadline=None, max_examples=40)  # a busy machine is no failure
@given(decision_spaces(), st.integers(0, 99))
def test_children_have_their_parents_answers(space: DecisionSpace, seed: int) -> None:
    """A child is a sample of the space, and each answer is that of a parent where a parent has one."""
    rng = random.Random(seed)
    one, other = (space.walk(lambda d: d.draw(rng)) for _ in range(2))
    child = cross(space, one, other, rng)
    assert space.complete(child) == child
    for label, answer in child.items():
        answers = [parent[label] for parent in (one, other) if label in parent]
        assert not answers or answer in answers


def test_both_parents_count_alike() -> None:
    """Of 400 independent answers, about half come from each parent."""
    space = make_flat_space(400, 2)
    low, high = space.complete({}), space.complete({f"d{i}": 1 for i in range(400)})
    assert 160 < sum(cross(space, low, high, random.Random(0)).values()) < 240


def test_conditions_bring_their_answers() -> None:
    """Answers that only one parent has come with the branch that they belong to."""
    conv, mlp = Sample({"op": "conv", "kernel": 5}), Sample({"op": "mlp", "width": 32, "inputs": (0, 1)})
    rng = random.Random(0)
    assert {cross(make_conditional_space(), conv, mlp, rng) for _ in range(20)} == {conv, mlp}


def test_answers_that_do_not_fit_leave_the_others() -> None:
    """Channels never shrink: where one parent's would, the other's are taken."""
    one = Sample({"depth": 2, "channels0": 3, "channels1": 3, "colour": 0})
    other = Sample({"depth": 2, "channels0": 1, "channels1": 2, "colour": 0})
    rng = random.Random(0)
    children = {cross(StackSpace(), one, other, rng) for _ in range(50)}
    assert {(child["channels0"], child["channels1"]) for child in children} == {(3, 3), (1, 3), (1, 2)}
