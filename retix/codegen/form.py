"""How operators look when a person writes them: the table, and what its entries have in common.

A torch operator is described by one line of a small language: where it lives (a method, ``F`` or ``torch``), its name
there, and its parameters in the order of the operator's schema. Marks behind a parameter say how it is written::

    dim=         by keyword
    size*        a list that is spread over the call's arguments
    kernel_size# one number where all of the list's numbers are equal
    dim()        a tuple where the operator takes a list
    -            leave it out if it is None

An operator that is not in the table is written as a call of ``torch.ops``, which takes the same arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from retix.codegen.expression import CALL, Expression, call, infix, method
from retix.ir import Value

Arguments: TypeAlias = list[Any]
Keywords: TypeAlias = dict[str, Any]
Render: TypeAlias = Callable[[Any], Expression]
Form: TypeAlias = Callable[[Render, Arguments, Keywords], "Expression | None"]
"""Returns None where the arguments are too unusual for the nice form."""

FORMS: dict[str, Form] = {}

_PARAMETER = re.compile(r"(\w+)([=*#()\-]*)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a described operator.

    Attributes:
        name: Its name where the operator is called.
        marks: How it is written; see this module.
    """

    name: str
    marks: str

    def write(self, value: Any, render: Render) -> list[Expression]:
        """The argument as it stands in the call; several where a list is spread."""
        if isinstance(value, list) and "*" in self.marks and value:
            return [render(item) for item in value]
        if isinstance(value, list) and "#" in self.marks:
            value = collapse(value)
        if isinstance(value, list) and ("(" in self.marks or "#" in self.marks):
            value = value[0] if len(value) == 1 and not self.name.endswith("size") else tuple(value)
        return [render(value)]


def collapse(value: Any) -> Any:
    """``3`` for ``[3, 3]``; anything else as it is."""
    if isinstance(value, (list, tuple)) and value and all(type(item) is int and item == value[0] for item in value):
        return value[0]
    return value


def describe(home: str, line: str, has_input: bool = True) -> None:
    """Register the form of one operator.

    Args:
        home: ``method``, ``F`` or ``torch``.
        line: Its name, optionally ``->`` and its name there, and its parameters.
        has_input: Whether a first parameter, the tensor that it works on, is left out of the line.
    """
    operator, *words = line.split()
    name = operator
    if words[:1] == ["->"]:
        name, words = words[1], words[2:]
    parameters = [Parameter(*_PARAMETER.fullmatch(word).groups()) for word in words]  # type: ignore[union-attr]  # the tables below are ours
    parameters = [Parameter("", "")] * (has_input and home != "method") + parameters

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
        receiver = args[:1] if home == "method" else []
        if home == "method" and not isinstance(receiver[0], Value):
            return None
        written = write_arguments(parameters, args[len(receiver) :], kwargs, render)
        if written is None:
            return None
        if home == "method":
            return method(render(receiver[0]), name, *written)
        return call(f"{home}.{name}", *written)

    FORMS[f"aten::{operator}"] = write


def write_arguments(
    parameters: list[Parameter], args: Arguments, kwargs: Keywords, render: Render
) -> tuple[list[Expression], dict[str, Expression]] | None:
    """Positional and keyword arguments as they are written; what comes behind a keyword is a keyword too.

    Returns None where the name of such an argument is not known.
    """
    plain: list[Expression] = []
    named: dict[str, Expression] = {}
    known = {parameter.name: parameter for parameter in parameters}
    for index, value in enumerate(args):
        parameter = parameters[index] if index < len(parameters) else Parameter("", "")
        if value is None and "-" in parameter.marks:
            continue
        written = parameter.write(value, render)
        if parameter.name and ("=" in parameter.marks or named or "-" in parameter.marks):
            (named[parameter.name],) = written
        elif named:
            return None
        else:
            plain += written
    for name, value in kwargs.items():
        if name == "pin_memory" and value is False:  # tracing writes it into every tensor that forward makes
            continue
        (named[name],) = known[name].write(value, render) if name in known else [render(value)]
    return plain, named


def as_infix(operator: str, precedence: int, fallback: str) -> Form:
    """A binary operator; with further arguments it is written as a call of ``fallback``."""

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
        if kwargs or len(args) != 2:
            return call(fallback, map(render, args), {name: render(value) for name, value in kwargs.items()})
        if not any(isinstance(item, Value) for item in args):
            return None
        return infix(render(args[0]), operator, render(args[1]), precedence)

    return write


def as_attribute(name: str) -> Form:
    """An attribute of the only operand."""

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        return Expression(f"{render(args[0]).within(CALL)}.{name}", CALL)

    return write


def form(name: str) -> Callable[[Form], Form]:
    """Register the form of one operator."""

    def register(function: Form) -> Form:
        FORMS[name] = function
        return function

    return register
