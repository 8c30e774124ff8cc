"""What a person may want to know of a decision, and tables of it."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence

from retix.mutation import SpaceDecision

_HEAD = ("decision", "candidates", "used in", "alive when")
_WIDTHS = (28, 36, 36, 32)
_CANDIDATES, _PLACES = 12, 2
"""How many candidates, and how many places that use it, a table shows of one decision."""


def merge(first: SpaceDecision, second: SpaceDecision) -> SpaceDecision:
    """One decision of two variants of a model; it is alive when it is in the first."""
    places = tuple(dict.fromkeys((*first.dependents, *second.dependents)))
    return SpaceDecision(first.decision, places, first.condition)


def write_table(decisions: Sequence[SpaceDecision]) -> str:
    """The decisions as a table of plain text."""
    rows = [[_wrap(text, limit) for text, limit in zip(row, _WIDTHS, strict=True)] for row in map(_cells, decisions)]
    rows.insert(0, [[name] for name in _HEAD])
    widths = [max(len(line) for row in rows for line in row[column]) for column in range(len(_HEAD))]
    lines = []
    for number, cells in enumerate(rows):
        for index in range(max(map(len, cells))):
            parts = [cell[index] if index < len(cell) else "" for cell in cells]
            lines.append("  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _wrap(text: str, width: int) -> list[str]:
    """Lines of a cell; words, as labels are, stay whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def write_html(title: str, facts: Sequence[str], decisions: Sequence[SpaceDecision]) -> str:
    """The decisions as a table of HTML; every text is escaped."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in _HEAD)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(decision)) + "</tr>"
        for decision in decisions
    )
    said = "".join(f"<p>{html.escape(fact)}</p>" for fact in facts)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if decisions else ""
    return f"<div><h4>{html.escape(title)}</h4>{said}{table}</div>"


def _cells(decision: SpaceDecision) -> tuple[str, str, str, str]:
    candidates = _shortened([repr(candidate) for candidate in decision.candidates])
    if decision.n_chosen is not None:
        many = "any number" if decision.n_chosen == -1 else str(decision.n_chosen)
        candidates = f"{many} of [{candidates}]"
    places = _shortened([_without_folders(place) for place in decision.dependents], _PLACES)
    return decision.label, candidates, places, str(decision.condition or "always")


def _shortened(items: Sequence[str], most: int = _CANDIDATES) -> str:
    rest = [f"… ({len(items)} in all)"] if len(items) > most else []
    return ", ".join([*items[:most], *rest])


def _without_folders(place: str) -> str:
    """A place whose file has its name alone, as tables are narrow."""
    return re.sub(r"\((?:[^()]*/)?([^()/]+:\d+)\)", r"(\1)", place)
