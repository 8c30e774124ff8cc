"""What stands in place of open arguments and members once decisions are answered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from retix.errors import SpaceError
from retix.ir import LayerChoice, Member, Module, Open, Symbol, Tensor
from retix.mutation.liveness import Liveness
from retix.mutation.open_choices import find_open
from retix.space import Choice, Expression

_MISSING: Final = object()
_REMEMBERED = 4096


def to_literal(value: Any) -> Any:
    """The value of an expression as an argument: classes and functions, also inside lists and dicts, by their names."""
    if isinstance(value, type) or inspect.isroutine(value):
        module = "torch.nn" if value.__module__ == "retix.nn.pytorch" else value.__module__
        return Symbol(f"{module}.{value.__qualname__}")
    if type(value) in (list, tuple):
        return type(value)(to_literal(item) for item in value)
    if isinstance(value, dict):
        return {key: to_literal(item) for key, item in value.items()}
    return value


def fill(argument: Any, value_of: Callable[[Open], Any]) -> Any:
    """``argument`` with every open argument in it replaced by what ``value_of`` says of it."""
    if isinstance(argument, Open):
        return value_of(argument)
    if isinstance(argument, Module):
        kwargs = {key: fill(item, value_of) for key, item in argument.kwargs.items()}
        return replace(argument, args=fill(argument.args, value_of), kwargs=kwargs)
    if isinstance(argument, Tensor):
        return replace(argument, init=fill(argument.init, value_of))
    if isinstance(argument, (list, tuple)):
        return type(argument)(fill(item, value_of) for item in argument)
    if isinstance(argument, dict):
        return {key: fill(item, value_of) for key, item in argument.items()}
    if isinstance(argument, slice):
        return slice(*(fill(part, value_of) for part in (argument.start, argument.stop, argument.step)))
    return argument


class Filling:
    """An argument, or anything else that holds open arguments.

    What it becomes is kept for each set of answers, as the same ones come again and again.

    Args:
        template: The argument.
        liveness: Knows the expressions.
        type: The class of the layer whose argument it is, for errors.
    """

    __slots__ = ("_expressions", "_is_plain", "_known", "_labels", "_template", "_type")

    def __init__(self, template: Any, liveness: Liveness, type: str | None = None) -> None:
        self._template = template
        self._expressions: dict[int, Expression] = {id(item): liveness.read(item) for item in find_open(template)}
        self._labels = tuple(dict.fromkeys(d.label for e in self._expressions.values() for d in e.decisions()))
        network = liveness.network
        self._is_plain = all(network.questions[network.number_of[label]].is_plain for label in self._labels)
        self._known: dict[Any, Any] = {}
        self._type = type

    @property
    def labels(self) -> tuple[str, ...]:
        """The decisions that it depends on."""
        return self._labels

    def fill(self, answers: Mapping[str, Choice], news: list[Any]) -> Any:
        """The argument with values; one that was not made before is put into ``news``.

        Raises:
            SpaceError: The arithmetic fails on these answers.
        """
        key: Any = tuple([answers.get(label, _MISSING) for label in self._labels])
        if not self._is_plain:
            key = repr(key)
        found = self._known.get(key, _MISSING)
        if found is _MISSING:
            found = self._make(answers)
            news.append(found)
            if len(self._known) < _REMEMBERED:
                self._known[key] = found
        return found

    def _make(self, answers: Mapping[str, Choice]) -> Any:
        try:
            return fill(self._template, lambda item: to_literal(self._expressions[id(item)].evaluate(answers)))
        except SpaceError as error:
            if self._type is None:
                raise
            raise SpaceError(f"{self._type}: {error.what}", where=error.where, why=error.why, fix=error.fix) from error


class MemberFilling:
    """What a member becomes: itself, the same with arguments, or a candidate.

    Args:
        member: The member.
        liveness: Knows the expressions.
    """

    __slots__ = ("_candidates", "_filling", "_made", "_member")

    def __init__(self, member: Member, liveness: Liveness) -> None:
        self._member = member
        self._candidates: dict[str, MemberFilling] = {}
        self._filling: Filling | None = None
        self._made: dict[int, Member] = {}
        op = member.op
        if isinstance(op, LayerChoice):
            self._candidates = {name: MemberFilling(candidate, liveness) for name, candidate in op.candidates}
        elif any(find_open(op)):
            self._filling = Filling(op, liveness, op.type if isinstance(op, Module) else None)

    @property
    def is_open(self) -> bool:
        """Whether it depends on answers."""
        return bool(self._candidates) or self._filling is not None

    def labels(self) -> Iterable[str]:
        """Yield the decisions that it depends on."""
        if isinstance(self._member.op, LayerChoice):
            yield self._member.op.label
        if self._filling is not None:
            yield from self._filling.labels
        for candidate in self._candidates.values():
            yield from candidate.labels()

    def fill(self, answers: Mapping[str, Choice], news: list[Any]) -> Member:
        """The member with its choices made; see `Filling.fill`."""
        at = self
        while at._candidates:
            assert isinstance(at._member.op, LayerChoice)
            at = at._candidates[answers[at._member.op.label]]
        if at._filling is None:
            return at._member
        op = at._filling.fill(answers, news)
        made = at._made.get(id(op))
        if made is None or made.op is not op:
            made = Member(op, at._member.origin)
            if len(at._made) < _REMEMBERED:
                at._made[id(op)] = made
        return made
