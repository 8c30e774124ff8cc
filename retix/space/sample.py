"""A sample: the answers that make one model of a space."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from retix.space.decision import Choice, freeze


class Sample(Mapping[str, Choice]):
    """A frozen mapping from label to answer, hashable, equal by content, and JSON.

    Layer choices answer with the candidate's name (a string), value choices with the value, input choices
    with a tuple of indices::

        >>> Sample({"conv": "0", "hidden": 64, "skip": [0, 2]})
        Sample(conv='0', hidden=64, skip=(0, 2))
    """

    __slots__ = ("_answers", "_key")

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self._answers = {label: freeze(choice) for label, choice in (answers or {}).items()}
        self._key = json.dumps(self._answers, sort_keys=True)

    def __getitem__(self, label: str) -> Choice:
        return self._answers[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Sample) else NotImplemented

    def __repr__(self) -> str:
        if all(label.isidentifier() for label in self):
            return f"Sample({', '.join(f'{k}={v!r}' for k, v in self.items())})"
        return f"Sample({self._answers!r})"

    def __str__(self) -> str:
        return str(self.to_json())

    def __reduce__(self) -> tuple[object, ...]:
        return Sample, (self._answers,)

    @property
    def key(self) -> str:
        """The sample in one canonical line of JSON; equal samples have equal keys."""
        return self._key

    def to_json(self) -> dict[str, Any]:
        """The sample as JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(self._answers))
        return plain
