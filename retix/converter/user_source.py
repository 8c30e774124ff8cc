"""Users' classes and functions: imported by name where that works, written out in full where it does not."""

from __future__ import annotations

import builtins
import dataclasses
import enum
import inspect
import math
import sys
import types
from collections.abc import Callable
from typing import Any

import torch

from retix.converter.place import find_definition
from retix.converter.source_text import MISSING, find_import, look_up, read_definition
from retix.errors import ConversionError, RecipeError
from retix.ir import ClassSource, Model, Module
from retix.recipe import importable_name

_TORCH_NAMES = {"retix.nn.pytorch": "torch.nn"}
"""Modules of retix that generated code has under another name."""


class SourceBook:
    """Names classes and functions, and keeps the texts of those that no import reaches.

    Attributes:
        sources: The texts, by the name that graphs use.
    """

    def __init__(self) -> None:
        self.sources: dict[str, ClassSource] = {}
        self._things: dict[str, Any] = {}

    def name(self, thing: Callable[..., Any], path: str) -> str:
        """An importable name, or a key of `sources`.

        Args:
            thing: A class or function.
            path: The place in the model where it is used.

        Raises:
            ConversionError: It cannot be imported, and its source is not to be had, or depends on live objects.
        """
        try:
            return importable_name(thing)
        except RecipeError:
            pass
        key = f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', repr(thing))}"
        if self._things.get(key) is not thing:
            self._things[key] = thing
            # entered before it is written: a class may name itself, and others that name it
            self.sources.setdefault(key, ClassSource(thing.__name__, ""))
            self._enter(key, _Writer(self, thing, path).write(), path)
        return key

    def add_value(self, name: str, value: Any, owner: Any, path: str) -> str:
        """A global variable, or one of an enclosing function, as source; returns its key.

        Raises:
            ConversionError: It cannot be written.
        """
        key = f"{owner.__module__}:{name}"
        needs: list[str] = []
        imports: list[str] = []
        text = self._expression(value, path, needs, imports)
        if text is None:
            raise ConversionError(
                f"{owner.__name__} uses {name!r}, a {type(value).__name__} that cannot be written as source",
                where=find_definition(owner) or path,
                fix=f"move {owner.__name__} to a module of its own, or pass {name!r} as an argument",
            )
        self._enter(key, ClassSource(name, f"{name} = {text}\n", tuple(imports), tuple(needs)), path)
        return key

    def _enter(self, key: str, source: ClassSource, path: str) -> None:
        taken = next((known for k, known in self.sources.items() if k != key and known.name == source.name), None)
        known = self.sources.get(key)
        if taken is not None or (known is not None and known.code and known.code != source.code):
            raise ConversionError(
                f"two different things are called {source.name!r}",
                where=path,
                why="both would be written into one generated module",
                fix="give one of them another name, or move them to modules of their own",
            )
        self.sources[key] = source

    def _expression(self, value: Any, path: str, needs: list[str], imports: list[str]) -> str | None:
        """``value`` as an expression, or None if it has none."""

        def inner(item: Any) -> str:
            text = self._expression(item, path, needs, imports)
            if text is None:
                raise TypeError(item)
            return text

        try:
            if isinstance(value, enum.Enum):
                return f"{self._reference(type(value), path, needs, imports)}.{value.name}"
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                fields = [f"{f.name}={inner(getattr(value, f.name))}" for f in dataclasses.fields(value) if f.init]
                return f"{self._reference(type(value), path, needs, imports)}({', '.join(fields)})"
            if type(value) in (list, tuple, set, frozenset, dict):
                return _display(value, inner)
        except TypeError:
            return None
        return _scalar(value, imports)

    def _reference(self, cls: type, path: str, needs: list[str], imports: list[str]) -> str:
        name = self.name(cls, path)
        if name in self.sources:
            needs.append(name)
        else:
            imports.append(_from(*name.rpartition(".")[::2], cls.__name__))
        return cls.__name__


def _display(value: Any, inner: Callable[[Any], str]) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inner(key)}: {inner(item)}" for key, item in value.items()) + "}"
    items = ", ".join(inner(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value))
    if isinstance(value, list):
        return f"[{items}]"
    if isinstance(value, tuple):
        return f"({items},)" if len(value) == 1 else f"({items})"
    return f"{type(value).__name__}([{items}])"


def _scalar(value: Any, imports: list[str]) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or value is Ellipsis or type(value) in (bool, int, float, complex, str, bytes):
        return repr(value)
    if isinstance(value, (torch.dtype, torch.device)):
        imports.append("import torch")
        return repr(value) if isinstance(value, torch.dtype) else f"torch.{value!r}"
    return None


class _Writer:
    """Writes one class or function as source."""

    def __init__(self, book: SourceBook, thing: Callable[..., Any], path: str) -> None:
        self._book = book
        self._thing = thing
        self._path = path
        self._imports: list[str] = []
        self._needs: list[str] = []

    def write(self) -> ClassSource:
        definition = read_definition(self._thing, self._path)
        for used in definition.names:
            self._use(used, look_up(self._thing, used), definition.attributes.get(used, ()))
        return ClassSource(
            self._thing.__name__,
            definition.text,
            tuple(sorted({*self._imports} - {""})),
            tuple(dict.fromkeys(self._needs)),
        )

    def _use(self, used: str, found: Any, attributes: tuple[str, ...]) -> None:
        if found is MISSING:
            if not hasattr(builtins, used):
                raise self._refuse(
                    f"uses {used!r}, which cannot be found",
                    "it is a variable of the function that defines the class, or was deleted",
                    f"move {self._thing.__name__} to a module of its own, or pass {used!r} as an argument",
                )
        elif isinstance(found, types.ModuleType):
            self._use_module(found, used, attributes)
        elif inspect.isclass(found) or inspect.isroutine(found):
            self._use_definition(found, used)
        else:
            statement = find_import(self._thing, used)
            if statement is not None:
                self._imports.append(statement)
            else:
                self._needs.append(self._book.add_value(used, found, self._thing, self._path))

    def _use_module(self, module: types.ModuleType, used: str, attributes: tuple[str, ...]) -> None:
        name = _TORCH_NAMES.get(module.__name__, module.__name__)
        lacking = [a for a in attributes if not hasattr(torch.nn, a)] if module.__name__ in _TORCH_NAMES else []
        if name.split(".")[0] == "retix" or lacking:
            raise self._refuse_retix(f"{used}.{lacking[0]}" if lacking else used)
        self._imports.append(f"import {name}" if name == used else f"import {name} as {used}")

    def _use_definition(self, found: Any, used: str) -> None:
        home = getattr(found, "__module__", None) or ""
        if home in _TORCH_NAMES and hasattr(torch.nn, found.__name__):
            self._imports.append(_from(_TORCH_NAMES[home], found.__name__, used))
        elif home.split(".")[0] == "retix":
            raise self._refuse_retix(used)
        else:
            try:
                module, _, name = importable_name(found).rpartition(".")
            except RecipeError:
                self._needs.append(self._book.name(found, self._path))
            else:
                self._imports.append(_from(module, name, used))

    def _refuse_retix(self, used: str) -> ConversionError:
        return self._refuse(
            f"uses {used!r} of retix, which generated code cannot import",
            "it is captured whole, and written out as it is",
            "leave choices out of basic units, and pass them as arguments instead",
        )

    def _refuse(self, what: str, why: str, fix: str) -> ConversionError:
        where = find_definition(self._thing) or self._path
        return ConversionError(f"{self._thing.__name__} {what}", where=where, why=why, fix=fix)


def _from(module: str, name: str, alias: str) -> str:
    if not module or module == "builtins":
        return ""
    return f"from {module} import {name}" + (f" as {alias}" if alias != name else "")


def add_sources(model: Model) -> None:
    """Enter the texts of the classes in ``__main__`` that a mutator put into a model, where no import reaches them.

    Raises:
        ConversionError: A class cannot be written.
    """
    ops = [member.op for graph in dict.values(model.graphs) for member in graph.members.values()]
    found = sorted({op.type for op in ops if isinstance(op, Module) and op.type.startswith("__main__.")})
    missing = [name for name in found if name not in model.sources]
    if not missing:
        return
    book = SourceBook()
    book.sources.update(model.sources)
    for name in missing:
        thing = getattr(sys.modules["__main__"], name.removeprefix("__main__."), None)
        if thing is not None:
            book.name(thing, name)
    model.sources.update(book.sources)
