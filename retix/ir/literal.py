"""Literals, the arguments of nodes and members: how they look, and how they are written as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import EllipsisType, NoneType
from typing import Any

from retix.errors import GraphError
from retix.ir.node import Value
from retix.ir.op import Module, Open, Symbol

_ATOMS = (Value, int, str, NoneType, float, bool, Symbol, Open, complex, EllipsisType)
"""Literals without parts, and values; those that are met most often first."""


def find_illegal(argument: Any) -> str | None:
    """A description of something in ``argument`` that no literal may hold, or None."""
    if isinstance(argument, _ATOMS):
        return None
    if isinstance(argument, (list, tuple)):
        for item in argument:
            illegal = find_illegal(item)
            if illegal:
                return illegal
        return None
    if isinstance(argument, slice):
        return find_illegal((argument.start, argument.stop, argument.step))
    if isinstance(argument, Module):
        return find_illegal((argument.args, dict(argument.kwargs)))
    if isinstance(argument, dict):
        bad_key = next((key for key in argument if not isinstance(key, (str, int, bool))), None)
        return f"the dict key {bad_key!r}" if bad_key is not None else find_illegal(list(argument.values()))
    return f"{argument!r} of type {type(argument).__name__}"


def format_literal(argument: Any) -> str:
    """``argument`` in the printed form of graphs."""
    if isinstance(argument, Value):
        return f"%{argument.name}"
    if isinstance(argument, Symbol):
        return argument.name
    if isinstance(argument, Open):
        return f"{{{format_open(argument.expression)}}}"
    if isinstance(argument, Module):
        frozen = " frozen" if argument.frozen else ""
        return f"{argument.type}({format_arguments(argument.args, argument.kwargs)}){frozen}"
    if isinstance(argument, tuple):
        return f"({', '.join(map(format_literal, argument))}{',' if len(argument) == 1 else ''})"
    if isinstance(argument, list):
        return f"[{', '.join(map(format_literal, argument))}]"
    if isinstance(argument, dict):
        return f"{{{', '.join(f'{k!r}: {format_literal(v)}' for k, v in argument.items())}}}"
    if isinstance(argument, slice):
        parts = [argument.start, argument.stop] + ([argument.step] if argument.step is not None else [])
        return ":".join("" if part is None else format_literal(part) for part in parts)
    return "..." if argument is Ellipsis else repr(argument)


def format_arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Call arguments in the printed form of graphs."""
    parts = [format_literal(a) for a in args] + [f"{k}={format_literal(v)}" for k, v in kwargs.items()]
    return ", ".join(parts)


def format_open(expression: Any) -> str:
    """An open argument's expression, by the labels it depends on."""
    if "choice" in expression:
        return str(expression["choice"]["label"])
    for kind in ("apply", "call"):
        if kind in expression:
            return f"{expression[kind]}({', '.join(format_open(item) for item in expression['to'])})"
    return repr(expression.get("value"))


def literal_to_json(argument: Any) -> Any:
    """``argument`` as JSON values; lists stay lists, everything else that JSON lacks becomes a tagged object."""
    if argument is None or isinstance(argument, (bool, int, str)):
        return argument
    if isinstance(argument, float):
        return argument if math.isfinite(argument) else {"float": repr(argument)}
    if isinstance(argument, list):
        return [literal_to_json(item) for item in argument]
    return _tagged(argument)


def _tagged(argument: Any) -> dict[str, Any]:
    if isinstance(argument, Value):
        return {"value": argument.name}
    if isinstance(argument, Symbol):
        return {"symbol": argument.name}
    if isinstance(argument, Open):
        return {"open": argument.expression}
    if isinstance(argument, Module):
        return {"module": module_to_json(argument)}
    if isinstance(argument, tuple):
        return {"tuple": [literal_to_json(item) for item in argument]}
    if isinstance(argument, dict):
        return {"dict": [[key, literal_to_json(item)] for key, item in argument.items()]}
    if isinstance(argument, slice):
        return {"slice": [literal_to_json(part) for part in (argument.start, argument.stop, argument.step)]}
    if isinstance(argument, complex):
        return {"complex": [literal_to_json(argument.real), literal_to_json(argument.imag)]}
    if argument is Ellipsis:
        return {"ellipsis": True}
    raise GraphError(f"{argument!r} of type {type(argument).__name__} is no literal of the IR")


def literal_from_json(data: Any, value: Callable[[str], Value]) -> Any:
    """The literal that `literal_to_json` wrote; ``value`` finds values by name."""
    if isinstance(data, list):
        return [literal_from_json(item, value) for item in data]
    if not isinstance(data, dict):
        return data
    ((tag, content),) = data.items()
    simple: dict[str, Callable[[Any], Any]] = {
        "float": float,
        "value": value,
        "symbol": Symbol,
        "open": Open,
        "complex": lambda parts: complex(*(literal_from_json(part, value) for part in parts)),
        "ellipsis": lambda _: Ellipsis,
        "module": module_from_json,
        "tuple": lambda items: tuple(literal_from_json(item, value) for item in items),
        "slice": lambda items: slice(*(literal_from_json(item, value) for item in items)),
        "dict": lambda items: {key: literal_from_json(item, value) for key, item in items},
    }
    if tag not in simple:
        raise GraphError(f"{tag!r} is no kind of literal", why="a newer retix may have written it")
    return simple[tag](content)


def module_to_json(module: Module) -> dict[str, Any]:
    """A leaf as JSON values."""
    return {
        "type": module.type,
        "args": [literal_to_json(item) for item in module.args],
        "kwargs": {key: literal_to_json(item) for key, item in module.kwargs.items()},
        "state": list(module.state),
        **({"frozen": True} if module.frozen else {}),
    }


def module_from_json(data: Mapping[str, Any]) -> Module:
    """The leaf that `module_to_json` wrote."""

    def no_value(name: str) -> Value:
        raise GraphError(f"a module's arguments cannot hold the value {name!r}")

    args = tuple(literal_from_json(item, no_value) for item in data["args"])
    kwargs = {key: literal_from_json(item, no_value) for key, item in data["kwargs"].items()}
    return Module(data["type"], args, kwargs, tuple(data["state"]), data.get("frozen", False))
