"""Statements broken into lines the way the common formatters do it, so that they leave generated code as it is."""

from __future__ import annotations

import re

WIDTH = 88
INDENT = "    "

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_MARK = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|([()\[\]{},])""")
_CLAUSE = " for _ in range("
"""What follows the item of the only comprehensions that are written."""


def break_statement(statement: str, depth: int, trailing: int = 0) -> list[str]:
    """``statement`` on as few lines as fit, each indented ``depth`` levels.

    A line that is too long is split at its last bracket: the content goes on a line of its own if it fits there, and
    otherwise each item does, with a comma behind it.

    Args:
        statement: One line.
        depth: Levels of indentation.
        trailing: How many characters will follow on its last line.
    """
    margin = INDENT * depth
    if len(margin) + len(statement) + trailing <= WIDTH:
        return [(margin + statement).rstrip()]
    span = _last_bracket(statement)
    if span is None:
        return [margin + statement]
    start, end = span
    head, content, tail = statement[: start + 1], statement[start + 1 : end], statement[end:]
    items = _split_items(content)
    inner = margin + INDENT
    if len(inner) + len(content) <= WIDTH:
        return [margin + head, inner + content, margin + tail]
    lines = [margin + head]
    clause = content.rfind(_CLAUSE)
    if len(items) == 1 and clause > 0 and content[:clause].count("(") == content[:clause].count(")"):
        lines += break_statement(content[:clause], depth + 1)  # a comprehension has no commas
        return [*lines, *break_statement(content[clause + 1 :], depth + 1), margin + tail]
    comma = "" if len(items) == 1 and items[0][-1] in ")]}" and not content.endswith(",") else ","
    for item in items:
        lines += break_statement(item, depth + 1, trailing=len(comma))
        lines[-1] += comma
    return [*lines, margin + tail]


def _last_bracket(text: str) -> tuple[int, int] | None:
    """The span of the last outermost bracket that is not empty."""
    best: tuple[int, int] | None = None
    stack: list[int] = []
    for index, char in _code(text):
        if char in _PAIRS:
            stack.append(index)
        elif char in _PAIRS.values() and stack:
            start = stack.pop()
            if not stack and index > start + 1:
                best = (start, index)
    return best


def _split_items(content: str) -> list[str]:
    """The comma-separated items of a bracket's content."""
    items: list[str] = []
    depth = start = 0
    for index, char in _code(content):
        if char in _PAIRS:
            depth += 1
        elif char in _PAIRS.values():
            depth -= 1
        elif char == "," and depth == 0:
            items.append(content[start:index].strip())
            start = index + 1
    last = content[start:].strip()
    return [*items, last] if last else items


def _code(text: str) -> list[tuple[int, str]]:
    """The brackets and commas outside string literals, with their places."""
    return [(match.start(), match[1]) for match in _MARK.finditer(text) if match[1]]
