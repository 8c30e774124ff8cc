"""Expressions in the words of a reader."""

from __future__ import annotations

from typing import Any

import pytest

from retix.space import Chosen, Decision, Expression, all_of, any_of, apply, apply_function, constraint, contains
from retix.space.wording import describe

WIDTH = Chosen(Decision("width", (8, 16)))
DEPTH = Chosen(Decision("depth", (1, 2)))
INPUTS = Chosen(Decision("cell/input", (0, 1, 2), 1))


def double(value: int) -> int:
    """Twice the value."""
    return value * 2


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (WIDTH, "width"),
        (WIDTH * 2 + 1, "(width * 2) + 1"),
        (WIDTH * DEPTH <= 48, "width * depth <= 48"),
        ((WIDTH > 8) == (DEPTH > 1), "(width > 8) == (depth > 1)"),
        (contains(INPUTS, 2), "2 in cell/input"),
        (apply("not", contains(INPUTS, 2)), "not 2 in cell/input"),
        (apply("not", any_of(WIDTH > 8, DEPTH > 1)), "not (width > 8 or depth > 1)"),
        (all_of(any_of(WIDTH > 8, DEPTH > 1), DEPTH < 2), "(width > 8 or depth > 1) and depth < 2"),
        (Expression.condition(WIDTH > 8, DEPTH, 1), "depth if width > 8 else 1"),
        (INPUTS[0], "cell/input[0]"),
        (round(WIDTH / 3), "round(width / 3)"),
        (apply_function(double, WIDTH + 1), "double(width + 1)"),
        (apply_function(double, WIDTH + 1, template="2 x {}"), "2 x (width + 1)"),
        (16, "16"),
    ],
)
def test_describe(expression: Any, text: str) -> None:
    """Choices go by their labels, operators stand where Python has them, with the parentheses that are needed."""
    assert describe(expression) == text


def test_constraint_text() -> None:
    """A rule is shown beside its message, unless it is long."""
    short = constraint(WIDTH * DEPTH <= 16, "it has to fit")
    assert str(short) == "it has to fit (width * depth <= 16)"
    assert str(constraint(WIDTH * DEPTH <= 16)) == "width * depth <= 16"
    long = constraint(all_of(*(WIDTH * DEPTH + extra <= 16 for extra in range(16))), "it has to fit")
    assert str(long) == "it has to fit"
