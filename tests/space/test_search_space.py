"""Spaces of decisions: walking, counting and listing them."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import SpaceError
from retix.space import Decision, DecisionSpace, Sample
from tests.space.spaces import decision_spaces, list_samples

OP = Decision("op", ("conv", "mlp"))
KERNEL = Decision("kernel", (3, 5, 7), when=((("op", "conv"),),))
WIDTH = Decision("width", (16, 32), when=((("op", "mlp"),),))
SPACE = DecisionSpace([KERNEL, OP, WIDTH])


@settings(deadline=None)  # a busy machine is no failure
@given(decision_spaces())
def test_size_and_grid_agree_with_brute_force(space: DecisionSpace) -> None:
    """The size is exact, and the grid holds every sample once."""
    grid = list(space.grid())
    assert set(grid) == list_samples(space)
    assert space.size == len(grid) == len(set(grid))


@settings(deadline=None)  # a busy machine is no failure
@given(decision_spaces())
def test_json_round_trip(space: DecisionSpace) -> None:
    """JSON text holds the whole space."""
    again = DecisionSpace.from_json(json.loads(json.dumps(space.to_json())))
    assert again.decisions == space.decisions
    assert set(again.grid()) == set(space.grid())


@settings(deadline=None)  # a busy machine is no failure
@given(decision_spaces(), st.randoms(use_true_random=False))
def test_walk_shows_live_decisions_in_order(space: DecisionSpace, rng: random.Random) -> None:
    """A walk asks for exactly the live decisions, and its sample walks back to itself."""
    met: list[str] = []

    def pick(decision: Decision) -> object:
        met.append(decision.label)
        return decision.draw(rng)

    sample = space.walk(pick)
    assert met == list(sample)
    assert sample in list_samples(space)
    assert space.walk(lambda d: sample[d.label]) == sample


def test_conditions_come_first() -> None:
    """What a condition names is asked before what it governs, whatever the order given."""
    assert [d.label for d in SPACE.decisions] == ["op", "kernel", "width"]


def test_size_counts_live_decisions_alone() -> None:
    """Three kernels under one candidate and two widths under the other are five samples."""
    assert SPACE.size == 5


def test_size_of_a_large_space_is_exact() -> None:
    """A hundred layers with conditional kernels are counted without listing them."""
    layers = [
        decision
        for i in range(100)
        for decision in (
            Decision(f"op{i}", ("conv", "pool", "skip")),
            Decision(f"kernel{i}", (3, 5), when=(((f"op{i}", "conv"),),)),
        )
    ]
    assert DecisionSpace(layers).size == 4**100


def test_size_with_none_among_the_answers() -> None:
    """None is an answer like any other to a condition."""
    norm = Decision("norm", (None, "batch", "layer"))
    assert DecisionSpace([norm, Decision("bias", (True, False), when=((("norm", None),),))]).size == 4


def test_size_ignores_answers_that_never_come() -> None:
    """A decision under a condition that cannot hold is dead everywhere."""
    assert DecisionSpace([OP, Decision("never", (1, 2, 3), when=((("op", "lstm"),),))]).size == 2


def test_space_of_nothing() -> None:
    """No decision makes one empty sample."""
    assert DecisionSpace([]).size == 1
    assert list(DecisionSpace([]).grid()) == [Sample()]


def test_walk_refuses_a_wrong_answer() -> None:
    """An answer that is no candidate is refused by its label."""
    with pytest.raises(SpaceError, match="does not answer the choice 'op'"):
        SPACE.walk(lambda d: "lstm")


def test_complete_fills_in_first_answers() -> None:
    """Given answers stay, dead ones are dropped, and the rest takes its first option."""
    assert SPACE.complete({}) == Sample({"op": "conv", "kernel": 3})
    assert SPACE.complete({"op": "mlp", "kernel": 5}) == Sample({"op": "mlp", "width": 16})


def test_equal_labels_are_one_decision() -> None:
    """A label used twice is asked once, and is alive where either use is."""
    space = DecisionSpace([OP, KERNEL, Decision("kernel", (3, 5, 7), when=((("op", "mlp"),),))])
    assert space.size == 6


def test_contradicting_labels_are_refused() -> None:
    """Other candidates under a known label are an error when the space is defined."""
    with pytest.raises(SpaceError, match="'op' stands for two different choices"):
        DecisionSpace([OP, Decision("op", ("conv", "lstm"))])


def test_unknown_condition_is_refused() -> None:
    """A condition must name a decision of the space."""
    with pytest.raises(SpaceError, match="'kernel' depends on 'op', which does not exist"):
        DecisionSpace([KERNEL])


def test_circular_conditions_are_refused() -> None:
    """Two decisions cannot wait for each other."""
    left = Decision("left", (1, 2), when=((("right", 1),),))
    right = Decision("right", (1, 2), when=((("left", 1),),))
    with pytest.raises(SpaceError, match="depends on itself"):
        DecisionSpace([left, right])


def test_fingerprint_tells_samples_apart() -> None:
    """Unless a space knows better, every sample is a network of its own."""
    assert len({SPACE.fingerprint(sample) for sample in SPACE.grid()}) == 5
