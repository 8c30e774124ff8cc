"""Literals: what they may hold, how they look, and their JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retix.errors import GraphError
from retix.ir import Module, Open, Symbol, Value, format_arguments, format_literal
from retix.ir.literal import find_illegal, literal_from_json, literal_to_json
from tests.ir.models import make_open
from tests.ir.random_models import unhurried

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.just(...)
special = st.builds(Symbol, st.text()) | st.builds(
    Module, st.text(), st.tuples(plain), st.dictionaries(st.text(), plain)
)


def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Literals around literals."""
    keys = st.text() | st.integers() | st.booleans()
    return (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.builds(slice, inner, inner, inner)
    )


def no_value(name: str) -> Value:
    """Literals of these tests hold no values."""
    raise AssertionError(name)


@unhurried
@given(st.recursive(plain | special, nest, max_leaves=8))
def test_literals_both_ways(literal: Any) -> None:
    """Every literal survives JSON exactly: type, sign of zero, NaN, nesting of lists and tuples."""
    text = json.dumps(literal_to_json(literal), allow_nan=False)
    assert repr(literal_from_json(json.loads(text), no_value)) == repr(literal)
    assert find_illegal(literal) is None


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ((1,), "(1,)"),
        ([1, (2.5, "a")], "[1, (2.5, 'a')]"),
        ({"a": None, 2: True}, "{'a': None, 2: True}"),
        (slice(1, None), "1:"),
        (slice(None, 3, 2), ":3:2"),
        (..., "..."),
        (Symbol("torch.float32"), "torch.float32"),
        (Module("torch.ones", (3,), {"dtype": Symbol("torch.int8")}), "torch.ones(3, dtype=torch.int8)"),
        (make_open("width", 16, 32), "{width}"),
        (
            Open({"apply": "mul", "to": [{"choice": {"label": "width", "candidates": [1]}}, {"value": 2}]}),
            "{mul(width, 2)}",
        ),
    ],
)
def test_printed_form(literal: Any, text: str) -> None:
    """Literals print like Python where Python has them, and open ones by the labels that they depend on."""
    assert format_literal(literal) == text


def test_printed_arguments() -> None:
    """Positional arguments come first."""
    assert format_arguments((1, "a"), {"dim": [2]}) == "1, 'a', dim=[2]"


@pytest.mark.parametrize(
    ("argument", "described"),
    [
        ([object], "<class 'object'> of type type"),
        ({"a": {1, 2}}, "{1, 2} of type set"),
        ({1.5: 1}, "the dict key 1.5"),
        (Module("A", (), {"b": b"c"}), "b'c' of type bytes"),
        (slice(b"c"), "b'c' of type bytes"),
    ],
)
def test_illegal_literals(argument: Any, described: str) -> None:
    """What no literal may hold is found wherever it is."""
    assert find_illegal(argument) == described


def test_illegal_literal_in_json() -> None:
    """Writing something that is no literal is refused by its type."""
    with pytest.raises(GraphError, match="of type bytes is no literal"):
        literal_to_json([b"a"])
