"""Classes with holes: how graphs that differ only in the arguments of their members come to share a class.

The members of a graph are written with a hole in place of every number. Graphs whose text with holes is the same
share a class; where their numbers differ, the class gets a constructor parameter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from retix.codegen.constructor import argument_names, arrange, default_arguments
from retix.codegen.expression import CALL, OPERATORS, TERM, Expression, call, infix, method
from retix.codegen.imports import Imports
from retix.codegen.literal import write_literal
from retix.codegen.parameter import MISSING, Hole, Parameter
from retix.ir import Module

if TYPE_CHECKING:
    from retix.codegen.library import Library

# Marks in a text with holes: a hole, perhaps in an argument that may be left out; a list of parts.
_HOLE = re.compile("\1([^\0\1]*)\0\1|\0")
_LIST = re.compile("\3([^\3\5]*)\5")

_INFIX = {f"torch.{name}": OPERATORS[name] for name in ("add", "sub", "mul", "pow")} | {"torch.div": ("/", TERM)}
_SHORT = 48
"""Up to so many characters fit on a line of their own; longer expressions are calls, which break well."""

_METHODS = {f"torch.{name}" for name in ("reshape", "flatten", "exp", "sin", "cos", "reciprocal", "tile")}
_SPREADS = {"std", "a", "b"}


@dataclass(slots=True)
class HoleWriter:
    """Writes constructor calls with holes.

    Attributes:
        imports: Collects what the calls need.
        cell: Writes the call that makes an instance of a graph's class, with this writer.
        library: Has the calls that were written before.
        holes: The holes so far, in the order in which they stand in the text.
    """

    imports: Imports
    cell: Callable[[str, HoleWriter], str]
    library: Library
    holes: list[Hole] = field(default_factory=list)

    def module(self, module: Module) -> Expression:
        """The call that makes a leaf or a tensor."""
        kept = self.library.find_call(module, self.imports)
        if kept is not None:
            self.holes += kept.holes
            return kept.expression
        start, begin = len(self.holes), len(self.imports.asked)
        made = self._write_tensor(module)
        if made is None or len(made.text) + sum(len(hole.key[1]) for hole in self.holes[start:]) > _SHORT:
            del self.holes[start:]
            made = self._write_call(arrange(module))
        asked = tuple(dict.fromkeys(self.imports.asked[begin:]))
        self.library.keep_call(module, made, self.holes[start:], asked)
        return made

    def _write_tensor(self, module: Module) -> Expression | None:
        """A tensor that is computed of others, with operators and methods."""
        infix_operator = _INFIX.get(module.type)
        if infix_operator is not None and len(module.args) == 2 and not module.kwargs:
            left, right = (self.literal("value", item) for item in module.args)
            return infix(left, infix_operator[0], right, infix_operator[1])
        if module.type in _METHODS and isinstance(module.args[0], Module) and not module.kwargs:
            first, *rest = module.args
            if module.type == "torch.reshape":
                rest = list(rest[0])
            receiver = self.module(first)
            return method(receiver, module.type.removeprefix("torch."), [self.literal("size", item) for item in rest])
        return None

    def _write_call(self, module: Module) -> Expression:
        names, start = argument_names(module), len(self.holes)
        args = [
            self.literal(names[i] if i < len(names) else _positional_name(module), item)
            for i, item in enumerate(module.args)
        ]
        optional = default_arguments(module)
        kwargs = {name: self.literal(name, item) for name, item in module.kwargs.items() if name not in optional}
        made = call(self.imports.name(module.type), args, kwargs).text
        if module.type.startswith("torch.nn.init."):
            self.holes[start:] = [replace(hole, is_drawn=hole.name in _SPREADS) for hole in self.holes[start:]]
        extra = [self.optional(name, module.kwargs.get(name, default), default) for name, default in optional.items()]
        return Expression(made[:-1] + "".join(extra) + ")", CALL)

    def optional(self, name: str, value: Any, default: Any) -> str:
        """A keyword argument that is left out where every instance has the default."""
        return f"\1, {name}={self._dig(name, value, default)}\1"

    def literal(self, name: str, item: Any) -> Expression:
        """A literal with a hole for each number in it."""
        if isinstance(item, (int, float)):
            return Expression(self._dig(name, item, MISSING))
        if isinstance(item, Module):
            return self.module(item)
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
        self.holes.append(Hole(name, value, default, (type(value).__name__, repr(value))))
        return "\0"


def _positional_name(module: Module) -> str:
    return "size" if module.type.startswith("torch.") and module.type.count(".") == 1 else "value"


def write_list(parts: Iterable[str], *, spread: bool) -> str:
    """The items of a container; items that come out equal are written once."""
    return "\3" + ("*" if spread else "") + "\4".join(parts) + "\5"


def fill(text: str, holes: list[Hole], parameters: list[Parameter], imports: Imports) -> str:
    """The text of one class with its holes filled: by parameters, and by numbers where there is none."""
    by_hole = {index: parameter.name for parameter in parameters for index in parameter.holes}
    by_hole |= {index: text for parameter in parameters for index, text in parameter.derived}
    numbers = itertools.count()

    def write(match: re.Match[str]) -> str:
        index = next(numbers)
        hole, start = holes[index], match[1]
        if start is not None and index not in by_hole and _equal(hole.value, hole.default):
            return ""
        return (start or "") + (by_hole.get(index) or write_literal(hole.value, imports).text)

    text = _HOLE.sub(write, text)
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
