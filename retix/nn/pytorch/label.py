"""Labels for choices that the user gave none.

A choice without a label goes by an *identity*, which its deep copies share as they would share a label: ``?`` and a
number that no other choice has. What a cell is made of goes by the cell's label, or identity, and ``/op_2_0`` or the
like. Once the whole model is there, an identity is replaced by the path of the module that has it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from retix.caller import find_caller
from retix.errors import SpaceError
from retix.recipe import Recipe, is_model_wrapped, positional_names, recipe_of
from retix.space import Constraint, Expression, find_expressions, relabel

IDENTITY = "_retix_identity"
"""The attribute by which a module that is, or holds, choices keeps its label or identity."""


def new_identity(label: str | None) -> str:
    """The label, or an identity for a choice that has none.

    Raises:
        SpaceError: The label is no string, or looks like an identity.
    """
    if label is None:
        return f"?{uuid.uuid4().hex}"
    if not isinstance(label, str) or label.startswith("?") or not label:
        raise SpaceError(
            f"{label!r} cannot be the label of a choice",
            where=find_caller(),
            fix="use a string that does not begin with '?', or leave the label out",
        )
    return label


def label_of(identity: str) -> str | None:
    """The label that the user gave, or None."""
    return None if identity.startswith("?") else identity


class LabelBook:
    """Names every unlabelled choice after the place in the model where it is first met.

    Modules come in the order in which they were assigned: first choices that are modules and arguments of layers, then
    what modules keep as attributes.

    The same model gives the same names in every run and on every machine.

    Args:
        taken: The model; or labels that users gave, which no automatic one may equal, to name choices as they come.
    """

    def __init__(self, taken: torch.nn.Module | Iterable[str] = ()) -> None:
        self._by_identity: dict[str, str] = {}
        if isinstance(taken, torch.nn.Module):
            found = list(_find_identities(taken))
            self._taken = {identity for identity, _ in found if not identity.startswith("?")}
            for identity, path in found:
                self.resolve(identity, path)
        else:
            self._taken = set(taken)

    def name(self, label: str | None, path: str, identity: str) -> str:
        """The label, or one made of ``path`` for the choice that ``identity`` tells from others."""
        return label if label is not None else self._assign(identity, path)

    def resolve(self, identity: str, path: str = "choice") -> str:
        """The label that a label or identity stands for; ``path`` names one that was not met before."""
        if not identity.startswith("?"):
            return identity
        head, slash, tail = identity.partition("/")
        return self._assign(head, path) + slash + tail

    def _assign(self, identity: str, path: str) -> str:
        known = self._by_identity.get(identity)
        if known is None:
            known, count = path, 1
            while known in self._taken:
                known, count = f"{path}_{count}", count + 1
            self._taken.add(known)
            self._by_identity[identity] = known
        return known

    def of(self, module: torch.nn.Module, path: str) -> str:
        """The label of a module that is a choice."""
        return self.resolve(vars(module)[IDENTITY], path)

    def name_choices(self, expression: Any, path: str) -> Any:
        """``expression`` (JSON) with a label in every choice; one without goes by its identity."""
        if isinstance(expression, list):
            return [self.name_choices(item, path) for item in expression]
        if not isinstance(expression, dict):
            return expression
        if "choice" in expression:
            choice = expression["choice"]
            label = choice["label"]
            return {"choice": {**choice, "label": self.resolve(label, path)}}
        return {key: self.name_choices(item, path) for key, item in expression.items()}

    def named(self, value: Any, path: str = "choice") -> Any:
        """``value`` with a label in every choice in it, also inside lists, tuples and dicts."""
        return relabel(value, lambda label: self.resolve(label, path))


def find_labels(module: torch.nn.Module) -> Iterator[str]:
    """Yield the labels that the user gave to choices, in whatever order."""
    for identity, _ in _find_identities(module):
        if not identity.startswith("?"):
            yield identity


def expressions_of(module: torch.nn.Module) -> Iterator[tuple[str, Expression]]:
    """Yield the expressions among a module's arguments and attributes, not those of its children.

    Each comes with the path of the argument or attribute, relative to the module.
    """
    yield from _find_in_arguments(module)
    yield from _find_in_attributes(module)


def _find_in_arguments(module: torch.nn.Module) -> Iterator[tuple[str, Expression]]:
    recipe = recipe_of(module)
    if recipe is not None and not is_model_wrapped(module):
        yield from _find_in_recipe(recipe, "")


def _find_in_attributes(module: torch.nn.Module) -> Iterator[tuple[str, Expression]]:
    for name, value in vars(module).items():
        if not name.startswith("_") and _may_hold(value):
            yield from ((f".{name}", expression) for expression in find_expressions(value))


def constraints_of(module: torch.nn.Module, book: LabelBook | None = None) -> list[Constraint]:
    """The rules that a model and its parts declare, with the labels that ``book``, or `LabelBook`, gives."""
    book = LabelBook(module) if book is None else book
    found: dict[int, Constraint] = {}
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, Constraint) and id(value) not in found:
                expression = book.named(value.expression, f"{path}.{name}".lstrip("."))
                found[id(value)] = Constraint(expression, value.message, value.place)
    return list(found.values())


def _find_identities(root: torch.nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the label or identity of every choice, before the path of a place where it stands.

    Choices that are modules, and arguments of layers, come first; then what modules keep as attributes; rules last.
    """
    parts = list(root.named_modules())
    for path, part in parts:
        identity = vars(part).get(IDENTITY)
        if identity is not None:
            yield identity, path or type(part).__name__
        yield from _name_all(path, _find_in_arguments(part))
    for path, part in parts:
        yield from _name_all(path, _find_in_attributes(part))
    for path, part in parts:
        rules = [(f".{name}", value) for name, value in vars(part).items() if isinstance(value, Constraint)]
        yield from _name_all(path, ((suffix, rule.expression) for suffix, rule in rules))


def _name_all(path: str, found: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    for suffix, value in found:
        for expression in find_expressions(value):
            yield from ((decision.label, f"{path}{suffix}".lstrip(".")) for decision in expression.decisions())


def _may_hold(value: Any) -> bool:
    return isinstance(value, Expression) or type(value) in (list, tuple, dict)


def _find_in_recipe(recipe: Recipe, path: str) -> Iterator[tuple[str, Expression]]:
    names = positional_names(recipe.target) if recipe.args else []
    for index, argument in enumerate(recipe.args):
        yield from _find_in_argument(argument, f"{path}.{names[index] if index < len(names) else index}")
    for name, argument in recipe.kwargs.items():
        yield from _find_in_argument(argument, f"{path}.{name}")


def _find_in_argument(argument: Any, path: str) -> Iterator[tuple[str, Expression]]:
    if isinstance(argument, Expression):
        yield path, argument
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _find_in_argument(item, path)
    elif isinstance(argument, Mapping):
        for item in argument.values():
            yield from _find_in_argument(item, path)
    else:
        recipe = None if isinstance(argument, type) else recipe_of(argument)
        if recipe is not None:
            yield from _find_in_recipe(recipe, path)
