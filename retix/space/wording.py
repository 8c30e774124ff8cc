"""Expressions in the words of a reader: by the labels of the choices in them."""

from __future__ import annotations

from typing import Any

from retix.space.expression import Applied, Called, Chosen
from retix.space.operators import INFIX

_LOOSENESS = {
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge", "contains"), 1),
    **dict.fromkeys(("not", "and"), 2),
    **dict.fromkeys(("or", "condition"), 3),
}
"""How loosely an operator holds its arguments together; 0 for all others that are written between them."""


def describe(value: Any) -> str:
    """An expression, or a plain value, as a reader would write it: ``width * depth <= 48``, ``2 in cell/input_3_0``."""
    if isinstance(value, Chosen):
        return value.decision.label
    if not isinstance(value, Applied):
        return repr(value)
    if isinstance(value, Called):
        return _describe_call(value)
    operator, arguments = value.operator, value.arguments
    if operator in ("and", "or") and len(arguments) == 1:
        return describe(arguments[0])
    shown = [_inside(argument, operator) for argument in arguments]
    match operator:
        case "contains":
            return f"{shown[1]} in {shown[0]}"
        case "not":
            return f"not {shown[0]}"
        case "condition":
            return f"{shown[1]} if {shown[0]} else {shown[2]}"
        case "getitem":
            return f"{shown[0]}[{shown[1]}]"
    if operator in INFIX and len(shown) > 1:
        return f" {INFIX[operator]} ".join(shown)
    return f"{operator}({', '.join(map(describe, arguments))})"


def _describe_call(value: Called) -> str:
    if value.template is not None:
        return value.template.format(*(_inside(argument, "mul") for argument in value.arguments))
    name = getattr(value.function, "__qualname__", repr(value.function))
    return f"{name}({', '.join(map(describe, value.arguments))})"


def _inside(argument: Any, operator: str) -> str:
    """An argument, in parentheses unless the operator around it holds more loosely than its own."""
    text = describe(argument)
    if not isinstance(argument, Applied) or isinstance(argument, Called):
        return text
    inner = argument.operator
    if inner in ("and", "or") and len(argument.arguments) == 1:
        return _inside(argument.arguments[0], operator)
    if inner not in INFIX and inner not in _LOOSENESS:
        return text
    return text if _LOOSENESS.get(inner, 0) < _LOOSENESS.get(operator, 0) else f"({text})"
