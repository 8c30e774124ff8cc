"""What Python computes from literals."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from retix.ir.node import Node, Value, find_values
from retix.ir.op import Attribute, Function

OPERATORS: dict[str, Callable[..., Any]] = {
    **{"add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv},
    **{"floordiv": operator.floordiv, "mod": operator.mod, "neg": operator.neg, "abs": abs},
    **{"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt},
    **{"ge": operator.ge, "not": operator.not_, "int": int, "float": float, "bool": bool},
    **{"min": min, "max": max, "round": round, "sqrt": math.sqrt, "ceil": math.ceil, "floor": math.floor},
}
"""Python's operators on numbers, by what follows ``python::``; powers may be too large to write out."""

_NUMBERS = (bool, int, float)
_ATOMS = (*_NUMBERS, str, type(None))
_BOOLEANS = {"eq", "ne", "lt", "le", "gt", "ge", "not", "is", "isnot", "bool", "contains"}


def is_fixed(argument: Any) -> bool:
    """Whether an argument is a literal that can stand anywhere: none that could be changed, and no value."""
    if isinstance(argument, tuple):
        return all(map(is_fixed, argument))
    return isinstance(argument, _ATOMS)


def python_name(node: Node) -> str:
    """What follows ``python::`` in the name of the node's operator; empty for other nodes."""
    kind, _, name = node.op.name.partition("::") if isinstance(node.op, Function) else ("", "", "")
    return name if kind == "python" else ""


def is_boolean(argument: Any) -> bool:
    """Whether an argument is certainly True or False."""
    if not isinstance(argument, Value):
        return isinstance(argument, bool)
    node = argument.producer
    if node is None:
        return False
    name = python_name(node)
    if name in ("and", "or"):
        return all(map(is_boolean, node.args))
    return name in _BOOLEANS or node.op == Attribute("training")


def compute(node: Node) -> tuple[Any, ...] | None:
    """What the outputs of a Python operator are, as far as literals tell; None where they do not.

    An operator that would fail is left to fail where it stands.
    """
    name = python_name(node)
    if not name or node.kwargs:
        return None
    if name in ("and", "or"):
        return _join(name, *node.args) if len(node.args) == 2 else None
    if name in ("is", "isnot") and len(node.args) == 2 and all(isinstance(item, _ATOMS) for item in node.args):
        left, right = node.args  # literals such as None, 1 and True, which are told apart by type
        return ((type(left) is type(right) and left == right) is (name == "is"),)
    plain = _ATOMS if name in ("eq", "ne") else _NUMBERS
    if name in OPERATORS and node.args and all(isinstance(item, plain) for item in node.args):
        return _apply(OPERATORS[name], node.args)
    return _take_apart(name, node)


def _apply(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any] | None:
    try:
        found = function(*args)
    except (ArithmeticError, ValueError, TypeError):
        return None
    return (found,) if isinstance(found, _NUMBERS) else None


def _join(name: str, left: Any, right: Any) -> tuple[Any] | None:
    """``and`` and ``or``; both operands are computed already, so what is left out has no effect."""
    decides = name == "or"  # the truth value that settles it
    if is_fixed(left):
        return (left if bool(left) is decides else right,)
    if isinstance(right, bool) and is_boolean(left):
        return (right if right is decides else left,)
    return None


def _take_apart(name: str, node: Node) -> tuple[Any, ...] | None:
    """Items and lengths of lists, tuples and dicts that are written out, and may hold values."""
    whole: Any = node.args[0] if node.args else None
    if isinstance(whole, Value):
        return None
    if name == "len" and isinstance(whole, (list, tuple, dict)):
        return (len(whole),)
    if name == "unpack" and isinstance(whole, (list, tuple)) and len(whole) == len(node.outputs):
        return tuple(whole) if all(map(_is_single, whole)) else None
    if name == "getitem" and len(node.args) == 2 and not any(True for _ in find_values(node.args[1])):
        try:
            item = whole[node.args[1]]
        except (LookupError, TypeError):
            return None
        return (item,) if _is_single(item) else None
    return None


def _is_single(item: Any) -> bool:
    return isinstance(item, Value) or is_fixed(item)
