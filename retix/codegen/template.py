"""Classes with holes: how graphs that differ only in the arguments of their members come to share a class.

The members of a graph are written with a hole in place of every number. Graphs whose text with holes is the same
share a class; where their numbers differ, the class gets a constructor parameter.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from retix.codegen.constructor import argument_names, arrange, default_arguments
from retix.codegen.expression import Expression, call
from retix.codegen.imports import Imports
from retix.codegen.literal import write_literal
from retix.ir import Module

MAX_PARAMETERS = 6
"""More constructor parameters than this make a class harder to read than a second class."""

MISSING: Any = object()

# Marks in a text with holes: a hole's number, an argument that may be left out, a list of parts.
_HOLE = re.compile("\0(\\d+)\0")
_OPTIONAL = re.compile("\1([^\1]*)\1")
_LIST = re.compile("\3([^\3\5]*)\5")

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
        member: The member that it is part of.
        value: The number.
        default: What it is where the argument is left out, or `MISSING`.
    """

    name: str
    member: str
    value: Any
    default: Any = MISSING

    @property
    def key(self) -> tuple[str, str]:
        """Equal for equal values of one type."""
        return type(self.value).__name__, repr(self.value)


@dataclass(slots=True)
class HoleWriter:
    """Writes constructor calls with holes.

    Attributes:
        imports: Collects what the calls need.
        cell: Writes the call that makes an instance of a graph's class, with this writer.
        member: The member that is being written.
        holes: The holes so far.
    """

    imports: Imports
    cell: Callable[[str, HoleWriter], str]
    member: str = ""
    holes: list[Hole] = field(default_factory=list)

    def module(self, module: Module) -> str:
        """The call that makes a leaf or a tensor."""
        module = arrange(module)
        names = argument_names(module)
        args = [
            self.literal(names[i] if i < len(names) else _positional_name(module), item)
            for i, item in enumerate(module.args)
        ]
        optional = default_arguments(module)
        kwargs = {name: self.literal(name, item) for name, item in module.kwargs.items() if name not in optional}
        made = call(self.imports.name(module.type), args, kwargs).text
        extra = [self.optional(name, module.kwargs.get(name, default), default) for name, default in optional.items()]
        return made[:-1] + "".join(extra) + ")"

    def optional(self, name: str, value: Any, default: Any) -> str:
        """A keyword argument that is left out where every instance has the default."""
        return f"\1, {name}={self._dig(name, value, default)}\1"

    def literal(self, name: str, item: Any) -> Expression:
        """A literal with a hole for each number in it."""
        if isinstance(item, (int, float)):
            return Expression(self._dig(name, item, MISSING))
        if isinstance(item, Module):
            return Expression(self.module(item))
        if isinstance(item, (tuple, list)) and item and len(item) < 8:
            parts = ", ".join(self.literal(name, part).text for part in item)
            comma = "," if isinstance(item, tuple) and len(item) == 1 else ""
            return Expression(f"({parts}{comma})" if isinstance(item, tuple) else f"[{parts}]")
        return write_literal(item, self.imports)

    def call_class(self, number: int, parameters: list[Parameter], values: list[Any]) -> str:
        """The call of a class that is known by its number."""
        pairs = list(zip(parameters, values, strict=True))
        plain = [self._dig(p.name, value, MISSING) for p, value in pairs if p.default is MISSING]
        extra = [self.optional(p.name, value, p.default) for p, value in pairs if p.default is not MISSING]
        return f"\2{number}\2({', '.join(plain)}{''.join(extra)})"

    def _dig(self, name: str, value: Any, default: Any) -> str:
        self.holes.append(Hole(name, self.member, value, default))
        return f"\0{len(self.holes) - 1}\0"


def _positional_name(module: Module) -> str:
    return "size" if module.type.startswith("torch.") and module.type.count(".") == 1 else "value"


def write_list(parts: Iterable[str], *, spread: bool) -> str:
    """The items of a container; items that come out equal are written once."""
    return "\3" + ("*" if spread else "") + "\4".join(parts) + "\5"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constructor parameter.

    Attributes:
        name: Its name.
        holes: The holes that it fills.
        default: Its default, or `MISSING`.
    """

    name: str
    holes: tuple[int, ...]
    default: Any = MISSING


def find_parameters(instances: list[list[Hole]]) -> list[Parameter] | None:
    """The parameters that a class needs to stand for all instances, or None if those are too many.

    Args:
        instances: The holes of each instance; equally many.
    """
    groups: list[list[int]] = []
    columns = list(zip(*instances, strict=True))
    for index, column in enumerate(columns):
        if len({hole.key for hole in column}) == 1:
            continue
        known = next((group for group in groups if _may_share(columns[group[0]], column)), None)
        if known is None:
            groups.append([index])
        else:
            known.append(index)
    if len(groups) > MAX_PARAMETERS:
        return None
    taken: set[str] = set()
    parameters = [_name_parameter(group, columns, taken) for group in groups]
    required = [p for p in parameters if p.default is MISSING]
    if not required:
        return [Parameter(p.name, p.holes) for p in parameters]
    return required + [p for p in parameters if p.default is not MISSING]


def _may_share(known: tuple[Hole, ...], column: tuple[Hole, ...]) -> bool:
    """Whether two holes have the same number in every instance, and mean the same kind of thing."""
    first, second = known[0].name, column[0].name
    alike = first == second or (first in _SIZES and second in _SIZES)
    return alike and all(a.key == b.key for a, b in zip(known, column, strict=True))


def _name_parameter(group: list[int], columns: list[tuple[Hole, ...]], taken: set[str]) -> Parameter:
    first = columns[group[0]][0]
    name = _common_name([columns[index][0].name for index in group])
    if name in taken:
        name = f"{first.member.split('.')[0]}_{name}"
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


def fill(text: str, holes: list[Hole], parameters: list[Parameter], imports: Imports) -> str:
    """The text of one class with its holes filled: by parameters, and by numbers where there is none."""
    by_hole = {index: parameter.name for parameter in parameters for index in parameter.holes}

    def keep(match: re.Match[str]) -> str:
        index = int(_HOLE.findall(match[1])[-1])
        is_default = index not in by_hole and _equal(holes[index].value, holes[index].default)
        return "" if is_default else match[1]

    def write(match: re.Match[str]) -> str:
        index = int(match[1])
        return by_hole.get(index) or write_literal(holes[index].value, imports).text

    text = _HOLE.sub(write, _OPTIONAL.sub(keep, text))
    while _LIST.search(text):
        text = _LIST.sub(_write_list, text)
    return text


def _equal(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _write_list(match: re.Match[str]) -> str:
    content = match[1]
    is_spread = content.startswith("*")
    parts = content.removeprefix("*").split("\4")
    if len(parts) > 2 and len(set(parts)) == 1:
        return f"{'*' if is_spread else ''}[{parts[0]} for _ in range({len(parts)})]"
    return ", ".join(parts) if is_spread else f"[{', '.join(parts)}]"
