"""A decision: one named question that a model of the space answers."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeAlias

from retix.errors import AnswerError, LabelConflictError, SpaceError

Choice: TypeAlias = Any
"""One answer: a JSON value; lists are held as tuples and dicts frozen, so that samples stay hashable."""

Condition: TypeAlias = tuple[tuple[str, Choice], ...]
"""A conjunction of answers, such as ``(("block", "conv"), ("norm", True))``."""


class FrozenDict(dict[str, Any]):
    """A dict that is a candidate, or part of one: hashable, and refusing to be changed."""

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none because it changes
        return hash(tuple(sorted(self.items(), key=lambda item: item[0])))

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise SpaceError(
            "a candidate of a choice cannot be changed",
            why="samples are compared by their answers",
            fix="change a copy: dict(candidate)",
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, memo: object) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return FrozenDict, (dict(self),)


def freeze(value: Any) -> Choice:
    """Return ``value`` as a hashable JSON value: lists turned into tuples, dicts frozen with their keys in order.

    Raises:
        SpaceError: The value has no JSON form.
    """
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item) for item in value)
    if value is None or isinstance(value, (bool, int, str, FrozenDict)):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return FrozenDict({key: freeze(value[key]) for key in sorted(value)})
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise SpaceError(
        f"the candidate {value!r} of type {type(value).__name__} cannot be written as JSON",
        why="samples are stored, compared and sent to workers as JSON",
        fix="use finite numbers, strings, booleans, None, or lists and dicts of them, the keys being strings",
    )


_SHOWN = 10


def same(left: Choice, right: Choice) -> bool:
    """Whether two answers are the same JSON value; unlike ``==``, ``1``, ``1.0`` and ``True`` differ."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(item, right[key]) for key, item in left.items())
    return bool(left == right)


@dataclass(frozen=True, slots=True)
class Decision:
    """One named question with its candidates.

    Attributes:
        label: The name; equal labels are one decision.
        candidates: What there is to choose from.
        n_chosen: ``None`` picks exactly one candidate and the answer is that candidate. A number picks
            that many different candidates, and the answer is the sorted tuple of their *indices*;
            ``-1`` picks any non-empty subset.
        when: The decision is alive if one of these conjunctions holds, or if there is none.
        weights: Prior weight of each candidate for random draws of one candidate.
        allowed: The only answers that are left, where constraints rule out the others; None for all. It is no part of
            what the decision is: equal decisions may have different answers left.
    """

    label: str
    candidates: tuple[Choice, ...]
    n_chosen: int | None = None
    when: tuple[Condition, ...] = ()
    weights: tuple[float, ...] | None = field(default=None, compare=False)
    allowed: tuple[Choice, ...] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidates", tuple(freeze(item) for item in self.candidates))
        when = tuple(tuple((label, freeze(choice)) for label, choice in condition) for condition in self.when)
        object.__setattr__(self, "when", when)
        if not self.candidates:
            raise SpaceError(f"the choice {self.label!r} has no candidates", fix="give it at least one candidate")
        if self.n_chosen is None:
            _check_distinct(self.label, self.candidates)
        elif not (self.n_chosen == -1 or 1 <= self.n_chosen <= len(self.candidates)):
            raise SpaceError(
                f"the choice {self.label!r} picks {self.n_chosen} of {len(self.candidates)} candidates",
                fix=f"let n_chosen be between 1 and {len(self.candidates)}",
            )
        if self.weights is not None:
            _check_weights(self.label, self.weights, len(self.candidates))

    @property
    def size(self) -> int:
        """The number of different answers."""
        if self.allowed is not None:
            return len(self.allowed)
        n = len(self.candidates)
        if self.n_chosen is None:
            return n
        return 2**n - 1 if self.n_chosen == -1 else math.comb(n, self.n_chosen)

    def options(self) -> Iterator[Choice]:
        """Yield every answer, in a fixed order."""
        if self.allowed is not None:
            yield from self.allowed
            return
        if self.n_chosen is None:
            yield from self.candidates
            return
        indices = range(len(self.candidates))
        sizes = indices if self.n_chosen == -1 else range(self.n_chosen - 1, self.n_chosen)
        for size in sizes:
            yield from itertools.combinations(indices, size + 1)

    def first(self) -> Choice:
        """The first answer, used where a model has to be built before anything is decided."""
        return next(self.options())

    def draw(self, rng: random.Random) -> Choice:
        """Draw one answer, uniformly, or by ``weights`` where there are any."""
        if self.allowed is not None:
            return self._draw_allowed(self.allowed, rng)
        if self.n_chosen is None:
            if self.weights is None:
                return self.candidates[rng.randrange(len(self.candidates))]
            return rng.choices(self.candidates, self.weights)[0]
        n = len(self.candidates)
        if self.n_chosen == -1:
            mask = rng.randrange(1, 2**n)
            return tuple(i for i in range(n) if mask >> i & 1)
        return tuple(sorted(rng.sample(range(n), self.n_chosen)))

    def _draw_allowed(self, allowed: tuple[Choice, ...], rng: random.Random) -> Choice:
        if self.n_chosen is None and self.weights is not None:
            weights = [
                w for c, w in zip(self.candidates, self.weights, strict=True) if any(same(c, a) for a in allowed)
            ]
            if sum(weights) > 0:
                return rng.choices(allowed, weights)[0]
        return allowed[rng.randrange(len(allowed))]

    def check(self, choice: Any) -> Choice:
        """Return ``choice`` in its frozen form if it answers this decision.

        Raises:
            AnswerError: It does not.
        """
        if self.n_chosen is None and self.allowed is None and any(choice is candidate for candidate in self.candidates):
            return choice  # the common case, and the quick one
        frozen = freeze(choice)
        if self.allowed is not None and not any(same(frozen, answer) for answer in self.allowed):
            replace(self, allowed=None).check(choice)
            shown = ", ".join(map(repr, self.allowed[:_SHOWN])) + (", …" if len(self.allowed) > _SHOWN else "")
            raise AnswerError(
                f"{choice!r} does not answer the choice {self.label!r} here",
                why="with the answers before it, no model with this answer meets the constraints of the space",
                fix=f"choose {'one of ' if len(self.allowed) > 1 else ''}{shown}",
            )
        if self.n_chosen is None:
            if any(same(frozen, candidate) for candidate in self.candidates):
                return frozen
            allowed = f"one of {list(self.candidates)!r}"
        else:
            if self._is_subset(frozen):
                return frozen
            many = "one or more" if self.n_chosen == -1 else str(self.n_chosen)
            some = tuple(range(max(self.n_chosen, 1)))
            allowed = f"a tuple of {many} indices below {len(self.candidates)}, in rising order, such as {some}"
        raise AnswerError(f"{choice!r} does not answer the choice {self.label!r}", fix=f"choose {allowed}")

    def _is_subset(self, choice: Choice) -> bool:
        if not isinstance(choice, tuple) or not all(type(i) is int for i in choice):
            return False
        ascending = list(choice) == sorted(set(choice)) and all(0 <= i < len(self.candidates) for i in choice)
        return ascending and (len(choice) == self.n_chosen or (self.n_chosen == -1 and len(choice) > 0))

    def alive(self, answers: Mapping[str, Choice]) -> bool:
        """Whether the decision matters once ``answers`` are given."""
        if not self.when:
            return True
        return any(all(k in answers and same(answers[k], v) for k, v in cond) for cond in self.when)

    def merged(self, other: Decision) -> Decision:
        """The one decision that two uses of the same label stand for.

        Raises:
            LabelConflictError: The uses contradict each other.
        """
        if not same(self.candidates, other.candidates) or self.n_chosen != other.n_chosen:
            raise LabelConflictError(
                f"the label {self.label!r} stands for two different choices: "
                f"{list(self.candidates)!r} and {list(other.candidates)!r}",
                why="one label is one decision, wherever it is used",
                fix="give both the same candidates, or give one of them another label",
            )
        when = () if not self.when or not other.when else tuple(dict.fromkeys(self.when + other.when))
        return replace(self, when=when)

    def to_json(self) -> dict[str, Any]:
        """The decision as JSON values."""
        data: dict[str, Any] = {"label": self.label, "candidates": list(self.candidates)}
        if self.n_chosen is not None:
            data["n_chosen"] = self.n_chosen
        if self.when:
            data["when"] = [[list(pair) for pair in cond] for cond in self.when]
        if self.weights is not None:
            data["weights"] = list(self.weights)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """The decision that ``to_json`` wrote."""
        when = tuple(tuple((k, v) for k, v in cond) for cond in data.get("when", ()))
        weights = data.get("weights")
        return cls(
            data["label"],
            tuple(data["candidates"]),
            data.get("n_chosen"),
            when,
            tuple(weights) if weights is not None else None,
        )


def _check_distinct(label: str, candidates: tuple[Choice, ...]) -> None:
    texts = [json.dumps(candidate) for candidate in candidates]
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise SpaceError(
            f"the choice {label!r} has the candidate {twice} more than once",
            why="an answer names its candidate, so that equal candidates are the same answer",
            fix="name each candidate once, and give it a larger prior weight if it shall come more often",
        )


def _check_weights(label: str, weights: tuple[float, ...], n: int) -> None:
    if len(weights) != n or any(w < 0 for w in weights) or not sum(weights) > 0:
        raise SpaceError(
            f"the prior of the choice {label!r} is {list(weights)!r} for {n} candidates",
            fix=f"give {n} weights, none negative and at least one above 0",
        )
