"""What a policy did for one sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One question, answered.

    Attributes:
        question: The question's number.
        answer: The answer's index.
        allowed: The answers that were left, by index; None for all.
        log_prob: The logarithm of the probability that the policy gave the answer when it was asked.
    """

    question: int
    answer: int
    allowed: tuple[int, ...] | None
    log_prob: float

    def to_json(self) -> list[Any]:
        """The step as JSON values."""
        return [self.question, self.answer, self.allowed, self.log_prob]

    @classmethod
    def from_json(cls, data: Sequence[Any]) -> Step:
        """The step that ``to_json`` wrote."""
        question, answer, allowed, log_prob = data
        return cls(question, answer, None if allowed is None else tuple(allowed), log_prob)


@dataclass(frozen=True, slots=True)
class Episode:
    """The steps that led to one sample.

    Attributes:
        steps: In the order in which the questions came; none where the space left nothing to decide.
        cost: What became of the sample, lower being better: how far it is beyond limits, then the objective, infinite
            for a failure. None as long as that is not known.
    """

    steps: tuple[Step, ...]
    cost: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """The episode as JSON values."""
        cost = None if self.cost is None else [value if value != float("inf") else None for value in self.cost]
        return {"steps": [step.to_json() for step in self.steps], "cost": cost}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Episode:
        """The episode that ``to_json`` wrote."""
        cost = data["cost"]
        if cost is not None:
            violation, value = (float("inf") if item is None else item for item in cost)
            cost = (violation, value)
        return cls(tuple(Step.from_json(step) for step in data["steps"]), cost)
