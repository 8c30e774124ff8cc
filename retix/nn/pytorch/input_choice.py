"""A choice among tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from retix.errors import SpaceError
from retix.nn.pytorch.module import Module
from retix.space import Decision

REDUCTIONS = ("sum", "mean", "concat", "none")


class InputChoice(Module):
    """Choose which of several tensors go on.

    Until it is chosen, the first ones go on. The answer to the choice is the tuple of chosen indices.

    Args:
        n_candidates: How many tensors there are to choose from; by default as many as it is called with.
        n_chosen: How many of them are taken; None for any number of them, but at least one.
        reduction: What becomes of several chosen tensors: their ``sum``, their ``mean``, ``concat`` along dimension 1,
            or ``none`` for the list of them. With one chosen tensor it is that tensor itself, except for ``none``.
        prior: The weight of each candidate in random draws of one candidate.
        label: Choices of one label are made together; by default the path of the choice in the model.

    Raises:
        SpaceError: More are to be chosen than there are, or the reduction is unknown.
    """

    def __init__(
        self,
        n_candidates: int | None = None,
        n_chosen: int | None = 1,
        reduction: str = "sum",
        *,
        prior: Sequence[float] | None = None,
        label: str | None = None,
    ) -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise SpaceError(
                f"the input choice {label!r} has the reduction {reduction!r}", fix=f"use one of {REDUCTIONS}"
            )
        self.n_candidates = n_candidates
        self.n_chosen = n_chosen
        self.reduction = reduction
        self.prior = tuple(prior) if prior is not None else None
        self.label = label
        if n_candidates is not None:
            self.decision(label or "InputChoice", n_candidates)

    def decision(self, label: str, n_candidates: int) -> Decision:
        """The question that this choice asks among ``n_candidates`` tensors, under ``label``."""
        n_chosen = -1 if self.n_chosen is None else self.n_chosen
        return Decision(label, tuple(range(n_candidates)), n_chosen, weights=self.prior)

    def forward(self, candidate_inputs: Sequence[torch.Tensor]) -> Any:
        """Reduce the first ``n_chosen`` tensors, which have equal shapes (for ``concat``, except along dimension 1).

        Raises:
            SpaceError: It is called with another number of tensors than it was made for, or with too few.
        """
        if self.n_candidates is not None and len(candidate_inputs) != self.n_candidates:
            raise SpaceError(
                f"the input choice {self.label!r} was made for {self.n_candidates} tensors and is called with "
                f"{len(candidate_inputs)}",
                fix=f"call it with a list of {self.n_candidates}, or leave n_candidates out",
            )
        self.decision(self.label or "InputChoice", len(candidate_inputs))  # refuses too few
        return reduce(list(candidate_inputs[: self.n_chosen or 1]), self.reduction)

    def extra_repr(self) -> str:
        return (
            f"n_candidates={self.n_candidates}, n_chosen={self.n_chosen}, reduction={self.reduction!r}, "
            f"label={self.label!r}"
        )


def reduce(tensors: list[torch.Tensor], reduction: str) -> Any:
    """What becomes of the chosen tensors; see `InputChoice`."""
    if reduction == "none":
        return tensors
    if len(tensors) == 1:
        return tensors[0]
    if reduction == "concat":
        return torch.cat(tensors, 1)
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total if reduction == "sum" else total / len(tensors)
