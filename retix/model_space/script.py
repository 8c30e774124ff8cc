"""The source of a trial whose model is built by Python: the user's own class, with its choices made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retix.codegen import Source
from retix.errors import RecipeError
from retix.model_space.origin import Origin
from retix.recipe import Recipe, dumps, importable_name, recipe_of

BASE_FILE = "base.pkl"
"""Beside a source that needs it: what has no importable name, by cloudpickle."""

ENTRY = "build_model"


class ScriptWriter:
    """Writes the sources of one base model.

    A class that can be imported is imported, and called as the user called it. What cannot, a class in ``__main__`` or
    a notebook or an instance that does not remember its arguments, lies beside the source as `BASE_FILE`.

    Args:
        origin: The base model.

    Attributes:
        files: What must lie beside each source, by name.

    Raises:
        RecipeError: The model can neither be imported nor pickled.
    """

    def __init__(self, origin: Origin) -> None:
        self._imports: set[str] = set()
        self.files: Mapping[str, bytes] = {}
        self._origin = origin
        try:
            self._make = None if origin.recipe is None else self._write_call(origin.recipe)
        except RecipeError:
            self._make = None
        if self._make is None:
            recipe = origin.recipe
            pickled = origin.module if recipe is None else (recipe.target, recipe.args, dict(recipe.kwargs))
            self.files = {BASE_FILE: dumps(pickled)}
            self._imports = {"from retix.recipe import loads"}

    def write(self, answers: Mapping[str, Any], asked: Mapping[str, Any]) -> Source:
        """The source of one sample.

        Args:
            answers: The answers that make the model.
            asked: Those of them that are given while the model is built.
        """
        body = self._write_body([label for label in answers if label in asked])
        needed = [name for name in ("fix", "fixed_arch") if any(f"{name}(" in line for line in body)]
        imports = sorted({*self._imports, f"from retix.nn.pytorch import {', '.join(needed)}"})
        choices = [f"    {_quoted(label)}: {_literal(choice)}," for label, choice in answers.items()]
        lines = [f'"""{self._origin.name}, its choices made."""', ""]
        lines += ["from pathlib import Path", ""] if self.files else []
        lines += [*imports, "", "CHOICES = {", *choices, "}"] if choices else [*imports, "", "CHOICES = {}"]
        lines += ["", "", f"def {ENTRY}():", *(f"    {line}" for line in body)]
        return Source("\n".join(lines) + "\n", ENTRY, {}, {})

    def _write_body(self, asked: list[str]) -> list[str]:
        load = f'loads(Path(__file__).with_name("{BASE_FILE}").read_bytes())'
        if self._origin.recipe is None:
            return [f"base = {load}", "return fix(base, CHOICES, copy=False)"]
        prefix = [] if self._make is not None else [f"make, args, kwargs = {load}"]
        call = self._make or "make(*args, **kwargs)"
        if self._origin.is_wrapped:
            return [*prefix, "with fixed_arch(CHOICES):", f"    return {call}"]
        if not asked:
            return [*prefix, f"return fix({call}, CHOICES, copy=False)"]
        return [
            *prefix,
            f"asked = [{', '.join(map(_quoted, asked))}]  # by the constructor",
            "with fixed_arch({label: CHOICES[label] for label in asked}):",
            f"    model = {call}",
            "return fix(model, CHOICES, copy=False)",
        ]

    def _write_call(self, recipe: Recipe) -> str:
        arguments = [self._write_argument(value) for value in recipe.args]
        arguments += [f"{name}={self._write_argument(value)}" for name, value in recipe.kwargs.items()]
        return f"{self._import(recipe.target)}({', '.join(arguments)})"

    def _import(self, target: Any) -> str:
        """Import what ``target`` is called by, and return what it is called here."""
        name = importable_name(target)
        module, outer = target.__module__, target.__qualname__.split(".")[0]
        if name != f"{module}.{target.__qualname__}" or self._is_taken(outer, module):
            raise RecipeError(f"{name} cannot be imported beside others of its name")
        self._imports.add(f"from {module} import {outer}")
        return str(target.__qualname__)

    def _is_taken(self, name: str, module: str) -> bool:
        own = name in (ENTRY, "fix", "fixed_arch", "CHOICES")
        return own or any(
            line.endswith(f" import {name}") and line != f"from {module} import {name}" for line in self._imports
        )

    def _write_argument(self, value: Any) -> str:
        """An argument as Python text.

        Raises:
            RecipeError: It has none.
        """
        recipe = None if isinstance(value, type) else recipe_of(value)
        if recipe is not None and not recipe.by_value:
            return self._write_call(recipe)
        if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__") and recipe is None):
            return self._import(value)
        if type(value) in (list, tuple):
            items = [self._write_argument(item) for item in value]
            inner = ", ".join(items)
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(items) == 1 else ''})"
        if type(value) is dict:
            pairs = [f"{self._write_argument(key)}: {self._write_argument(item)}" for key, item in value.items()]
            return f"{{{', '.join(pairs)}}}"
        if type(value) is str:
            return _quoted(value)
        if value is None or type(value) in (bool, int, bytes) or (type(value) is float and value - value == 0):
            return repr(value)
        raise RecipeError(f"{type(value).__name__} has no short form as Python text")


def _quoted(text: str) -> str:
    """A string as the field writes it, in double quotes where that takes no escapes."""
    return f'"{text}"' if repr(text) == f"'{text}'" and '"' not in text else repr(text)


def _literal(choice: Any) -> str:
    """An answer as Python text."""
    if isinstance(choice, (list, tuple)):
        return f"({', '.join(map(_literal, choice))}{',' if len(choice) == 1 else ''})"
    if isinstance(choice, Mapping):
        return f"{{{', '.join(f'{_quoted(key)}: {_literal(item)}' for key, item in choice.items())}}}"
    return _quoted(choice) if isinstance(choice, str) else repr(choice)
