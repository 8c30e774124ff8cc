"""Choices that forward calls, such as ``self.rate()``: what Python gets for them while a model is captured."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from retix.converter.place import find_user_frame
from retix.errors import ConversionError, SpaceError
from retix.space import CALLED, Expression, Known

FIX = (
    "convert without example inputs (frontend='script'), which keeps `if` and loops on choices; or compute the value "
    "by nn.ValueChoice.condition, max and min; or hand the choice to a @basic_unit; or search by execution_engine='py'"
)


class Asked:
    """A value that depends on choices, as forward sees it during a capture.

    It computes like the value that it will be. What Python has to know of it is answered where the answer is the same
    for every candidate, and refused with the user's line where it is not. To `isinstance` it is what it stands for.

    Args:
        expression: What the value is.

    Attributes:
        expression: See above.
    """

    __slots__ = ("_default", "_options", "expression")

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self._default = expression.default()
        self._options: list[Any] | None = None

    @property  # type: ignore[misc]  # object's is no property to type checkers
    def __class__(self) -> type:
        return type(self._default)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise _refuse(f"forward hands a choice to {getattr(func, '__name__', func)} where no graph is recorded")

    def decide(self, what: str, convert: Callable[[Any], Any]) -> Any:
        """``convert`` of the value, if that is the same for every candidate.

        Raises:
            ConversionError: It is not.
        """
        if self._options is None:
            self._options = _list_options(self.expression)
        answers = [convert(option) for option in self._options]
        if not answers or any(answer != answers[0] for answer in answers):
            raise _refuse(
                f"forward turns {describe(self.expression)} into {what}, which is another one for each candidate"
            )
        return answers[0]

    def __bool__(self) -> bool:
        return bool(self.decide("a condition", bool))

    def __int__(self) -> int:
        return int(self.decide("a Python int", int))

    def __index__(self) -> int:
        return int(self.decide("a Python int", lambda value: value.__index__()))

    def __float__(self) -> float:
        return float(self.decide("a Python float", float))

    def __str__(self) -> str:
        return str(self.decide("a text", str))

    def __format__(self, spec: str) -> str:
        return str(self.decide("a text", lambda value: format(value, spec)))

    def __hash__(self) -> int:
        return hash(self.decide("a key", lambda value: value))

    def __len__(self) -> int:
        return int(self.decide("a length", len))

    def __iter__(self) -> Iterator[Any]:
        return iter([ask(self.expression[index]) for index in range(len(self))])

    def __contains__(self, item: Any) -> bool:
        return bool(self.decide("a condition", lambda value: item in value))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _refuse(f"forward reads {name!r} of {describe(self.expression)}")

    def __repr__(self) -> str:
        return repr(self.expression)


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift")
_OPERATORS = (
    *(name for operation in _BINARY for name in (f"__{operation}__", f"__r{operation}__")),
    *("__neg__", "__pos__", "__abs__", "__invert__", "__round__", "__floor__", "__ceil__", "__trunc__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__getitem__"),
)


def _follow(name: str) -> Callable[..., Any]:
    """An operator of Python on what was asked: what it gives depends on the same choices."""

    def operate(self: Asked, *others: Any) -> Any:
        operation = getattr(self.expression, name, None)
        # tensors and symbols have the operator on their side
        if operation is None or any(hasattr(type(other), "__torch_function__") for other in others if not _is(other)):
            return NotImplemented
        return ask(operation(*map(settle_asked, others)))

    return operate


for _name in _OPERATORS:
    setattr(Asked, _name, _follow(_name))


class AskedInt(Asked, torch.SymInt):
    """A choice among integers, which torch takes among sizes that stand in a row, as in ``x.expand(self.k(), 2)``."""

    __slots__ = ()
    __torch_function__ = torch.nn.Parameter.__torch_function__  # with one of its own it would be taken for all sizes


def _is(item: Any) -> bool:
    return issubclass(type(item), Asked)  # to isinstance it is a number


def ask(expression: Any) -> Any:
    """What forward gets for a value that depends on choices; of one that is a list, a tuple or a dict, its items."""
    if not isinstance(expression, Expression):
        return expression
    try:
        default = expression.default()
    except SpaceError as error:
        raise ConversionError(error.what, where=_caller(), why=error.why, fix=error.fix or FIX) from error
    if isinstance(default, (list, tuple)):
        if _is_alike(expression, lambda option: len(option)):
            return type(default)(ask(expression[index]) for index in range(len(default)))
    elif isinstance(default, Mapping) and _is_alike(expression, lambda option: list(option)):
        return {key: ask(expression[key]) for key in default}
    return AskedInt(expression) if type(default) is int else Asked(expression)


def _is_alike(expression: Expression, of: Callable[[Any], Any]) -> bool:
    found = [of(option) for option in _list_options(expression) if hasattr(option, "__len__")]
    return bool(found) and all(item == found[0] for item in found)


def _list_options(expression: Expression) -> list[Any]:
    """Every value that there may be; none where they are too many to look at."""
    try:
        return list(expression.all_options())
    except SpaceError:
        return []


def agree(expression: Expression) -> bool:
    """Whether every candidate is the same truth, which is then that of the default."""
    options = _list_options(expression)
    return bool(options) and all(bool(option) == bool(options[0]) for option in options)


def settle_asked(item: Any) -> Any:
    """The expression behind what forward got, or the value where the choice is made already."""
    if isinstance(item, Known):
        return item.value
    return item.expression if _is(item) else item


def default_of(item: Any) -> Any:
    """What runs in the place of a choice while the model is captured."""
    if _is(item):
        return item._default
    return item.default() if isinstance(item, Expression) else item


def map_asked(function: Callable[[Any], Any], item: Any) -> Any:
    """``item`` with ``function`` of everything in its lists, tuples, dicts and slices."""
    kind = type(item)
    if kind in (list, tuple):
        return kind(map_asked(function, part) for part in item)
    if kind is dict:
        return {key: map_asked(function, part) for key, part in item.items()}
    if kind is slice:
        return slice(*(map_asked(function, part) for part in (item.start, item.stop, item.step)))
    return function(item)


def holds_asked(item: Any) -> bool:
    """Whether a choice is anywhere in lists, tuples, dicts and slices."""
    kind = type(item)
    if kind in (list, tuple):
        return any(map(holds_asked, item))
    if kind is dict:
        return any(map(holds_asked, item.values()))
    if kind is slice:
        return any(map(holds_asked, (item.start, item.stop, item.step)))
    return issubclass(kind, Asked)


def describe(expression: Expression) -> str:
    """What to call a value that depends on choices."""
    labels = dict.fromkeys(decision.label for decision in expression.decisions())
    named = ", ".join(repr(label) for label in labels if not label.startswith("?"))
    return f"the choice {named}" if named else "a choice without label"


@contextmanager
def answering(is_capturing: Callable[[], bool]) -> Iterator[None]:
    """Let choices that are called in forward answer with what follows them into the graph.

    Args:
        is_capturing: Whether what runs just now is being captured; inside of leaves it is not.
    """

    def called(expression: Expression) -> Any:
        return ask(expression) if is_capturing() else expression.default()

    token = CALLED.set(called)
    try:
        yield
    finally:
        CALLED.reset(token)


def _caller() -> Any:
    return find_user_frame(sys._getframe(1))


def _refuse(what: str) -> ConversionError:
    return ConversionError(
        what,
        where=_caller(),
        why="one way through forward is followed, for all candidates",
        fix=FIX,
    )


def refuse_uncalled(expression: Expression) -> ConversionError:
    """The error for a forward that computes with a choice itself."""
    return ConversionError(
        f"forward computes with {describe(expression)} without calling it",
        where=_caller(),
        why="in forward a choice is a question; calling it gives its value",
        fix="call it, as in x * self.scale()",
    )
