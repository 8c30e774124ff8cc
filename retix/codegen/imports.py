"""The import statements of a generated module."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping

from retix.codegen.layout import WIDTH
from retix.errors import GenerationError
from retix.ir import ClassSource

_NN = "from torch import nn"
_FUNCTIONAL = "import torch.nn.functional as F"
_USUAL = {"torch.nn.functional": ("F", _FUNCTIONAL), "torch.nn": ("nn", _NN)}
_QUALIFIER = re.compile(r"(?<![\w.\"'])(\w+)\.")
_SAME = {"import torch.nn as nn": _NN, "from torch.nn import functional as F": _FUNCTIONAL}
"""Statements of users' classes that import the same thing under the same name."""


class Imports:
    """Collects what a module needs, and says under which name each thing is known in it.

    Args:
        sources: Users' classes that are written out instead of imported.

    Attributes:
        used_sources: Those of them that the module needs.
        asked: What was asked by `name`, with the answers, in order.
    """

    def __init__(self, sources: Mapping[str, ClassSource]) -> None:
        self._sources = sources
        self._statements: dict[str, str] = {}  # local name to statement
        self._known: dict[str, str] = {}
        self.used_sources: dict[str, ClassSource] = {}
        self.asked: list[tuple[str, str]] = []

    def name(self, qualified: str) -> str:
        """How the module refers to ``package.module.Thing``; the import it needs is noted."""
        found = self._known.get(qualified)
        if found is None:
            found = self._known[qualified] = self._find_name(qualified)
        self.asked.append((qualified, found))
        return found

    def repeat(self, asked: Iterable[tuple[str, str]]) -> bool:
        """Ask again what was asked for another module; whether the answers are the same."""
        known = self._known
        for qualified, name in asked:
            found = known.get(qualified)
            if found is None:
                found = known[qualified] = self._find_name(qualified)
            if found != name:
                return False
        self.asked += asked
        return True

    def _find_name(self, qualified: str) -> str:
        source = self._sources.get(qualified)
        if source is not None:
            self._use_source(qualified, source)
            return source.name
        module, _, thing = qualified.rpartition(".")
        if not module or module == "builtins":
            return thing or qualified
        if module in _USUAL:
            alias, statement = _USUAL[module]
            self._add(alias, statement)
            return f"{alias}.{thing}"
        if module == "torch.nn.init":
            self._add("nn", _NN)
            return f"nn.init.{thing}"
        if module in ("torch", "torch.return_types"):
            self._add("torch", "import torch")
            return qualified
        return self._import_thing(module, thing)

    def note(self, text: str) -> None:
        """Note what an expression refers to by the usual names: ``torch``, ``F``, ``nn`` and ``math``."""
        self.note_names(find_qualifiers(text))

    def note_names(self, used: Collection[str]) -> None:
        """Note the usual names among those that stand before a dot somewhere."""
        for name, statement in (("torch", "import torch"), ("F", _FUNCTIONAL), ("nn", _NN), ("math", "import math")):
            if name in used:
                self._add(name, statement)

    def _import_thing(self, module: str, thing: str) -> str:
        statement = f"from {module} import {thing}"
        if self._statements.get(thing, statement) == statement:
            self._statements[thing] = statement
            return thing
        alias = f"{module.replace('.', '_')}_{thing}"
        self._statements[alias] = f"{statement} as {alias}"
        return alias

    def _use_source(self, key: str, source: ClassSource) -> None:
        if key in self.used_sources:
            return
        for needed in source.needs:
            if needed != key:
                self._use_source(needed, self._sources[needed])
        for statement in source.imports:
            self._add(statement.split()[-1].split(".")[0], statement)
        self.used_sources[key] = source

    def _add(self, name: str, statement: str) -> None:
        statement = _SAME.get(statement, statement)
        known = self._statements.setdefault(name, statement)
        if known != statement:
            raise GenerationError(
                f"{name!r} would stand for both `{known}` and `{statement}`",
                why="user classes that are written out share the generated module",
                fix="use the same alias in all of them, or move one to a module of its own",
            )

    @property
    def names(self) -> set[str]:
        """The names that imports and written-out classes take."""
        return {*self._statements, *(source.name for source in self.used_sources.values())}

    def write(self) -> str:
        """The statements, sorted, the standard library first, with what comes from one module in one."""
        groups: dict[bool, list[str]] = {True: [], False: []}
        for statement in _merge(dict.fromkeys(self._statements.values())):
            groups[statement.split()[1].split(".")[0] in sys.stdlib_module_names].append(statement)
        blocks = [sorted(group, key=_order) for group in (groups[True], groups[False]) if group]
        return "\n\n".join("\n".join(map(_break, block)) for block in blocks)


def find_qualifiers(text: str) -> frozenset[str]:
    """The names that stand before a dot."""
    return frozenset(_QUALIFIER.findall(text))


def _merge(statements: Iterable[str]) -> Iterator[str]:
    """Yield the statements, with plain ``from`` imports of one module put together."""
    things: dict[str, list[str]] = {}
    for statement in statements:
        module, found, thing = statement.removeprefix("from ").partition(" import ")
        if found and " as " not in thing:
            things.setdefault(module, []).append(thing)
        else:
            yield statement
    for module, names in things.items():
        yield f"from {module} import {', '.join(sorted(names, key=_rank))}"


def _rank(name: str) -> tuple[int, str]:
    """Constants come before classes, and classes before functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name


def _order(statement: str) -> tuple[bool, str, bool]:
    _, module, *rest = statement.split()
    return statement.startswith("from"), module.lower(), "as" in rest


def _break(statement: str) -> str:
    head, found, names = statement.partition(" import ")
    if len(statement) <= WIDTH or not found:
        return statement
    return "\n".join([f"{head} import (", *(f"    {name}," for name in names.split(", ")), ")"])
