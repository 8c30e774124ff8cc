"""The constructor parameters of a class that stands for graphs which differ in numbers."""

from __future__ import annotations

import keyword
import math
from dataclasses import dataclass, replace
from typing import Any

MAX_PARAMETERS = 6
"""More constructor parameters than this make a class harder to read than a second class."""

MAX_FACTOR = 16
"""The largest factor between two sizes that is no coincidence."""

DRAWN_TOLERANCE = 0.25
"""How far the measured spreads of two random draws may be apart, relative to the larger, to count as one."""

MISSING: Any = object()

_SIZES = {
    *("in_channels", "out_channels", "num_features", "num_channels", "in_features", "out_features"),
    *("normalized_shape", "embed_dim", "d_model", "dim", "channels", "features", "size", "groups"),
    *("hidden_channels", "hidden_features", "input_size", "hidden_size"),
}


@dataclass(frozen=True, slots=True)
class Hole:
    """A number in a constructor's text.

    Attributes:
        name: What it is there: the parameter of the layer.
        value: The number.
        default: What it is where the argument is left out, or `MISSING`.
        key: Equal for equal values of one type.
        is_drawn: Whether it is the spread of a random draw, of which the base model's numbers say it but roughly.
    """

    name: str
    value: Any
    default: Any
    key: tuple[str, str]
    is_drawn: bool = False

    def agrees(self, other: Hole) -> bool:
        """Whether one number will do for both."""
        if self is other or self.key == other.key:
            return True
        return self.is_drawn and other.is_drawn and math.isclose(self.value, other.value, rel_tol=DRAWN_TOLERANCE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constructor parameter.

    Attributes:
        name: Its name.
        holes: The holes that it fills.
        default: Its default, or `MISSING`.
        derived: Holes that something made of it fills, such as ``4 * dim``.
        statements: What ``__init__`` begins with, where that has a name of its own.
    """

    name: str
    holes: tuple[int, ...]
    default: Any = MISSING
    derived: tuple[tuple[int, str], ...] = ()
    statements: tuple[str, ...] = ()

    def derive(self, inner: Parameter, text: str) -> Parameter:
        """The same with what ``inner`` filled; ``text`` says how it is made, and gets a name where it is used much."""
        is_named = len(inner.holes) > 2
        derived = tuple((hole, inner.name if is_named else text) for hole in inner.holes)
        statements = (f"{inner.name} = {text}",) if is_named else ()
        return replace(self, derived=self.derived + derived, statements=self.statements + statements)


def find_parameters(instances: list[list[Hole]], owners: list[str]) -> list[Parameter] | None:
    """The parameters that a class needs to stand for all instances, or None if those are too many.

    Args:
        instances: The holes of each instance; equally many.
        owners: For each hole, the member that it is part of.
    """
    if len(instances) == 1:
        return []
    groups: list[list[int]] = []
    columns = list(zip(*instances, strict=True))
    for index, column in enumerate(columns):
        first = column[0]
        if all(hole.agrees(first) for hole in column):
            continue
        known = next((group for group in groups if _may_share(columns[group[0]], column)), None)
        if known is None:
            groups.append([index])
        else:
            known.append(index)
    if len(groups) > MAX_PARAMETERS:
        return None
    taken: set[str] = set()
    parameters = [_name_parameter(group, columns, owners[group[0]], taken) for group in groups]
    parameters = _derive_sizes(parameters, columns)
    required = [p for p in parameters if p.default is MISSING]
    if not required:
        return [replace(p, default=MISSING) for p in parameters]
    return required + [p for p in parameters if p.default is not MISSING]


def _may_share(known: tuple[Hole, ...], column: tuple[Hole, ...]) -> bool:
    """Whether two holes have the same number in every instance, and mean the same kind of thing."""
    first, second = known[0].name, column[0].name
    alike = first == second or (first in _SIZES and second in _SIZES)
    return alike and all(a.key == b.key for a, b in zip(known, column, strict=True))


def _name_parameter(group: list[int], columns: list[tuple[Hole, ...]], owner: str, taken: set[str]) -> Parameter:
    first = columns[group[0]][0]
    name = _common_name([columns[index][0].name for index in group])
    if name in taken:
        name = f"{owner}_{name}"
    base, count = (f"{name}_" if keyword.iskeyword(name) or not name.isidentifier() else name), 1
    name = base
    while name in taken:
        count += 1
        name = f"{base}{count}"
    taken.add(name)
    defaults = {repr(columns[index][0].default) for index in group}
    has_default = len(defaults) == 1 and first.default is not MISSING
    has_default = has_default and any(hole.value == first.default for hole in columns[group[0]])
    return Parameter(name, tuple(group), first.default if has_default else MISSING)


def _derive_sizes(parameters: list[Parameter], columns: list[tuple[Hole, ...]]) -> list[Parameter]:
    """Make inner sizes of others where they are the same multiple or part in all instances."""
    kept = [parameter for parameter in parameters if "hidden" not in parameter.name]
    for inner in parameters:
        if "hidden" not in inner.name:
            continue
        found = ((i, _write_ratio(base, inner, columns)) for i, base in enumerate(kept))
        place, text = next(((i, text) for i, text in found if text), (None, ""))
        if place is None:
            kept.append(inner)
        else:
            kept[place] = kept[place].derive(inner, text)
    return sorted(kept, key=lambda parameter: parameter.holes)


def _write_ratio(base: Parameter, inner: Parameter, columns: list[tuple[Hole, ...]]) -> str:
    """``inner`` as a multiple or part of ``base``; empty if it is none."""
    pairs = [(b.value, i.value) for b, i in zip(columns[base.holes[0]], columns[inner.holes[0]], strict=True)]
    if not all(type(number) is int and number > 0 for pair in pairs for number in pair):
        return ""
    first, second = pairs[0]
    larger, smaller = max(first, second), min(first, second)
    factor = larger // smaller
    if not 2 <= factor <= MAX_FACTOR:
        return ""
    if all(i == factor * b for b, i in pairs):
        return f"{factor} * {base.name}"
    return f"{base.name} // {factor}" if all(b == factor * i for b, i in pairs) else ""


def _common_name(names: list[str]) -> str:
    """One name for what is a number of channels here and of features there."""
    first, known = names[0], set(names)
    if known & {"normalized_shape", "dim", "size"} and known <= _SIZES:
        return "dim"
    for kind in ("channels", "features"):
        ends = [name for name in names if name in (f"in_{kind}", f"out_{kind}")]
        if len(set(ends)) == 2:  # what goes in and comes out again is inside, or is the same all through
            inside = f"hidden_{kind}" if ends[0].startswith("out") and ends[-1].startswith("in") else first
            return kind if ends[0].startswith("in") else inside
    return "channels" if first == "num_features" else first
