"""Whatever the converters emit has a text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from retix import converter
from retix.codegen.form import FORMS
from retix.codegen.plan import STATEMENTS
from retix.converter import lower_number
from retix.converter.fx import python

_ROOT = Path(converter.__file__).parent
_PROPERTIES = {"device", "dtype"}

COMPUTED = {
    ("lower_number.py", "calculate"): set(lower_number._PYTHON.values()),
    ("lower_number.py", "_clamp"): {"min", "max"},
    ("lower_number.py", "lower_conversion"): {kind.__name__ for kind in lower_number._CONVERSIONS.values()},
    ("lower_value.py", "lower_property"): _PROPERTIES,
    ("fx/python.py", "lower_attribute"): _PROPERTIES,
    ("fx/python.py", "_combine"): {name.rstrip("_") for name in python._BINARY if name in ("add", "mul", "eq", "ne")},
}
"""The functions that put a name of a Python operator together, and the names that they may come to."""


def find_functions() -> Iterator[tuple[str, ast.FunctionDef | ast.Module]]:
    """Yield the functions of the converters with their files, and the modules for what stands outside of any."""
    for path in sorted(_ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        yield str(path.relative_to(_ROOT)), tree
        yield from (
            (str(path.relative_to(_ROOT)), node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
        )


def find_names() -> set[str]:
    """The names that stand in the converters' source as they are."""
    constants = (
        node.value
        for _, function in find_functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text.removeprefix("python::") for text in constants if text.startswith("python::")} - {""}


def find_computed() -> set[tuple[str, str]]:
    """File and function of each name that is put together."""
    return {
        (file, function.name)
        for file, function in find_functions()
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant)
        if str(node.values[0].value) == "python::"
    }


def test_every_name_is_known() -> None:
    """Each Python operator that a converter may emit is an expression with a form, or a statement."""
    emitted = find_names().union(*COMPUTED.values())
    assert {name for name in emitted if f"python::{name}" not in FORMS and f"python::{name}" not in STATEMENTS} == set()
    assert len(emitted) > 30


def test_every_computed_name_is_declared() -> None:
    """A name that is put together elsewhere would not be looked at by the test above."""
    assert find_computed() == set(COMPUTED)
