"""One label, one list of candidates: checked before anything runs, with the line of the choice that differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from retix.errors import LabelConflictError
from retix.nn.pytorch import InputChoice, LayerChoice
from retix.recipe import recipe_of
from retix.space import Chosen, Constraint, Decision, Expression, find_expressions


def check_labels(module: torch.nn.Module) -> None:
    """Refuse a label under which there are two lists of candidates.

    Raises:
        LabelConflictError: There is one; the message names the line of the second.
    """
    known: dict[str, tuple[Decision, Any]] = {}
    for part in module.modules():
        for decision, place in _find_decisions(part):
            first, first_place = known.setdefault(decision.label, (decision, place))
            try:
                first.merged(decision)
            except LabelConflictError as error:
                why = error.why or f"the first one is at {first_place}"
                raise LabelConflictError(error.what, where=place, why=why, fix=error.fix) from None


def _find_decisions(part: torch.nn.Module) -> Iterator[tuple[Decision, Any]]:
    """Yield the decisions of one module, each with the user's line that made it."""
    if isinstance(part, LayerChoice) or (isinstance(part, InputChoice) and part.n_candidates is not None):
        yield part.decision(part.identity), part.place
    recipe = recipe_of(part)
    held = [item.expression if isinstance(item, Constraint) else item for item in vars(part).values()]
    given = (recipe.args, dict(recipe.kwargs)) if recipe is not None else ()
    for expression in find_expressions([list(given), held]):
        for chosen in _find_chosen(expression):
            yield chosen.decision, getattr(chosen, "place", None)


def _find_chosen(expression: Expression) -> Iterator[Chosen]:
    if isinstance(expression, Chosen):
        yield expression
    else:
        for argument in find_expressions(list(getattr(expression, "arguments", ()))):
            yield from _find_chosen(argument)
