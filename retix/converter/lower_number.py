"""Lowering of Python numbers.

A trace carries sizes and what is computed from them as 0-dim tensors; here they become plain Python numbers again, and
their arithmetic becomes Python's.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from retix.converter.builder import GraphBuilder
from retix.converter.lowering import GraphLowering, Handler
from retix.ir import Function, Value
from retix.space import Expression, apply

_PYTHON = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "floor_divide": "floordiv",
    "floordiv": "floordiv",
    "div": "truediv",
    "remainder": "mod",
    "pow": "pow",
    "neg": "neg",
    "abs": "abs",
    "eq": "eq",
    "ne": "ne",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "__and__": "and",
    "__or__": "or",
    "__not__": "not",
    "__is__": "is",
    "__isnot__": "isnot",
    "len": "len",
    "sqrt": "sqrt",
    "ceil": "ceil",
    "floor": "floor",
}
"""Torch's operators on numbers, and Python's in their place."""

_FOLD: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "truediv": operator.truediv,
    "mod": operator.mod,
    "neg": operator.neg,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "and": lambda left, right: left and right,
    "or": lambda left, right: left or right,
    "not": operator.not_,
    "is": lambda left, right: left == right,
    "isnot": lambda left, right: left != right,
    "sqrt": math.sqrt,
}
"""What Python's operators give for constants; TorchScript's ``is`` compares literals such as None, 1 and True."""

_ON_CHOICES = {"is": "eq", "isnot": "ne"}
"""What compares literals, on a choice."""

_UNARY = {"neg", "abs", "not", "len", "sqrt", "ceil", "floor"}
_COMPARES_ANYTHING = {"is", "isnot", "eq", "ne"}


def lower_arithmetic(low: GraphLowering, node: Any, name: str, args: list[Any]) -> bool:
    """Lower the torch operator ``name`` on numbers alone to Python's; False if there is a tensor among the operands."""
    found = calculate(low, name, args)
    if found is None:
        return False
    low.bind(node, found)
    return True


def calculate(low: GraphBuilder, name: str, args: list[Any]) -> Any:
    """What the torch operator ``name`` gives for numbers, in Python; None if there is a tensor among the operands."""
    if name in _CLOSED_FORMS and all(item is None or low.is_number(item) for item in args):
        return _CLOSED_FORMS[name](low, *args)
    # a trace changes a size in place; names stand for numbers, which do not change
    python = _PYTHON.get(name.removesuffix("_") if not name.endswith("__") else name)
    if python is None:
        return None
    operands = args[: 1 if python in _UNARY else 2]
    if not _is_plain(low, python, operands):
        return None
    rounding = args[2] if python == "truediv" and len(args) > 2 else None
    python = "floordiv" if rounding == "floor" else python
    if any(isinstance(item, Expression) for item in operands) and not any(isinstance(i, Value) for i in operands):
        found: Any = apply(_ON_CHOICES.get(python, python), *operands)
    elif python in _FOLD and not any(isinstance(item, (Value, list, tuple, dict)) for item in operands):
        found = _FOLD[python](*operands)
    else:
        found = low.call(f"python::{python}", *operands, number=True)
    return low.call("python::int", found, number=True) if rounding == "trunc" else found


def _clamp(low: GraphBuilder, number: Any, least: Any = None, most: Any = None) -> Any:
    for name, bound in (("max", least), ("min", most)):
        if bound is not None:
            number = low.call(f"python::{name}", number, bound, number=True)
    return number


_CLOSED_FORMS: Mapping[str, Callable[..., Any]] = {
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": lambda low, number, most: _clamp(low, number, None, most),
    "reciprocal": lambda low, number: low.call("python::truediv", 1, number, number=True),
    "rsqrt": lambda low, number: low.call("python::pow", number, -0.5, number=True),
    "rsub": lambda low, number, other, alpha=1: low.call("python::sub", other, number, number=True),
}
"""Torch's operators that on numbers are an expression of Python."""


def _is_plain(low: GraphBuilder, python: str, operands: list[Any]) -> bool:
    """Whether Python's operator does for ``operands`` what torch's does."""
    if python == "len" or all(low.is_number(item) for item in operands):
        return True
    if python in ("is", "isnot"):
        return True
    return python in _COMPARES_ANYTHING and not any(isinstance(i, Value) and i not in low.numbers for i in operands)


def lower_conversion(low: GraphLowering, node: Any) -> None:
    """``int(x)``, ``float(x)``, ``bool(x)``, and the conversions that tracing puts between sizes and operators."""
    item = low.get(node.inputsAt(0))
    kind = _CONVERSIONS.get(node.kind())
    if isinstance(item, Expression):
        low.bind(node, _convert(item, kind))
    elif kind is not None and isinstance(item, (bool, int, float)):
        low.bind(node, kind(item))
    elif low.is_number(item) and not _needs_conversion(item, kind):
        low.bind(node, item)
    elif node.kind() == "aten::ScalarImplicit":  # of whatever type the tensor is
        low.bind(node, low.call("aten::item", item, name="number", number=True))
    else:
        name = kind.__name__ if kind is not None else "int"
        low.bind(node, low.call(f"python::{name}", item, number=True))


def _convert(expression: Expression, kind: Any) -> Any:
    """A choice as a number of another type."""
    if kind is None or type(expression.default()) is kind:
        return expression
    return apply("ne", expression, 0) if kind is bool else apply(kind.__name__, expression)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "aten::Int": int,
    "prim::Int": int,
    "aten::Float": float,
    "aten::Bool": bool,
    "aten::IntImplicit": int,
    "aten::FloatImplicit": float,
}


def _needs_conversion(item: Any, kind: Any) -> bool:
    """Whether a number that is computed in the graph may be of another type than ``kind``; sizes are integers."""
    return isinstance(item, Value) and (kind in (float, bool) or (kind is int and not is_integer(item)))


_INTEGERS = {
    "aten::size",
    "aten::dim",
    "aten::numel",
    "python::len",
    "python::int",
    "python::floordiv",
    "python::floor",
}
_CLOSED = {"python::add", "python::sub", "python::mul", "python::mod", "python::neg", "python::unpack"}


def is_integer(item: Any) -> bool:
    """Whether a number is a Python int."""
    if not isinstance(item, Value):
        return isinstance(item, int)
    if item.producer is None:
        return True  # a size that was handed in
    function = item.producer.op.name if isinstance(item.producer.op, Function) else ""
    return function in _INTEGERS or (function in _CLOSED and all(is_integer(arg) for arg in item.producer.args))


def lower_size(low: GraphLowering, node: Any) -> None:
    """``x.size(0)``, or all sizes."""
    low.bind(node, low.emit(Function("aten::size"), low.inputs(node), name="size", number=True))


HANDLERS: Mapping[str, Handler] = {
    "prim::NumToTensor": lower_conversion,
    "aten::ScalarImplicit": lower_conversion,
    **dict.fromkeys(_CONVERSIONS, lower_conversion),
    "aten::size": lower_size,
}
