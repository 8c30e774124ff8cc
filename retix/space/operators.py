"""What an expression can do to values, by the name it has in JSON."""

from __future__ import annotations

import importlib
import math
import operator
from collections.abc import Callable, Container
from typing import Any

from retix.errors import SpaceError


def _invert(value: Any) -> Any:
    """The opposite of a boolean; of a number, its bits turned over."""
    return not value if isinstance(value, bool) else operator.invert(value)


def _contains(container: Container[Any], item: Any) -> bool:
    return item in container


def _import(name: str) -> Any:
    """What ``package.module.Class.Inner`` names."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return found
    raise ValueError(f"there is no {name} to import")


OPERATORS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")},
    **{name: getattr(operator, name) for name in ("neg", "pos", "abs", "eq", "ne", "lt", "le", "gt", "ge")},
    **{name: getattr(operator, name) for name in ("matmul", "lshift", "rshift", "xor", "getitem")},
    "bitand": operator.and_,
    "bitor": operator.or_,
    "invert": _invert,
    "not": operator.not_,
    "contains": _contains,
    "len": len,
    "sum": lambda *values: sum(values),
    "divmod": divmod,
    "powmod": pow,
    "round": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "int": int,
    "float": float,
    "min": min,
    "max": max,
    "tuple": lambda *values: values,
    "import": _import,
}
"""Operators that need the value of every argument."""

LAZY = ("condition", "and", "or")
"""Operators that look at an argument only if those before it leave the value open.

``condition`` takes a predicate, the value where it holds, and the value where it does not; ``and`` and ``or`` take any
number of arguments, from left to right, and return a boolean.
"""

INFIX = {
    **{"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@"},
    **{"lshift": "<<", "rshift": ">>", "bitand": "&", "bitor": "|", "xor": "^"},
    **{"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "and", "or": "or"},
}
"""Operators that are written between their arguments."""


def function_name(function: Callable[..., Any]) -> str | None:
    """``module:qualname`` of a function that can be imported by it, or None."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not module or not name or module == "__main__" or "<" in name:
        return None
    try:
        found = import_function(f"{module}:{name}")
    except SpaceError:
        return None
    return f"{module}:{name}" if found is function else None


def import_function(name: str) -> Callable[..., Any]:
    """The function that ``module:qualname`` names.

    Raises:
        SpaceError: There is none.
    """
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise SpaceError(
            f"there is no function {name} to import: {error}",
            why="an expression calls it",
            fix="check that its module is installed or on PYTHONPATH",
        ) from error
    if not callable(found):
        raise SpaceError(f"{name} is no function", why="an expression calls it")
    function: Callable[..., Any] = found
    return function
