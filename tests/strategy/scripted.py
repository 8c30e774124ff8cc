"""A strategy whose proposals are written down, and which remembers what it was told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from retix.space import Sample
from retix.strategy import Strategy
from retix.trial import Proposal, Trial


class Scripted(Strategy):
    """Proposes the given samples in their order, each as the child of the last trial that it was told.

    Args:
        samples: Answers, or whole samples.
        inherits: Whether a child inherits weights.
    """

    def __init__(self, samples: Iterable[Mapping[str, Any]], inherits: bool = False) -> None:
        super().__init__(seed=0)
        self.left = deque(map(Sample, samples))
        self.told: list[Trial] = []
        self.observed: list[Trial] = []
        self._inherits = inherits

    def ask(self) -> Proposal | None:
        if not self.left:
            return None
        parent = self.told[-1].id if self.told else None
        return Proposal(self.left.popleft(), parent, self._inherits and parent is not None)

    @property
    def exhausted(self) -> bool:
        return not self.left

    @property
    def inherits_weights(self) -> bool:
        return self._inherits

    def possible_parents(self) -> frozenset[int]:
        return frozenset(trial.id for trial in self.told) if self._inherits else frozenset()

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.told.append(trial)

    def observe(self, trial: Trial) -> None:
        self.observed.append(trial)
