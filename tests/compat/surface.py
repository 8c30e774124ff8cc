"""What scripts written for NNI may type, and where retix differs on purpose."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCUMENT = HERE.parent.parent / "docs" / "nni.md"

_ROW = re.compile(r"(?P<name>[\w.]+)(?P<call>\(.*\))?(?: (?P<kind>property|field)(?:=(?P<default>.*))?)?")
_DIFFERENCE = re.compile(r"\| `(?P<path>[\w.]+)` \| (?P<kind>\w+) \| (?P<reason>.+) \|")

UNSTATED = object()


@dataclass(frozen=True, slots=True)
class Row:
    """One name of NNI's.

    Attributes:
        module: The module that scripts import from, with retix in its name.
        name: The name in it, with dots for what belongs to a class.
        call: The parameters as text, or None for what is not called.
        default: Of a field, its default, or `UNSTATED`.
    """

    module: str
    name: str
    call: str | None = None
    default: Any = UNSTATED

    @property
    def path(self) -> str:
        """The module and the name."""
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of the table in docs/nni.md.

    Attributes:
        kind: ``later``: not built yet. ``absent``: will not come. ``differs``: it is there, and takes other arguments.
        reason: Why.
    """

    kind: str
    reason: str


def read_rows() -> list[Row]:
    """Every row of nni_api.txt."""
    rows, module = [], ""
    for line in (HERE / "nni_api.txt").read_text().splitlines():
        if line.startswith("["):
            module = line.strip("[]")
        elif line and not line.startswith("#"):
            match = _ROW.fullmatch(line)
            assert match, line
            default = ast.literal_eval(match["default"]) if match["default"] else UNSTATED
            rows.append(Row(module, match["name"], match["call"], default))
    return rows


def read_differences() -> dict[str, Difference]:
    """The table in docs/nni.md, by path."""
    found = (_DIFFERENCE.fullmatch(line) for line in DOCUMENT.read_text().splitlines())
    return {match["path"]: Difference(match["kind"], match["reason"]) for match in found if match}


def find(row: Row) -> Any:
    """What retix has under the name of a row.

    Raises:
        ImportError: It is refused.
        AttributeError: There is no such thing.
    """
    thing: Any = importlib.import_module(row.module)
    for part in row.name.split("."):
        thing = getattr(thing, part)
    return thing


def find_disagreement(row: Row, thing: Any) -> str | None:
    """What a caller that goes by the row would stumble over, or None."""
    assert row.call is not None
    if not callable(thing):
        return "it cannot be called"
    if row.call == "(...)":
        return None
    # The class of choices is called in its own way, and hands on to what __init__ takes.
    is_choice = isinstance(thing, type) and type(thing).__call__ is not type.__call__
    try:
        ours = list(inspect.signature(thing.__init__ if is_choice else thing).parameters.values())
    except ValueError:
        return "it has no signature"
    if ours and ours[0].name in ("self", "cls") and ("." in row.name or is_choice):
        ours = ours[1:]
    if [p.kind for p in ours] == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]:
        return None
    theirs = ast.parse(f"def f{row.call}: ...").body[0]
    assert isinstance(theirs, ast.FunctionDef)
    return _compare(theirs.args, ours)


def _compare(theirs: ast.arguments, ours: list[inspect.Parameter]) -> str | None:
    positional = [p for p in ours if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_name = {p.name: p for p in ours if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    defaults = [None] * (len(theirs.args) - len(theirs.defaults)) + list(theirs.defaults)
    for index, (arg, default) in enumerate(zip(theirs.args, defaults, strict=True)):
        if index >= len(positional) or positional[index].name != arg.arg:
            return f"argument {index} is not {arg.arg}"
        if problem := _compare_default(positional[index], default):
            return problem
    for arg, default in zip(theirs.kwonlyargs, theirs.kw_defaults, strict=True):
        if arg.arg not in by_name:
            return f"there is no keyword {arg.arg}"
        if problem := _compare_default(by_name[arg.arg], default):
            return problem
    if theirs.vararg and not any(p.kind is p.VAR_POSITIONAL for p in ours):
        return f"it takes no *{theirs.vararg.arg}"
    if theirs.kwarg and not any(p.kind is p.VAR_KEYWORD for p in ours):
        return f"it takes no **{theirs.kwarg.arg}"
    known = {arg.arg for arg in (*theirs.args, *theirs.kwonlyargs)}
    more = [name for name, p in by_name.items() if name not in known and p.default is p.empty]
    return f"it wants {more[0]} too" if more else None


def _compare_default(parameter: inspect.Parameter, default: ast.expr | None) -> str | None:
    if default is None:
        return None  # what NNI requires may be left out here
    shown = parameter.default.__name__ if isinstance(parameter.default, type) else repr(parameter.default)
    wanted = ast.unparse(default)
    return None if shown == wanted else f"{parameter.name} is {shown}, and {wanted} in NNI"
