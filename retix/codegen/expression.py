"""Python expressions as text that knows its precedence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ATOM = 100
CALL = 90
POWER = 80
UNARY = 70
TERM = 60
SUM = 50
BITAND = 44
BITXOR = 43
BITOR = 42
COMPARISON = 40
NOT = 30
AND = 20
OR = 15

OPERATORS = {
    "add": ("+", SUM),
    "sub": ("-", SUM),
    "mul": ("*", TERM),
    "pow": ("**", POWER),
    "eq": ("==", COMPARISON),
    "ne": ("!=", COMPARISON),
    "lt": ("<", COMPARISON),
    "le": ("<=", COMPARISON),
    "gt": (">", COMPARISON),
    "ge": (">=", COMPARISON),
}
"""The infix operators that torch and Python call by the same name."""

_SIMPLE = re.compile(r"-?(\d[\w.]*|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)")
"""What formatters write ``**`` around without spaces: numbers and dotted names, with or without a minus."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Python source of one expression.

    Attributes:
        text: On one line.
        precedence: How tightly its outermost operator binds; see the constants of this module.
    """

    text: str
    precedence: int = ATOM

    def within(self, precedence: int) -> str:
        """The text for use as an operand that has to bind at least as tightly as ``precedence``."""
        return self.text if self.precedence >= precedence else f"({self.text})"

    def __str__(self) -> str:
        return self.text


def infix(left: Expression, operator: str, right: Expression, precedence: int) -> Expression:
    """A binary operation that groups from the left; ``**`` groups from the right, and hugs names and numbers."""
    if operator == "**":
        base, exponent = left.within(precedence + 1), right.within(UNARY)
        simple = _SIMPLE.fullmatch(base) and _SIMPLE.fullmatch(exponent)
        return Expression(f"{base}**{exponent}" if simple else f"{base} ** {exponent}", precedence)
    if precedence == COMPARISON:  # comparisons chain: each side needs to bind tighter
        return Expression(f"{left.within(precedence + 1)} {operator} {right.within(precedence + 1)}", precedence)
    return Expression(f"{left.within(precedence)} {operator} {right.within(precedence + 1)}", precedence)


def prefix(operator: str, operand: Expression, precedence: int) -> Expression:
    """A unary operation."""
    return Expression(f"{operator}{operand.within(precedence)}", precedence)


def call(
    function: str, args: Iterable[Expression | str] = (), kwargs: Mapping[str, Expression | str] | None = None
) -> Expression:
    """A call."""
    parts = [str(arg) for arg in args] + [f"{name}={value}" for name, value in (kwargs or {}).items()]
    return Expression(f"{function}({', '.join(parts)})", CALL)


def method(
    receiver: Expression, name: str, args: Iterable[Expression] = (), kwargs: Mapping[str, Expression] | None = None
) -> Expression:
    """A call of a method."""
    return call(f"{receiver.within(CALL)}.{name}", args, kwargs)


def quote(text: str) -> str:
    """A string literal as formatters like it: in double quotes unless that needs more escapes."""
    plain = repr(text)
    inner = plain[1:-1].replace("\\'", "'")
    mark = "'" if text.count('"') > text.count("'") else '"'
    return mark + inner.replace(mark, f"\\{mark}") + mark


def number(value: bool | int | float | complex) -> Expression:  # each is written in its own way
    """A number, such that reading it back gives the same number."""
    if isinstance(value, bool):
        return Expression(str(value))
    if isinstance(value, complex):
        return call("complex", [number(value.real), number(value.imag)])
    if isinstance(value, float) and not math.isfinite(value):
        return call("float", [quote(str(float(value)))])
    text = repr(float(value) if isinstance(value, float) else int(value))
    return Expression(text, UNARY if text.startswith("-") else ATOM)
