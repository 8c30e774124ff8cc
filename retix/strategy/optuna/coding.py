"""Decisions in the words of Optuna: parameters and their distributions. Needs Optuna."""

from __future__ import annotations

import hashlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from retix.space import Choice, Decision

Value: TypeAlias = int
"""An index, or 0 and 1 for whether a candidate is chosen."""

_ORDERED = 3
"""From how many numbers on their order says something that a list does not."""

_LISTED = 8
"""Up to how many subsets are one parameter."""


class Coding(ABC):
    """One decision as parameters of a study.

    Their names hold what there is to choose from, because Optuna wants one distribution for each name, and a mutator
    that decides as it goes may ask the same label with other candidates.

    Attributes:
        distributions: Of each parameter by name; none if there is only one answer.
    """

    distributions: dict[str, BaseDistribution]

    @abstractmethod
    def encode(self, choice: Choice) -> dict[str, Value]:
        """The values of the parameters that stand for an answer."""

    @abstractmethod
    def decode(self, values: Mapping[str, Value], rng: random.Random) -> Choice:
        """The answer that values stand for, or one near to them if they stand for none."""

    @abstractmethod
    def near(self, choice: Choice, allowed: Sequence[Choice], rng: random.Random) -> Choice:
        """The allowed answer that comes closest to one that is not allowed."""


class _Listed(Coding):
    """One parameter: the index of the answer in a list of all."""

    def __init__(self, name: str, options: Sequence[Choice], *, is_ordered: bool) -> None:
        self._name = name
        self._options = list(options)
        self._indices = {json.dumps(option): index for index, option in enumerate(self._options)}
        self._is_ordered = is_ordered
        size = len(self._options)
        self.distributions = {}
        if size > 1:
            self.distributions[name] = (
                IntDistribution(0, size - 1) if is_ordered else CategoricalDistribution(range(size))
            )

    def encode(self, choice: Choice) -> dict[str, Value]:
        return {self._name: self._indices[json.dumps(choice)]} if self.distributions else {}

    def decode(self, values: Mapping[str, Value], rng: random.Random) -> Choice:
        return self._options[values[self._name] if self.distributions else 0]

    def near(self, choice: Choice, allowed: Sequence[Choice], rng: random.Random) -> Choice:
        if not self._is_ordered:
            return allowed[rng.randrange(len(allowed))]
        index = self._indices[json.dumps(choice)]
        return min(allowed, key=lambda option: abs(self._indices[json.dumps(option)] - index))


class _Members(Coding):
    """A subset with a parameter for each candidate: whether it is chosen."""

    def __init__(self, name: str, decision: Decision) -> None:
        self._names = [f"{name}[{index}]" for index in range(len(decision.candidates))]
        self._n_chosen = decision.n_chosen
        self.distributions = {member: CategoricalDistribution((0, 1)) for member in self._names}

    def encode(self, choice: Choice) -> dict[str, Value]:
        return {member: int(index in choice) for index, member in enumerate(self._names)}

    def decode(self, values: Mapping[str, Value], rng: random.Random) -> Choice:
        inside = [index for index, member in enumerate(self._names) if values[member]]
        outside = [index for index, member in enumerate(self._names) if not values[member]]
        wanted = max(1, len(inside)) if self._n_chosen == -1 else self._n_chosen or 1
        if len(inside) > wanted:
            inside = rng.sample(inside, wanted)
        elif len(inside) < wanted:
            inside += rng.sample(outside, wanted - len(inside))
        return tuple(sorted(inside))

    def near(self, choice: Choice, allowed: Sequence[Choice], rng: random.Random) -> Choice:
        wanted = set(choice)
        return min(allowed, key=lambda option: len(wanted ^ set(option)))


class Codebook:
    """Finds the coding of decisions, and makes each once."""

    def __init__(self) -> None:
        self._codings: dict[tuple[str, str, int | None], Coding] = {}

    def __getitem__(self, decision: Decision) -> Coding:
        key = (decision.label, json.dumps(decision.candidates), decision.n_chosen)
        if key not in self._codings:
            self._codings[key] = _make_coding(decision, key[1])
        return self._codings[key]


def _make_coding(decision: Decision, candidates: str) -> Coding:
    digest = hashlib.blake2b(f"{decision.n_chosen} {candidates}".encode(), digest_size=4).hexdigest()
    name = f"{decision.label} {digest}"
    if decision.n_chosen is None:
        numbers = [
            item for item in decision.candidates if isinstance(item, (int, float)) and not isinstance(item, bool)
        ]
        is_ordered = len(numbers) == len(decision.candidates) >= _ORDERED
        return _Listed(name, sorted(numbers) if is_ordered else decision.candidates, is_ordered=is_ordered)
    whole = Decision(decision.label, decision.candidates, decision.n_chosen)
    if whole.size <= _LISTED:
        return _Listed(name, list(whole.options()), is_ordered=False)
    return _Members(name, decision)
