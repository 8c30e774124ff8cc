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

from retix.errors import SpaceError, ValueTypeError
from retix.space import (
    CALLED,
    Chosen,
    Decision,
    Expression,
    Known,
    all_of,
    any_of,
    apply,
    apply_function,
    contains,
    evaluate,
    expression_from_json,
    find_expressions,
    relabel,
)

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
    "pos, trunc": (lambda w, r: +w + math.trunc(r), lambda w, r: +w + math.trunc(r)),
    "shifts": (lambda w, r: (w << 2) + (w >> 1) + (1 << w), lambda w, r: (w << 2) + (w >> 1) + (1 << w)),
    "bits": (
        lambda w, r: (w & 6) + (w | 8) + (w ^ 5) + ~w,
        lambda w, r: (w & 6) + (w | 8) + (w ^ 5) + ~w,
    ),
    "truth": (lambda w, r: ~(w > 3) & (r > 1) | (w == 8), lambda w, r: (not w > 3) & (r > 1) | (w == 8)),
    "divmod, pow": (lambda w, r: divmod(w, 2)[1] + pow(w, 2, 7), lambda w, r: divmod(w, 2)[1] + pow(w, 2, 7)),
    "helpers": (
        lambda w, r: Expression.to_int(r) + Expression.to_float(w) + Expression.max(w, 4) + Expression.min([r, 1, w]),
        lambda w, r: int(r) + float(w) + max(w, 4) + min([r, 1, w]),
    ),
    "lazy": (
        lambda w, r: Expression.condition(all_of(w > 4, r > 1), 1 / (w - 3), any_of(w == 5, w == 8, r > 1)),
        lambda w, r: 1 / (w - 3) if w > 4 and r > 1 else w == 5 or w == 8 or r > 1,
    ),
    "functions": (
        lambda w, r: apply_function(math.hypot, w, r) + apply("len", apply("tuple", w, r)) + contains((3, 5), w),
        lambda w, r: math.hypot(w, r) + 2 + (w in (3, 5)),
    ),
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
    with pytest.raises(SpaceError, match=r"1 / \(.* - 3\) fails on \[1, 0\]: division by zero"):
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


class Seen(dict[str, Any]):
    """Answers that keep which of them were looked up."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(answers)
        self.seen: list[str] = []

    def __getitem__(self, label: str) -> Any:
        self.seen.append(label)
        return super().__getitem__(label)


def test_only_what_is_needed_is_looked_up() -> None:
    """Conditions, and what stands behind a decisive part of `and` or `or`, ask for no more than matters."""
    value = Expression.condition(WIDTH > 4, RATE, SHAPE[0])
    for answers, seen in (
        (Seen(width=5, rate=0.5), ["width", "rate"]),
        (Seen(width=3, shape=(1, 2)), ["width", "shape"]),
    ):
        value.evaluate(answers)
        assert answers.seen == seen
    for rule, looked in ((all_of(WIDTH > 9, RATE > 1), ["width"]), (any_of(WIDTH > 2, RATE > 1), ["width"])):
        answers = Seen(width=3)
        assert rule.evaluate(answers) is (rule.operator == "or")
        assert answers.seen == looked


def test_whoever_looks_up_may_refuse() -> None:
    """An error of the mapping's own passes through."""

    class UnknownError(KeyError):
        pass

    class Asking(dict[str, Any]):
        def __missing__(self, label: str) -> Any:
            raise UnknownError(label)

    with pytest.raises(UnknownError):
        (WIDTH + RATE).evaluate(Asking(width=3))


def test_values_in_order() -> None:
    """NNI's way: one value for each choice, in the order in which they occur."""
    value = WIDTH + RATE * WIDTH
    assert [choice.candidates for choice in value.inner_choices()] == [[3, 5, 8], [0.5, 2.25], [3, 5, 8]]
    assert value.evaluate([5, 2.25, 5]) == 5 + 2.25 * 5
    with pytest.raises(SpaceError, match="2 values, and has 3 choices"):
        value.evaluate([5, 2.25])


def test_all_options() -> None:
    """There is a value for each combination of answers, in the order of candidates; too many are refused."""
    assert list((WIDTH % 3).all_options()) == [0, 2, 2]
    assert list((WIDTH - WIDTH).all_options()) == [0, 0, 0]
    assert list((WIDTH + 10 * Chosen(Decision("more", (1, 2)))).all_options()) == [13, 23, 15, 25, 18, 28]
    many = sum(Chosen(Decision(str(i), (0, 1))) for i in range(13))
    with pytest.raises(SpaceError, match="more than 4096"):
        list(many.all_options())


def test_types_are_checked_at_once() -> None:
    """Types that do not go together are refused where the expression is written; other failures wait."""
    with pytest.raises(TypeError, match="fails on") as caught:
        SHAPE + 1
    assert isinstance(caught.value, ValueTypeError)
    assert "test_expression.py:" in str(caught.value.where)
    later = 1 / (WIDTH - 3)
    assert later.evaluate({"width": 5}) == 0.5
    with pytest.raises(SpaceError, match="division by zero"):
        later.dry_run()


def test_subsets() -> None:
    """The answer to a choice of several is a tuple of indices."""
    subset = Chosen(Decision("edges", (0, 1, 2), -1))
    assert contains(subset, 2).evaluate({"edges": (0, 2)}) is True
    assert apply("len", subset).evaluate({"edges": [1]}) == 1
    assert contains(subset, 1).evaluate({"edges": 1}) is True
    with pytest.raises(SpaceError, match="does not answer"):
        contains(subset, 1).evaluate({"edges": (2, 1)})


def test_calling_a_choice() -> None:
    """In forward a choice is its default, unless a capture says otherwise."""
    assert (WIDTH * 2)() == 6
    token = CALLED.set(lambda expression: repr(expression))
    try:
        assert (WIDTH * 2)() == f"{WIDTH!r} * 2"
        assert Known(3)() == 3
    finally:
        CALLED.reset(token)


def test_what_is_known_is_computed() -> None:
    """Once its choices are made, a value computes at once, and serves wherever Python or torch needs one."""
    known = Known(3)
    assert type(known * 2 + 1) is Known
    assert known * 2 + 1 == 7
    assert list(range(known)) == [0, 1, 2]
    assert torch.equal(torch.ones(2) * known, torch.full((2,), 3.0))
    assert torch.zeros(2, known).shape == (2, 3)
    assert {3: "x"}[known] == "x"  # type: ignore[index]  # equal and hashed alike
    assert expression_from_json(json.loads(json.dumps(known.to_json()))).evaluate({}) == 3
    assert (known + WIDTH).evaluate({"width": 5}) == 8


def test_own_functions() -> None:
    """A function that can be imported goes to JSON, any other works in memory; NNI's constructor makes the same."""
    local = apply_function(lambda width: width + 1, WIDTH, template="{} plus one")
    assert local.evaluate({"width": 5}) == 6
    assert repr(local) == f"{WIDTH!r} plus one"
    with pytest.raises(SpaceError, match="cannot be imported by its name"):
        local.to_json()
    made = Expression(max, "max({}, {})", [WIDTH, 4])
    assert made.evaluate({"width": 3}) == 4
    assert made.to_json()["call"] == "builtins:max"
    with pytest.raises(SpaceError, match=r"no function retix\.space:nothing"):
        expression_from_json({"call": "retix.space:nothing", "to": []})


def test_relabelling() -> None:
    """Every choice in nested values gets its new label; the rest stays."""
    value = {"a": [WIDTH * 2, RATE], "b": apply_function(math.sqrt, WIDTH)}
    named = relabel(value, lambda label: f"net.{label}" if label == "width" else label)
    assert [d.label for e in find_expressions(named) for d in e.decisions()] == ["net.width", "rate", "net.width"]
    assert named["b"].evaluate({"net.width": 5}) == math.sqrt(5)
