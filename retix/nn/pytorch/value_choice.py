"""A choice among values."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from retix.space import Chosen, Decision


class ValueChoice(Chosen):
    """A value that is one of several candidates, used as an argument of a layer or basic unit.

    It computes like a number: ``ValueChoice([16, 32]) * 2`` is a value that follows the choice.

    Args:
        candidates: Numbers, strings, booleans, None, or lists of them.
        prior: The weight of each candidate in random draws.
        label: Choices of one label are made together; by default the place where the value is first used.

    Raises:
        SpaceError: There are no candidates, or one cannot be written as JSON.
    """

    __slots__ = ("label", "prior")

    def __init__(
        self, candidates: Iterable[Any], *, prior: Sequence[float] | None = None, label: str | None = None
    ) -> None:
        self.label = label
        self.prior = prior
        weights = tuple(prior) if prior is not None else None
        # until the model is captured, a choice without a label goes by an identity that copies of it share
        super().__init__(Decision(label or f"?{uuid.uuid4().hex}", tuple(candidates), weights=weights))

    @property
    def candidates(self) -> tuple[Any, ...]:
        """What there is to choose from."""
        return self.decision.candidates

    def __repr__(self) -> str:
        return f"ValueChoice({list(self.candidates)!r}, label={self.label!r})"
