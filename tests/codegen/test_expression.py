"""Expressions and their precedence."""

from __future__ import annotations

import math

import pytest

from retix.codegen.expression import CALL, POWER, SUM, TERM, UNARY, Expression, infix, method, number, prefix, quote

A, B = Expression("a"), Expression("b")


def test_operands_get_parentheses_where_they_need_them() -> None:
    """A looser operand is put into parentheses; a tighter one is not, and grouping is from the left."""
    total = infix(A, "+", B, SUM)
    assert infix(total, "*", B, TERM).text == "(a + b) * b"
    assert infix(infix(A, "*", B, TERM), "+", B, SUM).text == "a * b + b"
    assert infix(A, "-", total, SUM).text == "a - (a + b)"
    assert method(total, "abs").text == "(a + b).abs()"
    assert prefix("-", total, UNARY).text == "-(a + b)"


def test_power_hugs_simple_operands() -> None:
    """Formatters write ``a**2``, and spaces around anything longer."""
    assert infix(A, "**", number(2), POWER).text == "a**2"
    assert infix(Expression("self.a", CALL), "**", number(-0.5), POWER).text == "self.a**-0.5"
    assert infix(Expression("f(a)", CALL), "**", number(2), POWER).text == "f(a) ** 2"
    assert infix(number(-2), "**", A, POWER).text == "(-2) ** a"


@pytest.mark.parametrize("value", [True, 0, -3, 1e-6, 2.5, -1e300, math.inf, -math.inf, 1 + 2j, 2**70])
def test_numbers_read_back(value: complex) -> None:
    """A written number is the number again, of the same type."""
    again = eval(number(value).text)
    assert again == value
    assert type(again) is type(value)


def test_not_a_number_reads_back() -> None:
    """NaN is written as a call that makes it."""
    assert math.isnan(eval(number(math.nan).text))


@pytest.mark.parametrize("text", ["", "plain", 'with "quotes"', "it's", "line\nbreak", "\\", "é", "'\"", "tab\t"])
def test_strings_read_back(text: str) -> None:
    """A quoted string is the string again."""
    assert eval(quote(text)) == text
