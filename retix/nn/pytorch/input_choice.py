"""A choice among tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from retix.errors import SpaceError
from retix.nn.pytorch.chosen_inputs import REDUCTIONS, reduce
from retix.nn.pytorch.mutable import Mutable
from retix.nn.pytorch.outdated import refuse_outdated
from retix.space import Chosen, Decision


class InputChoice(Mutable):
    """Choose which of several tensors go on.

    Until it is chosen, the first ones go on. The answer to the choice is the tuple of chosen indices.

    Args:
        n_candidates: How many tensors there are to choose from; by default as many as it is called with.
        n_chosen: How many of them are taken; None for any number of them, but at least one.
        reduction: What becomes of several chosen tensors: their ``sum``, their ``mean``, ``concat`` along dimension 1,
            or ``none`` for the list of them. With one chosen tensor it is that tensor itself, except for ``none``.
        prior: The weight of each candidate in random draws of one candidate.
        label: Choices of one label are made together; by default the path of the choice in the model. Deep copies of a
            choice are made together with it, whether it has a label or not.
        choose_from: Names of the tensors, if the choice is called with a mapping from name to tensor.

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
        choose_from: Sequence[str] | None = None,
        **outdated: Any,
    ) -> None:
        super().__init__(refuse_outdated("InputChoice", label, outdated))
        self.keys = tuple(choose_from) if choose_from is not None else None
        if self.keys is not None and n_candidates not in (None, len(self.keys)):
            raise self._refuse(
                f"{self._title('input choice')} has n_candidates={n_candidates} and the names {list(self.keys)}",
                fix="leave n_candidates out",
            )
        if reduction not in REDUCTIONS:
            raise self._refuse(
                f"{self._title('input choice')} has the reduction {reduction!r}", fix=f"use one of {REDUCTIONS}"
            )
        self.n_candidates = len(self.keys) if self.keys is not None else n_candidates
        self.n_chosen = n_chosen
        self.reduction = reduction
        self.prior = tuple(prior) if prior is not None else None
        if self.n_candidates is not None:
            self._check(self.n_candidates)

    def _check(self, n_candidates: int) -> None:
        try:
            self.decision(self.label or "InputChoice", n_candidates)
        except SpaceError as error:
            raise self._refuse(error.what, why=error.why, fix=error.fix) from None

    def decision(self, label: str, n_candidates: int | None = None) -> Decision:
        """The question that this choice asks among ``n_candidates`` tensors, under ``label``.

        Raises:
            SpaceError: Nobody said how many tensors there are.
        """
        count = self.n_candidates if n_candidates is None else n_candidates
        if count is None:
            raise self._refuse(
                f"how many tensors {self._title('input choice')} chooses from is not known before it is called",
                fix="give n_candidates",
            )
        n_chosen = -1 if self.n_chosen is None else self.n_chosen
        return Decision(label, tuple(range(count)), n_chosen, weights=self.prior)

    @property
    def answer(self) -> Chosen:
        """The tuple of chosen indices, as a value to compute with."""
        return Chosen(self.decision(self.identity))

    def forward(self, candidate_inputs: Sequence[torch.Tensor] | Mapping[str, torch.Tensor]) -> Any:
        """Reduce the first ``n_chosen`` tensors, which have equal shapes (for ``concat``, except along dimension 1).

        Raises:
            SpaceError: It is called with another number of tensors than it was made for, or with too few.
        """
        given = list_inputs(candidate_inputs, self.keys)
        if self.n_candidates is not None and len(given) != self.n_candidates:
            raise self._refuse(
                f"{self._title('input choice')} was made for {self.n_candidates} tensors and is called with "
                f"{len(given)}",
                fix=f"call it with a list of {self.n_candidates}, or leave n_candidates out",
            )
        self._check(len(given))  # refuses too few
        return reduce(given[: self.n_chosen or 1], self.reduction)

    def extra_repr(self) -> str:
        return (
            f"n_candidates={self.n_candidates}, n_chosen={self.n_chosen}, reduction={self.reduction!r}, "
            f"label={self.label!r}"
        )


def list_inputs(
    given: Sequence[torch.Tensor] | Mapping[str, torch.Tensor], keys: Sequence[str] | None
) -> list[torch.Tensor]:
    """The tensors that an input choice is called with, in order."""
    if isinstance(given, Mapping):
        return [given[key] for key in (given if keys is None else keys)]
    return list(given)
