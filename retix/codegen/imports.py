"""The import statements of a generated module."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from retix.errors import GenerationError
from retix.ir import ClassSource

_ALIASES = {"torch.nn.functional": "F", "torch.nn": "nn"}


class Imports:
    """Collects what a module needs, and says under which name each thing is known in it.

    Args:
        sources: Users' classes that are written out instead of imported.
    """

    def __init__(self, sources: Mapping[str, ClassSource]) -> None:
        self._sources = sources
        self._statements: dict[str, str] = {}  # local name to statement
        self.used_sources: dict[str, ClassSource] = {}

    def name(self, qualified: str) -> str:
        """How the module refers to ``package.module.Thing``; the import it needs is noted."""
        source = self._sources.get(qualified)
        if source is not None:
            self._use_source(qualified, source)
            return source.name
        module, _, thing = qualified.rpartition(".")
        if not module or module == "builtins":
            return thing or qualified
        if module in _ALIASES:
            self._add(_ALIASES[module], f"import {module} as {_ALIASES[module]}")
            return f"{_ALIASES[module]}.{thing}"
        if module == "torch.nn.init":
            self._add("nn", "import torch.nn as nn")
            return f"nn.init.{thing}"
        if module == "torch":
            self._add("torch", "import torch")
            return f"torch.{thing}"
        return self._import_thing(module, thing)

    def note(self, text: str) -> None:
        """Note what an expression refers to by the usual names: ``torch``, ``F``, ``nn`` and ``math``."""
        for name, statement in (
            ("torch.", "import torch"),
            ("F.", "import torch.nn.functional as F"),
            ("nn.", "import torch.nn as nn"),
            ("math.", "import math"),
        ):
            if name in text:
                self._add(name[:-1], statement)

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
        """The statements, sorted, the standard library first."""
        groups: dict[bool, list[str]] = {True: [], False: []}
        for statement in dict.fromkeys(self._statements.values()):
            groups[statement.split()[1].split(".")[0] in sys.stdlib_module_names].append(statement)
        blocks = ["\n".join(sorted(group, key=_order)) for group in (groups[True], groups[False]) if group]
        return "\n\n".join(blocks)


def _order(statement: str) -> tuple[bool, str]:
    return statement.startswith("from"), statement
