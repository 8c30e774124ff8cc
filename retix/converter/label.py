"""Labels for choices that the user gave none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from retix.nn.pytorch import InputChoice, LayerChoice
from retix.recipe import recipe_of


class LabelBook:
    """Names every unlabelled choice after the place in the model where it is first met.

    The same model gives the same names in every run and on every machine.

    Args:
        taken: Labels that users gave, which no automatic one may equal.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._by_identity: dict[str, str] = {}
        self._taken = set(taken)

    def name(self, label: str | None, path: str, identity: str) -> str:
        """The label, or one made of ``path`` for the choice that ``identity`` tells from others."""
        if label is not None:
            return label
        known = self._by_identity.get(identity)
        if known is None:
            known, count = path, 1
            while known in self._taken:
                known, count = f"{path}_{count}", count + 1
            self._taken.add(known)
            self._by_identity[identity] = known
        return known

    def name_choices(self, expression: Any, path: str) -> Any:
        """``expression`` (JSON) with a label in every choice; one without goes by ``?`` and its identity."""
        if isinstance(expression, list):
            return [self.name_choices(item, path) for item in expression]
        if not isinstance(expression, dict):
            return expression
        if "choice" in expression:
            choice = expression["choice"]
            label = choice["label"]
            named = self.name(None, path, label) if label.startswith("?") else label
            return {"choice": {**choice, "label": named}}
        return {key: self.name_choices(item, path) for key, item in expression.items()}


def find_labels(module: torch.nn.Module) -> Iterator[str]:
    """Yield the labels that the user gave to choices, in whatever order."""
    for part in module.modules():
        if isinstance(part, (LayerChoice, InputChoice)) and part.label is not None:
            yield part.label
        recipe = recipe_of(part)
        if recipe is not None:
            yield from _labels_in((recipe.args, dict(recipe.kwargs)))


def _labels_in(argument: Any) -> Iterator[str]:
    if hasattr(type(argument), "__retix_default__"):
        yield from (d.label for d in argument.decisions() if not d.label.startswith("?"))
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _labels_in(item)
    elif isinstance(argument, dict):
        yield from _labels_in(list(argument.values()))
