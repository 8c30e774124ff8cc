"""Random values over choices, as expressions of retix and as what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import retix.nn.pytorch as nn
from retix.space import all_of, any_of
from tests.spaces.symbol import Answers

SHARED = {"v2": (1, 2), "v3": (1, 2, 3), "w2": (4, 6)}
"""Labels that many parts use, with their candidates."""


@dataclass(frozen=True)
class Value:
    """A value: a number, a choice, or an operator on values.

    Attributes:
        operator: What it is.
        parts: The operands; of a choice its label (None for an automatic one) and candidates; of a number itself.
    """

    operator: str
    parts: tuple[Any, ...]

    def make(self) -> Any:
        """The value as users write it."""
        if self.operator == "number":
            return self.parts[0]
        if self.operator == "choice":
            label, candidates = self.parts
            return nn.ValueChoice(list(candidates), label=label)
        made = [part.make() for part in self.parts]
        return _WRITTEN[self.operator](*made)

    def evaluate(self, answers: Answers, path: str) -> Any:
        """What it comes to; ``path`` is the automatic label. Only what is needed is looked up, from left to right."""
        if self.operator == "number":
            return self.parts[0]
        if self.operator == "choice":
            label, candidates = self.parts
            return answers.ask(path if label is None else label, candidates)
        first, *rest = self.parts
        left = first.evaluate(answers, path)
        if self.operator == "condition":
            return (rest[0] if left else rest[1]).evaluate(answers, path)
        if self.operator == "and":
            return left and rest[0].evaluate(answers, path)
        if self.operator == "or":
            return left or rest[0].evaluate(answers, path)
        return _MEANT[self.operator](left, *(part.evaluate(answers, path) for part in rest))

    def labels(self) -> set[str]:
        """The labels that users gave in it."""
        if self.operator == "choice":
            return {self.parts[0]} - {None}
        return set().union(*(part.labels() for part in self.parts if isinstance(part, Value)))


_WRITTEN: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "times": lambda a, b: a * b,
    "less": lambda a, b: a < b,
    "is": lambda a, b: a == b,
    "differs": lambda a, b: a != b,
    "both": lambda a, b: a & b,
    "either": lambda a, b: a | b,
    "and": all_of,
    "or": any_of,
    "max": lambda a, b: nn.ValueChoice.max(a, b),
    "condition": lambda test, a, b: nn.ValueChoice.condition(test, a, b),
}

_MEANT: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "times": lambda a, b: a * b,
    "less": lambda a, b: a < b,
    "is": lambda a, b: a == b,
    "differs": lambda a, b: a != b,
    "both": lambda a, b: a and b,
    "either": lambda a, b: a or b,
    "max": max,
}


def number(value: int) -> Value:
    """A plain number."""
    return Value("number", (value,))


def shared(label: str) -> Value:
    """The choice of a shared label."""
    return Value("choice", (label, SHARED[label]))
