"""Python's own operators, which the IR has for numbers and structures."""

from __future__ import annotations

from typing import Any

from retix.codegen.expression import (
    AND,
    CALL,
    COMPARISON,
    NOT,
    OPERATORS,
    OR,
    TERM,
    UNARY,
    Expression,
    call,
    method,
    prefix,
)
from retix.codegen.expression import infix as write_infix
from retix.codegen.form import Arguments, Form, Keywords, Render, as_attribute, form


def _infix(operator: str, precedence: int) -> Form:
    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        return write_infix(render(args[0]), operator, render(args[1]), precedence)

    return write


def _function(name: str) -> Form:
    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        return call(name, map(render, args), {key: render(item) for key, item in kwargs.items()})

    return write


_OPERATORS = {
    **OPERATORS,
    "truediv": ("/", TERM),
    "floordiv": ("//", TERM),
    "mod": ("%", TERM),
    "is": ("is", COMPARISON),
    "isnot": ("is not", COMPARISON),
    "contains": ("in", COMPARISON),
    "and": ("and", AND),
    "or": ("or", OR),
}
for _name, (_operator, _precedence) in _OPERATORS.items():
    form(f"python::{_name}")(_infix(_operator, _precedence))
for _name in ("int", "float", "bool", "len", "list", "abs", "round", "min", "max"):
    form(f"python::{_name}")(_function(_name))
for _name in ("device", "dtype"):
    form(f"python::{_name}")(as_attribute(_name))
form("python::tensor")(_function("torch.tensor"))
for _name in ("sqrt", "ceil", "floor"):
    form(f"python::{_name}")(_function(f"math.{_name}"))


@form("python::neg")
def _neg(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return prefix("-", render(args[0]), UNARY)


@form("python::not")
def _not(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return prefix("not ", render(args[0]), NOT)


@form("python::getitem")
def _getitem(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return Expression(f"{render(args[0]).within(CALL)}[{write_index(args[1], render)}]", CALL)


@form("python::getattr")
def _getattr(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return Expression(f"{render(args[0]).within(CALL)}.{args[1]}", CALL)


@form("python::call")
def _call(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return call(render(args[0]).text, map(render, args[1:]), {name: render(item) for name, item in kwargs.items()})


@form("python::apply")
def _apply(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return method(render(args[0]), "apply", list(map(render, args[1:])))


@form("python::append")
def _append(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return method(render(args[0]), "append", [render(args[1])])


@form("python::unpack")
def _unpack(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return render(args[0])


def write_index(index: Any, render: Render) -> str:
    """What stands between the brackets of an indexing."""
    if isinstance(index, tuple) and index:
        return ", ".join(_write_item(item, render) for item in index) + ("," if len(index) == 1 else "")
    return _write_item(index, render)


def _write_item(item: Any, render: Render) -> str:
    if not isinstance(item, slice):
        return render(item).text
    bounds = ["" if part is None else render(part).text for part in (item.start, item.stop)]
    steps = [] if item.step is None else [render(item.step).text]
    # formatters put spaces around the colon where a bound is more than a name or a number
    spaced = any(
        not part.lstrip("-").replace(".", "").isidentifier() and not _is_number(part) for part in bounds if part
    )
    if not spaced:
        return ":".join([*bounds, *steps])
    text = f"{bounds[0]} :" if bounds[0] else ":"
    text += f" {bounds[1]}" if bounds[1] else ""
    return text + (f" : {steps[0]}" if steps else "")


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "").isdigit()
