"""What a strategy remembers of a model that was tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retix.objective import Objectives
from retix.pareto import rank
from retix.space import Sample
from retix.trial import Trial


@dataclass(frozen=True, slots=True)
class Member:
    """A model and what it has shown.

    Attributes:
        trial: The id of its trial.
        sample: The model.
        costs: Its objectives such that lower is better; infinite where it has none.
        violation: By how much it breaks limits; 0 if it breaks none.
        steps: How many intermediate results its costs follow from; 0 where its evaluator reports none.
        has_ended: Whether the costs are final; otherwise its trial is paused.
    """

    trial: int
    sample: Sample
    costs: tuple[float, ...]
    violation: float = 0.0
    steps: int = 0
    has_ended: bool = True

    @classmethod
    def of(cls, trial: Trial, objectives: Objectives) -> Member:
        """The member that a trial makes."""
        return cls(
            trial.id,
            trial.sample,
            objectives.costs(trial.metrics),
            objectives.violation(trial.metrics),
            trial.steps,
            trial.state.is_final,
        )

    @property
    def is_rated(self) -> bool:
        """Whether it has all of its costs."""
        return all(map(math.isfinite, self.costs))

    def to_json(self) -> list[Any]:
        """The member as JSON values."""
        costs, violation = (_write(value) for value in self.costs), _write(self.violation)
        return [self.trial, self.sample.to_json(), list(costs), violation, self.steps, self.has_ended]

    @classmethod
    def from_json(cls, data: Sequence[Any]) -> Member:
        """The member that ``to_json`` wrote."""
        trial, sample, costs, violation, steps, has_ended = data
        return cls(trial, Sample(sample), tuple(map(_read, costs)), _read(violation), steps, has_ended)


def find_best(members: Sequence[Member]) -> Member:
    """The best of at least one member; of several that are equally good, or on one front, the first.

    On a front, crowding does not count: the two ends of it, which are never crowded, would win every large tournament.
    """
    if len(members[0].costs) == 1:
        return min(members, key=lambda member: (not member.is_rated, member.violation, member.costs))
    return members[rank([m.costs for m in members], [m.violation for m in members]).index(0)]


def is_better(one: Member, other: Member) -> bool:
    """Whether ``one`` is better than ``other``, and not just as good, or good at something else."""
    return find_best([other, one]) is one


def _write(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _read(value: float | None) -> float:
    return math.inf if value is None else value
