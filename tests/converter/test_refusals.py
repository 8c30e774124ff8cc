"""The list of what cannot be captured, as the documentation has it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import retix.converter

ROOT = Path(__file__).parents[2]

_REFUSE = ("ConversionError", "refuse", "_refuse")


def find_refusals() -> list[str]:
    """What the errors of the converter say, with … where they name something of the user's; sorted."""
    folder = Path(retix.converter.__file__).parent
    calls = (node for file in folder.rglob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    found = {text for node in calls if isinstance(node, ast.Call) for text in _read_messages(node)}
    return sorted(found, key=lambda text: text.lstrip("… (:)'"))


def _read_messages(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _REFUSE and call.args:
        written = call.args[0]
        for choice in (written.body, written.orelse) if isinstance(written, ast.IfExp) else (written,):
            text = _read_text(choice)
            if any(character.isalpha() for character in text) and "\n" not in text:  # or it joins two others
                yield text


def _read_text(expression: ast.expr) -> str:
    """A text as it is written, with … for what is put in."""
    match expression:
        case ast.Constant(value):
            return str(value)
        case ast.JoinedStr(parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
    return ""


def test_documentation_lists_every_refusal() -> None:
    """docs/frontends.md has every error of the converter, and no other."""
    documented = (ROOT / "docs" / "frontends.md").read_text().partition("## What cannot be captured")[2]
    listed = [
        line.removeprefix("- ``").removesuffix("``") for line in documented.splitlines() if line.startswith("- ``")
    ]
    assert listed == find_refusals()
