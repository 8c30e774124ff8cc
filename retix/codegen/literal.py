"""Literals of the IR as Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from retix.codegen.expression import Expression, call, number, quote
from retix.codegen.imports import Imports
from retix.errors import GenerationError
from retix.ir import Module, Open, Symbol, Value


def write_literal(argument: Any, imports: Imports, value: Callable[[Value], Expression] | None = None) -> Expression:
    """``argument`` as an expression.

    Args:
        argument: A literal, with values in it only if ``value`` is given.
        imports: Collects what the expression needs.
        value: Writes a value.

    Raises:
        GenerationError: The argument is still open.
    """

    def write(item: Any) -> str:
        return write_literal(item, imports, value).text

    match argument:
        case Value() if value is not None:
            return value(argument)
        case None | bool():
            return Expression(repr(argument))
        case str():
            return Expression(quote(str(argument)))
        case int() | float() | complex():
            return number(argument)
        case Symbol(name):
            return Expression(imports.name(name))
        case Module():
            return write_module(argument, imports)
        case Open():
            raise GenerationError(f"an argument is still open: {argument.expression}", fix="make its choice first")
        case list():
            return Expression(f"[{', '.join(map(write, argument))}]")
        case tuple():
            return Expression(f"({', '.join(map(write, argument))}{',' if len(argument) == 1 else ''})")
        case dict():
            return Expression(f"{{{', '.join(f'{write(k)}: {write(v)}' for k, v in argument.items())}}}")
        case slice():
            parts = [argument.start, argument.stop, argument.step]
            return call("slice", map(write, parts))
    if argument is Ellipsis:
        return Expression("...")
    raise GenerationError(f"{argument!r} is no literal")


def write_module(module: Module, imports: Imports) -> Expression:
    """The call that makes an object."""
    args = [write_literal(item, imports).text for item in module.args]
    kwargs = {name: write_literal(item, imports).text for name, item in module.kwargs.items()}
    return call(imports.name(module.type), args, kwargs)
