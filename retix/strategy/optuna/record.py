"""What a strategy of Optuna's remembers of one trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from retix.space import Sample

Stage: TypeAlias = Literal["open", "complete", "pruned", "failed"]
"""How far a trial is: proposed and not ended, ended with a result, halted with an intermediate one, without any."""


@dataclass(frozen=True, slots=True)
class Record:
    """One trial, in the words of a study.

    Attributes:
        sample: The model.
        stage: How far it is.
        costs: Its objectives such that lower is better, all finite; empty while open, and if it failed.
        steps: Of a pruned one, how many intermediate results it had reported.
        violation: By how much it breaks the limits, 0 for not at all; None where there are no limits, or no result.
        path: Its first cost after so many intermediate results, by each time that it was paused.
        marks: What the sampler noted of it when it was proposed: the generation it belongs to, of an evolution.
    """

    sample: Sample
    stage: Stage = "open"
    costs: tuple[float, ...] = ()
    steps: int = 0
    violation: float | None = None
    path: tuple[tuple[int, float], ...] = ()
    marks: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_result(self) -> bool:
        """Whether a sampler can learn from it."""
        return self.stage in ("complete", "pruned")

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values; what holds nothing is left out."""
        data: dict[str, Any] = {"sample": self.sample.to_json(), "stage": self.stage}
        if self.costs:
            data["costs"] = list(self.costs)
        if self.steps:
            data["steps"] = self.steps
        if self.violation is not None:
            data["violation"] = self.violation
        if self.path:
            data["path"] = [list(point) for point in self.path]
        if self.marks:
            data["marks"] = dict(self.marks)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """The record that ``to_json`` wrote."""
        return cls(
            Sample(data["sample"]),
            data["stage"],
            tuple(data.get("costs", ())),
            data.get("steps", 0),
            data.get("violation"),
            tuple((steps, cost) for steps, cost in data.get("path", ())),
            dict(data.get("marks", {})),
        )
