"""Places in the user's code: which of the frames on the stack is theirs, and what they call a value."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import types
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy
import torch

from retix.ir import Location

_LIBRARIES = tuple(f"{folder}/" for folder in (*torch.__path__, *numpy.__path__, Path(__file__).parent.parent))
STAND_IN = "<stand-in "
"""What the names of files begin with that only the compiler reads."""

# a node of a trace carries its Python stack, one of a script, and an error of the compiler, a piece of source
_COMPILER_ENTRY = re.compile(r'^\s*File "(?P<file>.+)", line (?P<line>\d+)', re.MULTILINE)
_STACK_ENTRY = re.compile(r"^(?P<file>.+)\((?P<line>\d+)\): ", re.MULTILINE)


def _is_users(file: str) -> bool:
    return not file.startswith((*_LIBRARIES, "<frozen", STAND_IN)) and not file.endswith(".pyx")


def find_user_frame(start: types.FrameType | types.TracebackType | None) -> Location | None:
    """The innermost frame outside torch, numpy and retix: of a stack that begins at a frame, or of a traceback."""
    if isinstance(start, types.TracebackType):
        found = None
        while start is not None:
            file = start.tb_frame.f_code.co_filename
            found = Location(file, start.tb_lineno) if _is_users(file) else found
            start = start.tb_next
        return found
    while start is not None:
        if _is_users(start.f_code.co_filename):
            return Location(start.f_code.co_filename, start.f_lineno)
        start = start.f_back
    return None


def read_user_frame(text: str) -> Location | None:
    """The innermost frame outside torch, numpy and retix in a text of TorchScript: with a node, or in an error."""
    for match in chain(_STACK_ENTRY.finditer(text), _COMPILER_ENTRY.finditer(text)):
        if _is_users(match["file"]):
            return Location(match["file"], int(match["line"]))
    return None


def find_definition(function: Callable[..., Any]) -> str | None:
    """Where a Python function or class begins, as ``file:line``, or None for what is not written in Python."""
    members = vars(function).values() if inspect.isclass(function) else [function]
    codes = (getattr(inspect.unwrap(m), "__code__", None) for m in members if callable(m))
    code = next((code for code in codes if code is not None), None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else None


class NameBook:
    """Finds the variable that a line of the user's code assigns to."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def targets(self, location: Location | None) -> tuple[str, ...]:
        """The names that the statement at ``location`` assigns, or none if it assigns anything but plain names."""
        if location is None:
            return ()
        if location.file not in self._files:
            self._files[location.file] = _File(location.file)
        return self._files[location.file].targets.get(location.line, ())

    def reads_shape(self, location: Location) -> bool:
        """Whether the statement at ``location``, whose `targets` were asked for, assigns a whole shape."""
        return location.line in self._files[location.file].shapes


class _File:
    def __init__(self, name: str) -> None:
        self._name = name
        self.shapes: set[int] = set()

    @cached_property
    def targets(self) -> dict[int, tuple[str, ...]]:
        """Line to assigned names; an inner statement's lines count for it rather than for what surrounds it."""
        try:
            tree = ast.parse("".join(linecache.getlines(self._name)))
        except SyntaxError:
            return {}
        found: dict[int, tuple[str, ...]] = {}
        for node in ast.walk(tree):  # breadth first: inner statements overwrite outer ones
            if isinstance(node, ast.stmt) and not hasattr(node, "body"):
                names = _assigned(node)
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                found.update(dict.fromkeys(lines, names))
                if _is_shape(getattr(node, "value", None)):
                    self.shapes.update(lines)
        return found


def _is_shape(value: ast.AST | None) -> bool:
    if isinstance(value, ast.Call) and not value.args and not value.keywords:
        return isinstance(value.func, ast.Attribute) and value.func.attr == "size"
    return isinstance(value, ast.Attribute) and value.attr == "shape"


_DISPLAYS = (ast.Tuple, ast.List, ast.Dict, ast.ListComp, ast.DictComp, ast.GeneratorExp)


def _assigned(statement: ast.stmt) -> tuple[str, ...]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
        target = statement.target
    else:
        return ()
    if isinstance(target, ast.Name) and isinstance(statement.value, _DISPLAYS):
        return ()  # it names the collection, and none of the items
    elements = list(_flatten(target))
    if all(isinstance(element, ast.Name) for element in elements):
        return tuple(element.id for element in elements if isinstance(element, ast.Name))
    return ()


def _flatten(target: ast.expr) -> Iterator[ast.expr]:
    """Yield what a target assigns, in order, also where it is nested as in ``out, (h, c)``."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from _flatten(element)
    else:
        yield target
