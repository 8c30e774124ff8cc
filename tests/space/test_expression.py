"""Arithmetic on choices."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import SpaceError
from retix.space import Chosen, Decision, Expression, apply, evaluate, expression_from_json, find_expressions

WIDTH = Chosen(Decision("width", (3, 5, 8)))
RATE = Chosen(Decision("rate", (0.5, 2.25)))
SHAPE = Chosen(Decision("shape", ((1, 2), (3, 4))))

FORMULAS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[int, float], Any]]] = {
    "add": (lambda w, r: 1 + w + r, lambda w, r: 1 + w + r),
    "sub": (lambda w, r: 1 - w - r, lambda w, r: 1 - w - r),
    "mul": (lambda w, r: 2 * w * r, lambda w, r: 2 * w * r),
    "truediv": (lambda w, r: 1 / (w / r), lambda w, r: 1 / (w / r)),
    "floordiv": (lambda w, r: 100 // (w // 2), lambda w, r: 100 // (w // 2)),
    "mod": (lambda w, r: 100 % (w % 4 + 1), lambda w, r: 100 % (w % 4 + 1)),
    "pow": (lambda w, r: 2 ** (w**2), lambda w, r: 2 ** (w**2)),
    "neg, abs": (lambda w, r: abs(-w), lambda w, r: abs(-w)),
    "round": (lambda w, r: round(r) + round(r / 3, 2), lambda w, r: round(r) + round(r / 3, 2)),
    "floor, ceil": (lambda w, r: math.floor(r) + math.ceil(r), lambda w, r: math.floor(r) + math.ceil(r)),
    "lt, ge": (lambda w, r: (w < 5) * 2 + (w >= 5), lambda w, r: (w < 5) * 2 + (w >= 5)),
    "le, gt": (lambda w, r: (w <= 5) * 2 + (w > 5), lambda w, r: (w <= 5) * 2 + (w > 5)),
    "eq, ne": (lambda w, r: (w == 5) * 2 + (r != 0.5), lambda w, r: (w == 5) * 2 + (r != 0.5)),
    "int, float": (lambda w, r: apply("int", r) + apply("float", w), lambda w, r: int(r) + float(w)),
    "min, max": (lambda w, r: apply("min", w, 4) - apply("max", r, 1), lambda w, r: min(w, 4) - max(r, 1)),
    "condition": (lambda w, r: apply("condition", w > 4, w, r), lambda w, r: w if w > 4 else r),
}


@pytest.mark.parametrize("name", FORMULAS)
@settings(deadline=None)  # a busy machine is no failure
@given(width=st.sampled_from((3, 5, 8)), rate=st.sampled_from((0.5, 2.25)))
def test_arithmetic_is_that_of_numbers(name: str, width: int, rate: float) -> None:
    """A formula of choices, also after JSON, has the value that the same formula has of the answers."""
    symbolic, plain = FORMULAS[name]
    expression = symbolic(WIDTH, RATE)
    again = expression_from_json(json.loads(json.dumps(expression.to_json())))
    answers = {"width": width, "rate": rate}
    assert expression.evaluate(answers) == plain(width, rate)
    assert again.evaluate(answers) == plain(width, rate)
    assert repr(again) == repr(expression)


def test_indexing() -> None:
    """An element of a chosen tuple is a value."""
    assert (SHAPE[1] * 10).evaluate({"shape": [3, 4]}) == 40


def test_default_takes_first_answers() -> None:
    """Before anything is chosen, each choice stands for its first candidate."""
    assert (WIDTH * 2 + RATE).default() == 6.5


def test_decisions_are_listed_as_used() -> None:
    """An expression names the decisions it depends on, in the order of use."""
    assert [d.label for d in (WIDTH + RATE * WIDTH).decisions()] == ["width", "rate", "width"]


def test_nested_values_are_found_and_evaluated() -> None:
    """Expressions inside lists, tuples and dicts are found and replaced; the rest stays."""
    value = {"a": [WIDTH, 1], "b": (RATE + 1, "x")}
    assert [repr(e) for e in find_expressions(value)] == [repr(WIDTH), repr(RATE + 1)]
    assert evaluate(value, {"width": 8, "rate": 0.5}) == {"a": [8, 1], "b": (1.5, "x")}


def test_missing_answer_is_named() -> None:
    """Evaluating without an answer names the label."""
    with pytest.raises(SpaceError, match="'rate' has no answer"):
        (WIDTH + RATE).evaluate({"width": 3})


def test_wrong_answer_is_refused() -> None:
    """An answer that is no candidate is refused."""
    with pytest.raises(SpaceError, match="4 does not answer the choice 'width'"):
        WIDTH.evaluate({"width": 4})


def test_failing_arithmetic_is_explained() -> None:
    """Arithmetic that fails for some answers says which formula failed on which values."""
    with pytest.raises(SpaceError, match=r"truediv\(1, .*\) fails on \[1, 0\]: division by zero"):
        (1 / (WIDTH - 3)).evaluate({"width": 3})


@pytest.mark.parametrize("use", [int, float, bool, range, list, math.sqrt, lambda e: 3 in e])
def test_use_as_a_plain_number_is_refused(use: Callable[[Expression], object]) -> None:
    """An open choice is no number yet, and the error says how to keep it open."""
    with pytest.raises(SpaceError, match="used where a plain number is needed") as caught:
        use(WIDTH + 1)
    assert "retix.nn.pytorch" in str(caught.value.fix)


def test_plain_torch_layer_is_refused() -> None:
    """A layer of torch.nn, which records nothing, leads to the same explanation."""
    with pytest.raises(SpaceError, match="used where a plain number is needed"):
        torch.nn.Linear(3, WIDTH)  # type: ignore[arg-type]  # the user's mistake that is tested


def test_plain_tensor_arithmetic_is_refused() -> None:
    """A tensor does not swallow an open choice either."""
    with pytest.raises(SpaceError, match="used where a plain number is needed"):
        torch.ones(2) * WIDTH


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_are_the_same_formula(clone: Callable[[Expression], Expression]) -> None:
    """Copied and pickled expressions keep their formula, which modules that hold them rely on."""
    assert repr(clone(WIDTH * 2 + RATE)) == repr(WIDTH * 2 + RATE)
