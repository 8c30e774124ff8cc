"""Checks in the user's code: assertions, and conditions that only raise. They compute nothing, and are in no graph."""

from __future__ import annotations

import ast
import linecache
import types
from pathlib import Path

import torch

_TORCH = Path(torch.__file__).parent


class CheckBook:
    """Knows the lines of files that hold nothing but checks."""

    def __init__(self) -> None:
        self._lines: dict[str, frozenset[int]] = {}

    def is_check(self, frame: types.FrameType) -> bool:
        """Whether a frame is at the condition of a check: ``assert``, ``if ...: raise``, or ``torch._check``."""
        file = frame.f_code.co_filename
        if Path(file) == _TORCH / "__init__.py" and frame.f_code.co_name.startswith("_check"):
            return True
        if file not in self._lines:
            self._lines[file] = _find_checks(file)
        return frame.f_lineno in self._lines[file]


def _find_checks(file: str) -> frozenset[int]:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return frozenset()
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) or (isinstance(node, ast.If) and _only_raises(node)):
            found.update(range(node.test.lineno, (node.test.end_lineno or node.test.lineno) + 1))
    return frozenset(found)


def _only_raises(condition: ast.If) -> bool:
    return not condition.orelse and all(isinstance(statement, ast.Raise) for statement in condition.body)
