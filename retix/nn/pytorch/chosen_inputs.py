"""Tensors that were chosen from a list, and what becomes of several of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from retix.caller import find_caller
from retix.errors import SpaceError
from retix.nn.pytorch.module import Module

REDUCTIONS = ("sum", "mean", "concat", "none")


class ChosenInputs(Module):
    """What an input choice is once it is made.

    Args:
        chosen: The index, or indices, of the tensors that are taken.
        reduction: What becomes of them; see `retix.nn.pytorch.InputChoice`.

    Raises:
        SpaceError: The reduction is unknown.
    """

    def __init__(self, chosen: Iterable[int] | int, reduction: str) -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise SpaceError(
                f"chosen inputs have the reduction {reduction!r}", where=find_caller(), fix=f"use one of {REDUCTIONS}"
            )
        self.chosen = [chosen] if isinstance(chosen, int) else list(chosen)
        self.reduction = reduction

    def forward(self, candidate_inputs: Sequence[Any]) -> Any:
        """Reduce the chosen tensors, which have equal shapes (for ``concat``, except along dimension 1)."""
        return reduce([candidate_inputs[index] for index in self.chosen], self.reduction)

    def extra_repr(self) -> str:
        return f"chosen={self.chosen}, reduction={self.reduction!r}"


def reduce(tensors: list[Any], reduction: str) -> Any:
    """What becomes of the chosen tensors; see `retix.nn.pytorch.InputChoice`. Of none, nothing becomes."""
    if reduction == "none":
        return tensors
    if len(tensors) < 2:
        return tensors[0] if tensors else None
    if reduction == "concat":
        return torch.cat(tensors, 1)
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total if reduction == "sum" else total / len(tensors)
