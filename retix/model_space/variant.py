"""Decisions that are made while a model is built: each assignment of them has a space of its own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import torch

from retix.errors import SpaceError
from retix.model_space.condition import list_construction
from retix.model_space.origin import Asked, Origin
from retix.mutation import SpaceDecision
from retix.space import Choice, Decision, Pick, Sample, SearchSpace

S = TypeVar("S", bound=SearchSpace)

_KEPT = 16
"""How many variants are held at a time; others are made again."""

_COUNTED = 256
"""How many variants are made for the sake of listing decisions and counting samples."""


@dataclass(slots=True)
class _Branch:
    """What is known once some construction-time decisions are answered: the next one, or that there is none."""

    decision: Decision | None = None
    below: dict[str, _Branch] = field(default_factory=dict)


class Variants(SearchSpace, Generic[S]):
    """Construction-time decisions first, then the space of the model that they make.

    What the constructor asks next may depend in any way on what was answered, so that it is found out by building the
    model, once for each new path of answers. Without such decisions there is one variant.

    Args:
        origin: The base model.
        open_space: Makes the space of a module that was built with the given answers; None if they break a rule.
        has_rules: Whether there are rules that answers may break.

    Raises:
        SpaceError: No assignment keeps the rules.
    """

    def __init__(
        self,
        origin: Origin,
        open_space: Callable[[torch.nn.Module | None, Mapping[str, Choice]], S | None],
        has_rules: bool = False,
    ) -> None:
        self._origin = origin
        self._open_space = open_space
        self._root = _Branch()
        self._has_rules = has_rules
        self._kept: OrderedDict[str, S | None] = OrderedDict()
        self._sizes: dict[str, int | None] = {}
        self._possible: dict[str, bool] = {}
        first = self._keep(_note(self._root, origin.asked), origin.module)
        self.first: S = first if first is not None else next(self.spaces())

    @property
    def has_decisions(self) -> bool:
        """Whether anything is decided while the model is built."""
        return self._root.decision is not None

    def space(self, sample: Mapping[str, Any]) -> S:
        """The space of the variant that ``sample`` belongs to.

        Raises:
            SpaceError: The sample lacks the answer to a construction-time decision, or breaks a rule by them.
        """
        decided = self.decided(sample)
        space = self._find(decided)
        if space is None:
            raise SpaceError(f"{decided!r} breaks a constraint of the space")
        return space

    def decided(self, sample: Mapping[str, Any]) -> Sample:
        """The part of ``sample`` that answers construction-time decisions.

        Raises:
            SpaceError: It lacks one.
        """
        return self._decide(lambda decision: _answer(decision, sample))

    def walk(self, pick: Pick) -> Sample:
        decided = self._decide(pick)
        if not decided:
            return self.first.walk(pick)
        inner = self.space(decided).walk(lambda d: decided[d.label] if d.label in decided else pick(d))
        return Sample({**decided, **inner})

    def permits(self, sample: Sample) -> bool:
        decided = self.decided(sample)
        return self.space(sample).permits(Sample({k: v for k, v in sample.items() if k not in decided}))

    def fingerprint(self, sample: Sample) -> str:
        decided = self.decided(sample)
        inner = self.space(sample)
        return inner.fingerprint(Sample({k: v for k, v in sample.items() if k not in decided}))

    @property
    def size(self) -> int | None:
        total = 0
        for count, decided in enumerate(self.assignments()):
            if decided.key not in self._sizes:
                if count >= _COUNTED:
                    return None
                self._sizes[decided.key] = self.space(decided).size
            size = self._sizes[decided.key]
            if size is None:
                return None
            total += size
        return total

    def assignments(self) -> Iterator[Sample]:
        """Yield every assignment of the construction-time decisions that keeps the rules."""

        def go(answers: dict[str, Choice]) -> Iterator[Sample]:
            decision = self._next(answers)
            if decision is None:
                yield Sample(answers)
                return
            for option in self._restricted(decision, answers).options():
                yield from go({**answers, decision.label: option})

        return go({})

    def _restricted(self, decision: Decision, answers: Mapping[str, Choice]) -> Decision:
        """The decision with those candidates alone that a variant which keeps the rules may have.

        Raises:
            SpaceError: There are none.
        """
        if not self._has_rules:
            return decision
        kept = [i for i, c in enumerate(decision.candidates) if self._is_possible({**answers, decision.label: c})]
        if not kept:
            raise SpaceError(
                f"no answer to the choice {decision.label!r} keeps the constraints of the space",
                why=f"its candidates are {list(decision.candidates)!r}",
                fix="loosen the constraints, or add candidates",
            )
        weights = None if decision.weights is None else tuple(decision.weights[i] for i in kept)
        return replace(decision, candidates=tuple(decision.candidates[i] for i in kept), weights=weights)

    def _is_possible(self, answers: dict[str, Choice]) -> bool:
        """Whether a variant that begins with these answers keeps the rules."""
        key = Sample(answers).key
        if key not in self._possible:
            decision = self._next(answers)
            if decision is None:
                self._possible[key] = self._find(Sample(answers)) is not None
            else:
                self._possible[key] = any(
                    self._is_possible({**answers, decision.label: option}) for option in decision.options()
                )
        return self._possible[key]

    def construction_decisions(self) -> list[SpaceDecision]:
        """The construction-time decisions, those first that are met first."""
        assignments = [assignment for _, assignment in zip(range(_COUNTED), self.assignments(), strict=False)]
        found: dict[str, Decision] = {}

        def visit(branch: _Branch) -> None:
            if branch.decision is not None:
                found.setdefault(branch.decision.label, branch.decision)
            for below in branch.below.values():
                visit(below)

        visit(self._root)
        return list_construction(found.values(), assignments)

    def spaces(self) -> Iterator[S]:
        """Yield the space of every variant, up to a number that can be made in reasonable time."""
        for _, decided in zip(range(_COUNTED), self.assignments(), strict=False):
            yield self.space(decided)

    def _decide(self, pick: Pick) -> Sample:
        answers: dict[str, Choice] = {}
        while (decision := self._next(answers)) is not None:
            restricted = self._restricted(decision, answers)
            answers[decision.label] = restricted.check(pick(restricted))
        return Sample(answers)

    def _next(self, answers: dict[str, Choice]) -> Decision | None:
        """What the constructor asks after these answers, given in its order; None if it asks nothing more."""
        branch = self._root
        for label, choice in answers.items():
            key = Sample({label: choice}).key
            if key not in branch.below:
                module, asked = self._origin.build(answers)
                self._keep(_note(self._root, asked), module)
            if key not in branch.below:
                raise SpaceError(
                    f"{self._origin.name} asks for other choices when it is built again",
                    why="which ModelParameterChoice comes next may depend on nothing but the answers before it",
                )
            branch = branch.below[key]
        return branch.decision

    def _find(self, decided: Sample) -> S | None:
        if not self.has_decisions:
            return self.first
        if decided.key not in self._kept:
            return self._keep(decided, self._origin.build(decided)[0])
        self._kept.move_to_end(decided.key)
        return self._kept[decided.key]

    def _keep(self, decided: Sample, module: torch.nn.Module | None) -> S | None:
        self._kept[decided.key] = space = self._open_space(module, decided)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return space


def _note(root: _Branch, asked: Sequence[Asked]) -> Sample:
    """Write down a path that a constructor took."""
    taken: dict[str, Choice] = {}
    branch = root
    for decision, choice in asked:
        if decision.label not in taken:
            branch.decision = decision
            taken[decision.label] = choice
            branch = branch.below.setdefault(Sample({decision.label: choice}).key, _Branch())
    return Sample(taken)


def _answer(decision: Decision, sample: Mapping[str, Any]) -> Choice:
    if decision.label not in sample:
        raise SpaceError(
            f"the sample has no answer to the choice {decision.label!r}",
            fix=f"add {decision.label!r} with one of {list(decision.candidates)!r}",
        )
    return sample[decision.label]
