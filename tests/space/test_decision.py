"""Decisions: candidates, answers, conditions and JSON."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
from collections import Counter
from typing import Any

import pytest

from retix.errors import SpaceError
from retix.space import Decision, freeze


def test_freeze_turns_lists_into_tuples() -> None:
    """Nested lists come out hashable and otherwise unchanged."""
    assert freeze([1, [2.5, None], "a", (True,)]) == (1, (2.5, None), "a", (True,))


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, {1: "a"}, {"a": object()}, math.nan, math.inf, b"x", [1, object()]]
)
def test_freeze_refuses_what_json_cannot_hold(value: Any) -> None:
    """The error names the value and says what candidates may be."""
    with pytest.raises(SpaceError, match="cannot be written as JSON") as caught:
        freeze(value)
    assert caught.value.fix is not None


def test_freeze_keeps_dicts() -> None:
    """Dicts come out hashable and in one order, refuse to change, and are told apart like other JSON values."""
    frozen = freeze({"b": [1], "a": {"c": 2}})
    assert isinstance(frozen, dict)
    assert json.dumps(frozen) == '{"a": {"c": 2}, "b": [1]}'
    assert hash(frozen) == hash(freeze({"a": {"c": 2}, "b": (1,)}))
    assert frozen == pickle.loads(pickle.dumps(frozen)) == copy.deepcopy(frozen)
    for change in (lambda: frozen.update(a=1), lambda: frozen.pop("a"), lambda: frozen.__setitem__("a", 1)):
        with pytest.raises(SpaceError, match="cannot be changed"):
            change()
    decision = Decision("size", ({"in": 1}, {"in": 2}))
    assert decision.check({"in": 2}) == {"in": 2}
    assert Decision.from_json(json.loads(json.dumps(decision.to_json()))) == decision
    with pytest.raises(SpaceError, match="does not answer"):
        decision.check({"in": 2.0})


def test_allowed_answers_are_all_there_is() -> None:
    """Where constraints left some answers, only those are listed, drawn and accepted."""
    one = Decision("width", (1, 2, 3, 4), weights=(1, 1, 0, 9), allowed=(2, 3))
    rng = random.Random(0)
    assert (one.size, list(one.options()), one.first()) == (2, [2, 3], 2)
    assert {one.draw(rng) for _ in range(50)} == {2}
    with pytest.raises(SpaceError, match="4 does not answer the choice 'width' here") as caught:
        one.check(4)
    assert "constraints" in str(caught.value)
    several = Decision("inputs", ("a", "b", "c"), -1, allowed=((0,), (1, 2)))
    assert {several.draw(rng) for _ in range(50)} == {(0,), (1, 2)}
    assert several.check([1, 2]) == (1, 2)
    assert several == Decision("inputs", ("a", "b", "c"), -1)


def test_candidates_must_be_json() -> None:
    """A decision refuses a candidate without a JSON form when it is defined."""
    with pytest.raises(SpaceError, match="cannot be written as JSON"):
        Decision("layer", (object(),))


def test_candidates_must_exist() -> None:
    """A decision without candidates is refused by its label."""
    with pytest.raises(SpaceError, match="'layer' has no candidates"):
        Decision("layer", ())


def test_candidates_must_differ() -> None:
    """Equal candidates would be one answer counted twice; as JSON, 1 and 1.0 and True differ."""
    with pytest.raises(SpaceError, match="candidate 16 more than once"):
        Decision("width", (16, 32, 16))
    assert Decision("width", (1, 1.0, True)).size == 3
    assert Decision("inputs", ("same", "same"), n_chosen=1).size == 2


@pytest.mark.parametrize("n_chosen", [0, 3, -2])
def test_n_chosen_must_fit(n_chosen: int) -> None:
    """More than there is, or less than one, cannot be picked."""
    with pytest.raises(SpaceError, match=f"'inputs' picks {n_chosen} of 2 candidates"):
        Decision("inputs", ("a", "b"), n_chosen)


@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0), (0.0, 0.0)])
def test_weights_must_fit(weights: tuple[float, ...]) -> None:
    """A prior has a weight per candidate, none negative, not all zero."""
    with pytest.raises(SpaceError, match="the prior of the choice 'a'"):
        Decision("a", (1, 2), weights=weights)


@pytest.mark.parametrize(
    ("n_chosen", "options"),
    [
        (None, ["x", "y", "z"]),
        (1, [(0,), (1,), (2,)]),
        (2, [(0, 1), (0, 2), (1, 2)]),
        (-1, [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]),
    ],
)
def test_options_and_draws_are_the_answers(n_chosen: int | None, options: list[Any]) -> None:
    """Options come in a fixed order, all pass the check, and random draws reach all of them and nothing else."""
    decision = Decision("a", ("x", "y", "z"), n_chosen)
    rng = random.Random(0)
    assert list(decision.options()) == options
    assert decision.size == len(options)
    assert decision.first() == options[0]
    assert {decision.draw(rng) for _ in range(200)} == set(options)
    assert [decision.check(option) for option in options] == options


def test_draw_follows_the_weights() -> None:
    """A candidate of weight 0 never comes, and one of weight 3 about three times as often as one of weight 1."""
    decision = Decision("a", ("never", "some", "often"), weights=(0, 1, 3))
    rng = random.Random(0)
    counts = Counter(decision.draw(rng) for _ in range(4000))
    assert counts["never"] == 0
    assert 2.5 < counts["often"] / counts["some"] < 3.5


@pytest.mark.parametrize(
    ("n_chosen", "choice"),
    [(None, 3), (None, True), (None, 1.0), (2, (0,)), (2, (1, 0)), (2, (0, 0)), (2, (0, 2)), (-1, ()), (2, "01")],
)
def test_check_refuses_other_answers(n_chosen: int | None, choice: Any) -> None:
    """What is no option is refused with the label and with what would be one."""
    with pytest.raises(SpaceError, match="does not answer the choice 'a'") as caught:
        Decision("a", (1, 2), n_chosen).check(choice)
    assert caught.value.fix is not None


def test_check_accepts_lists() -> None:
    """An answer read from JSON comes as lists and is frozen."""
    assert Decision("a", ("x", "y"), 2).check([0, 1]) == (0, 1)
    assert Decision("a", ([1, 2], [3, 4])).check([3, 4]) == (3, 4)


def test_alive_needs_one_whole_condition() -> None:
    """Conditions are alternatives, and each is a conjunction that tells 1 from True."""
    decision = Decision("norm", ("batch", "layer"), when=((("op", "conv"), ("deep", True)), (("op", "mlp"),)))
    assert decision.alive({"op": "mlp"})
    assert decision.alive({"op": "conv", "deep": True})
    assert not decision.alive({"op": "conv", "deep": 1})
    assert not decision.alive({"op": "conv"})
    assert not decision.alive({})
    assert Decision("free", (1,)).alive({})


def test_conditions_may_be_given_as_lists() -> None:
    """A condition on a list holds for the frozen answer."""
    decision = Decision("b", (1, 2), when=((("inputs", [0, 1]),),))
    assert decision.alive({"inputs": (0, 1)})
    assert hash(decision) == hash(Decision("b", (1, 2), when=((("inputs", (0, 1)),),)))


def test_merged_joins_conditions() -> None:
    """One decision used in two places is alive if either is, and always if one use is unconditional."""
    first = Decision("a", (1, 2), when=((("x", 1),),))
    second = Decision("a", (1, 2), when=((("y", 1),), (("x", 1),)))
    assert first.merged(second).when == ((("x", 1),), (("y", 1),))
    assert first.merged(Decision("a", (1, 2))).when == ()


@pytest.mark.parametrize("other", [Decision("a", (1, 3)), Decision("a", (1.0, 2)), Decision("a", (1, 2), 1)])
def test_merged_refuses_a_contradiction(other: Decision) -> None:
    """One label with other candidates, or another number of them, names both and the way out."""
    with pytest.raises(SpaceError, match="'a' stands for two different choices") as caught:
        Decision("a", (1, 2)).merged(other)
    assert "another label" in str(caught.value)


@pytest.mark.parametrize(
    "decision",
    [
        Decision("a", (1, 1.0, True, None, "x", (1, (2,)))),
        Decision("a", ("x", "y", "z"), 2),
        Decision("a", ("x", "y"), -1, when=((("b", (0, 1)), ("c", None)), (("d", False),))),
        Decision("a", (1, 2), weights=(0.25, 0.75)),
    ],
)
def test_json_round_trip(decision: Decision) -> None:
    """JSON text holds the whole decision, its weights included."""
    again = Decision.from_json(json.loads(json.dumps(decision.to_json())))
    assert again == decision
    assert again.weights == decision.weights
    assert [type(c) for c in again.candidates] == [type(c) for c in decision.candidates]
