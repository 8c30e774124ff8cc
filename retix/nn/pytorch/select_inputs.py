"""Tensors that are taken where a condition holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from retix.caller import find_caller
from retix.errors import SpaceError
from retix.nn.pytorch.chosen_inputs import REDUCTIONS, reduce
from retix.nn.pytorch.module import Module
from retix.space import Expression


class SelectInputs(Module):
    """Take those of several tensors whose condition holds; it follows other choices, and is none of its own.

    Args:
        conditions: For each tensor a boolean, or an expression over choices that is one.
        reduction: What becomes of the taken tensors: as for `retix.nn.pytorch.InputChoice`, or ``one``: exactly one
            condition holds, and its tensor is the result.

    Raises:
        SpaceError: The reduction is unknown.
    """

    def __init__(self, conditions: Iterable[Expression | bool], reduction: str = "sum") -> None:
        super().__init__()
        if reduction not in (*REDUCTIONS, "one"):
            raise SpaceError(
                f"SelectInputs has the reduction {reduction!r}",
                where=find_caller(),
                fix=f"use one of {(*REDUCTIONS, 'one')}",
            )
        self.conditions = tuple(conditions)
        self.reduction = reduction

    def forward(self, candidate_inputs: Sequence[Any]) -> Any:
        """Reduce the tensors whose condition holds under the first answers.

        Raises:
            SpaceError: There are not as many tensors as conditions.
        """
        if len(candidate_inputs) != len(self.conditions):
            raise SpaceError(
                f"SelectInputs has {len(self.conditions)} conditions and gets {len(candidate_inputs)} tensors",
                where=find_caller(),
                fix="call it with a list that has a tensor for each condition",
            )
        held = [bool(c.default()) if isinstance(c, Expression) else bool(c) for c in self.conditions]
        taken = [tensor for tensor, holds in zip(candidate_inputs, held, strict=True) if holds]
        return reduce(taken, "sum" if self.reduction == "one" else self.reduction)

    def extra_repr(self) -> str:
        return f"conditions={list(self.conditions)}, reduction={self.reduction!r}"
