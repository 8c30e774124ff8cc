"""A choice among values."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from retix.caller import find_caller
from retix.errors import RecipeError, SpaceError
from retix.nn.pytorch.label import label_of, new_identity
from retix.nn.pytorch.mutable import Settling
from retix.recipe import importable_name
from retix.space import Choice, Chosen, Decision


class ValueChoice(Chosen, metaclass=Settling):
    """A value that is one of several candidates, used as an argument of a layer or basic unit, or called in forward.

    It computes like a number: ``ValueChoice([16, 32]) * 2`` is a value that follows the choice.

    Args:
        candidates: Numbers, strings, booleans, None, lists or dicts of them; or classes and functions, also with
            arguments by `functools.partial`, which go by their names in samples.
        prior: The weight of each candidate in random draws.
        label: Choices of one label are made together; by default the place where the value is first used.

    Raises:
        SpaceError: There are no candidates, or one cannot be written as JSON.
    """

    __slots__ = ("_objects", "_place", "prior")

    def __init__(
        self,
        candidates: Iterable[Any],
        *,
        prior: Sequence[float] | None = None,
        label: str | None = None,
    ) -> None:
        self.prior = tuple(prior) if prior is not None else None
        self._place = find_caller(2)
        given = tuple(candidates)
        self._objects = _name_objects(given)
        answers = tuple(self._objects) if self._objects else given
        known_by = new_identity(label)
        try:
            decision = Decision(known_by, answers, weights=self.prior)
        except SpaceError as error:
            shown = "ValueChoice" if label is None else label
            what = error.what.replace(repr(known_by), repr(shown))
            raise SpaceError(what, where=self._place, why=error.why, fix=error.fix) from None
        super().__init__(decision)

    @classmethod
    def make_open(cls, candidates: Iterable[Any], **arguments: Any) -> ValueChoice:
        """A choice that stays one, even inside of `retix.fixed_arch`."""
        made: ValueChoice = cls.__new__(cls)
        cls.__init__(made, candidates, **arguments)  # the class's own call would settle it
        return made

    @classmethod
    def make_part(cls, candidates: Iterable[Any], identity: str, prior: Sequence[float] | None = None) -> Chosen:
        """A choice that is part of a cell, under the cell's label or identity."""
        made = cls.make_open(candidates, prior=prior)
        return made.relabelled(replace(made.decision, label=identity))

    def answer_for(self, value: Any) -> Choice:
        """The answer that gives ``value``, one of the candidates."""
        if self._objects:
            return next(name for name, thing in self._objects.items() if thing is value or thing == value)
        return self._decision.check(value)

    @property
    def label(self) -> str | None:
        """The label that the user gave."""
        return label_of(self._decision.label)

    @property
    def place(self) -> str | None:
        """``file:line`` where the user made it."""
        return self._place

    @property
    def candidates(self) -> list[Any]:
        """What there is to choose from."""
        return list(self._objects.values() if self._objects else self._decision.candidates)

    def default(self) -> Any:
        return self.candidates[0]

    def _evaluate(self, answers: Mapping[str, Choice]) -> Any:
        if not self._objects:
            return super()._evaluate(answers)
        answer = self._look_up(answers)
        named = next((name for name, thing in self._objects.items() if thing is answer), answer)
        return self._objects[self._decision.check(named)]

    def relabelled(self, decision: Decision) -> Chosen:
        made: ValueChoice = ValueChoice.__new__(ValueChoice)
        made._objects, made._place, made.prior, made._decision = self._objects, self._place, self.prior, decision
        return made

    def to_json(self) -> Any:
        if not self._objects:
            return super().to_json()
        for thing in self._objects.values():
            try:
                importable_name(thing)
            except RecipeError as error:
                raise SpaceError(error.what, where=self._place, why=error.why, fix=error.fix) from error
        return {"apply": "import", "to": [super().to_json()]}

    def __repr__(self) -> str:
        return f"ValueChoice({list(self.candidates)!r}, label={self.label!r})"


def _name_objects(candidates: tuple[Any, ...]) -> dict[str, Any]:
    """Classes and functions among candidates by name; empty if there are none of them."""
    if not any(callable(candidate) for candidate in candidates):
        return {}
    named: dict[str, Any] = {}
    for candidate in candidates:
        name = _name(candidate)
        while name in named:
            name += "'"
        named[name] = candidate
    return named


def _name(candidate: Any) -> str:
    if isinstance(candidate, functools.partial):  # its own repr may hold an address, which no other process knows
        keywords = [f"{name}={_name(value)}" for name, value in candidate.keywords.items()]
        return f"{_name(candidate.func)}({', '.join([*map(_name, candidate.args), *keywords])})"
    if not callable(candidate):
        return repr(candidate)
    try:
        return importable_name(candidate)
    except RecipeError:
        return getattr(candidate, "__qualname__", repr(candidate))
