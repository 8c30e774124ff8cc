"""The text of a user's definition, and the names that it takes from around it."""

from __future__ import annotations

import ast
import inspect
import linecache
import symtable
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from retix.converter.place import find_definition
from retix.errors import ConversionError

MISSING = object()
"""What `look_up` returns for a name that means nothing."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A class or function as its author wrote it.

    Attributes:
        text: The definition, indented to the left margin, without retix's decorators.
        names: What it reads and does not define itself, in order of appearance.
        attributes: For each name, the attributes that are read of it.
    """

    text: str
    names: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]]


def read_definition(thing: Callable[..., Any], path: str) -> Definition:
    """The definition of a class or function.

    Raises:
        ConversionError: There is no source, or it is no definition by ``class`` or ``def``.
    """
    try:
        lines = textwrap.dedent("".join(_source_lines(thing))).splitlines(keepends=True)
        statement = ast.parse("".join(lines)).body[0]
    except (OSError, TypeError, SyntaxError, IndexError) as error:
        raise ConversionError(
            f"the source of {thing!r} is not to be had: {error}",
            where=path,
            why="it cannot be imported, so it has to be written into the generated module",
            fix="move it to a module of its own",
        ) from error
    if not isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
        raise ConversionError(
            f"{thing!r} has no importable name and is no class or function definition",
            where=find_definition(thing) or path,
            fix="define it with def or class in a module of its own",
        )
    for decorator in reversed(statement.decorator_list):
        if _is_retix(decorator, thing):
            del lines[decorator.lineno - 1 : decorator.end_lineno]
    text = "".join(lines).rstrip() + "\n"
    tree = ast.parse(text)
    return Definition(text, _free_names(text, tree), _attributes(tree))


def _source_lines(thing: Callable[..., Any]) -> list[str]:
    """The lines of a definition; for classes by way of a method, whose code knows its file also in notebooks."""
    if not inspect.isclass(thing):
        return inspect.getsourcelines(thing)[0]
    codes = [getattr(inspect.unwrap(f), "__code__", None) for f in _functions(thing)]
    for code in filter(None, codes):
        lines = _find_class(code.co_filename, thing.__name__, code.co_firstlineno)
        if lines:
            return lines
    module = sys.modules.get(thing.__module__)
    neighbours = [f for item in vars(module).values() for f in _functions(item)] if module is not None else []
    files = {f.__code__.co_filename for f in neighbours if f.__module__ == thing.__module__ and hasattr(f, "__code__")}
    found = next(filter(None, (_find_class(file, thing.__name__, None) for file in sorted(files))), None)
    return found or inspect.getsourcelines(thing)[0]


def _find_class(file: str, name: str, line: int | None) -> list[str]:
    """The lines of a class in a file, the one around ``line`` if there is one given; none if it is not there."""
    lines = linecache.getlines(file)
    for node in ast.walk(ast.parse("".join(lines))):
        if isinstance(node, ast.ClassDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if line is None or first <= line <= (node.end_lineno or node.lineno):
                return lines[first - 1 : node.end_lineno]
    return []


def _functions(thing: Any) -> list[Any]:
    if inspect.isclass(thing):
        return [member for member in vars(thing).values() if inspect.isfunction(member)]
    return [thing] if inspect.isroutine(thing) else []


def _is_retix(decorator: ast.expr, thing: Any) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    attributes = []
    while isinstance(target, ast.Attribute):
        attributes.append(target.attr)
        target = target.value
    found = look_up(thing, target.id) if isinstance(target, ast.Name) else MISSING
    for name in reversed(attributes):
        found = getattr(found, name, MISSING)
    return str(getattr(found, "__module__", "")).split(".")[0] == "retix"


def _free_names(text: str, tree: ast.AST) -> tuple[str, ...]:
    free: set[str] = set()
    pending = [symtable.symtable(text, "<definition>", "exec")]
    top = {symbol.get_name() for symbol in pending[0].get_symbols() if symbol.is_assigned()}
    while pending:
        table = pending.pop()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
                free.add(symbol.get_name())
        pending += table.get_children()
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in free - top]
    read.sort(key=lambda node: (node.lineno, node.col_offset))
    return tuple(dict.fromkeys(node.id for node in read))


def _attributes(tree: ast.AST) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.setdefault(node.value.id, {})[node.attr] = None
    return {name: tuple(attributes) for name, attributes in found.items()}


def look_up(thing: Any, name: str) -> Any:
    """What ``name`` means where ``thing`` was defined: in an enclosing function, in its module, or as its base."""
    for function in _functions(thing):
        original = inspect.unwrap(function)
        code = getattr(original, "__code__", None)
        if code is not None and name in code.co_freevars:
            try:
                return original.__closure__[code.co_freevars.index(name)].cell_contents
            except ValueError:
                return MISSING
        if name in getattr(original, "__globals__", {}):
            return original.__globals__[name]
    module = sys.modules.get(getattr(thing, "__module__", ""))
    if module is not None and name in vars(module):
        return vars(module)[name]
    # a variable of an enclosing function that the class only derives from is held by nothing but the class
    return next((base for base in getattr(thing, "__bases__", ()) if base.__name__ == name), MISSING)


def find_import(thing: Any, name: str) -> str | None:
    """The statement by which the file of ``thing`` imports ``name`` from another module, or None."""
    files = {getattr(getattr(inspect.unwrap(f), "__code__", None), "co_filename", "") for f in _functions(thing)}
    for file in filter(None, files):
        for node in ast.walk(ast.parse("".join(linecache.getlines(file)))):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return f"from {node.module} import {alias.name}" + (f" as {name}" if alias.asname else "")
    return None
