"""Arithmetic on choices: `ValueChoice([16, 32]) * 2` is a value that is known once the choice is made."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from retix.errors import SpaceError
from retix.space.decision import Choice, Decision, freeze

OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": operator.abs,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "round": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "int": int,
    "float": float,
    "min": min,
    "max": max,
    "condition": lambda predicate, true, false: true if predicate else false,
    "getitem": operator.getitem,
}
"""What an expression can do, by the name it has in JSON."""


if TYPE_CHECKING:
    # a choice may stand wherever a plain value may, so type checkers are to accept it everywhere
    _AnyType = Any
else:
    _AnyType = object


class Expression(_AnyType):  # type: ignore[misc]  # that is the purpose
    """A value that depends on decisions.

    Compare, add, index and round it like the number it will be; nothing is computed until `evaluate`.
    """

    __slots__ = ()

    def decisions(self) -> Iterator[Decision]:
        """Yield the decisions that the value depends on, each as often as it occurs."""
        raise NotImplementedError

    def evaluate(self, answers: Mapping[str, Choice]) -> Any:
        """The value under ``answers``.

        Raises:
            SpaceError: An answer is missing, or the arithmetic fails on these answers.
        """
        raise NotImplementedError

    def default(self) -> Any:
        """The value when every decision takes its first answer."""
        return self.evaluate({d.label: d.first() for d in self.decisions()})

    def __retix_default__(self) -> Any:
        """What a recorded constructor receives in the expression's place; see `retix.recipe.record`."""
        return self.default()

    def to_json(self) -> Any:
        """The expression as JSON values."""
        raise NotImplementedError

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> NoReturn:
        # torch looks for this method on what it is handed; without it, torch.nn.Linear would answer with its own riddle
        raise _no_number(next(find_expressions((args, dict(kwargs or {}))), None))

    def __bool__(self) -> bool:
        raise _no_number(self)

    def __int__(self) -> int:
        raise _no_number(self)

    def __index__(self) -> int:
        raise _no_number(self)

    def __float__(self) -> float:
        raise _no_number(self)

    def __iter__(self) -> Iterator[Any]:
        raise _no_number(self)

    def __hash__(self) -> int:
        return id(self)

    def __add__(self, other: Any) -> Expression:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Expression:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Expression:
        return apply("sub", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return apply("sub", other, self)

    def __mul__(self, other: Any) -> Expression:
        return apply("mul", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return apply("mul", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return apply("truediv", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return apply("truediv", other, self)

    def __floordiv__(self, other: Any) -> Expression:
        return apply("floordiv", self, other)

    def __rfloordiv__(self, other: Any) -> Expression:
        return apply("floordiv", other, self)

    def __mod__(self, other: Any) -> Expression:
        return apply("mod", self, other)

    def __rmod__(self, other: Any) -> Expression:
        return apply("mod", other, self)

    def __pow__(self, other: Any) -> Expression:
        return apply("pow", self, other)

    def __rpow__(self, other: Any) -> Expression:
        return apply("pow", other, self)

    def __neg__(self) -> Expression:
        return apply("neg", self)

    def __abs__(self) -> Expression:
        return apply("abs", self)

    def __round__(self, ndigits: int | None = None) -> Expression:
        return apply("round", self) if ndigits is None else apply("round", self, ndigits)

    def __floor__(self) -> Expression:
        return apply("floor", self)

    def __ceil__(self) -> Expression:
        return apply("ceil", self)

    def __eq__(self, other: object) -> Any:
        return apply("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return apply("ne", self, other)

    def __lt__(self, other: Any) -> Expression:
        return apply("lt", self, other)

    def __le__(self, other: Any) -> Expression:
        return apply("le", self, other)

    def __gt__(self, other: Any) -> Expression:
        return apply("gt", self, other)

    def __ge__(self, other: Any) -> Expression:
        return apply("ge", self, other)

    def __getitem__(self, index: Any) -> Expression:
        return apply("getitem", self, index)


def _no_number(expression: Expression | None) -> SpaceError:
    return SpaceError(
        f"{'a choice' if expression is None else repr(expression)} is used where a plain number is needed",
        why="only layers that record their arguments can hold a choice that is still open",
        fix="take the layer from retix.nn.pytorch instead of torch.nn, or decorate your module with @basic_unit",
    )


class Chosen(Expression):
    """The answer to one decision."""

    __slots__ = ("_decision",)

    def __init__(self, decision: Decision) -> None:
        self._decision = decision

    @property
    def decision(self) -> Decision:
        """The decision whose answer this is."""
        return self._decision

    def decisions(self) -> Iterator[Decision]:
        yield self.decision

    def evaluate(self, answers: Mapping[str, Choice]) -> Any:
        label = self.decision.label
        if label not in answers:
            raise SpaceError(f"the choice {label!r} has no answer", fix=f"add {label!r} to the sample")
        return self.decision.check(answers[label])

    def to_json(self) -> Any:
        return {"choice": self.decision.to_json()}

    def __repr__(self) -> str:
        return f"ValueChoice({list(self.decision.candidates)!r}, label={self.decision.label!r})"


class Applied(Expression):
    """An operator applied to expressions and plain values."""

    __slots__ = ("arguments", "operator")

    def __init__(self, operator: str, arguments: tuple[Any, ...]) -> None:
        self.operator = operator
        self.arguments = arguments

    def decisions(self) -> Iterator[Decision]:
        for argument in self.arguments:
            if isinstance(argument, Expression):
                yield from argument.decisions()

    def evaluate(self, answers: Mapping[str, Choice]) -> Any:
        values = [evaluate(argument, answers) for argument in self.arguments]
        try:
            return OPERATORS[self.operator](*values)
        except (ArithmeticError, TypeError, ValueError, LookupError) as error:
            raise SpaceError(f"{self!r} fails on {values!r}: {error}") from error

    def to_json(self) -> Any:
        return {"apply": self.operator, "to": [_to_json(argument) for argument in self.arguments]}

    def __repr__(self) -> str:
        return f"{self.operator}({', '.join(map(repr, self.arguments))})"


def apply(name: str, *arguments: Any) -> Expression:
    """The expression that applies the operator ``name`` of `OPERATORS` to ``arguments``."""
    return Applied(name, arguments)


def evaluate(value: Any, answers: Mapping[str, Choice]) -> Any:
    """``value`` with every expression in it, also inside lists, tuples and dicts, replaced by its value."""
    if isinstance(value, Expression):
        return value.evaluate(answers)
    if isinstance(value, (list, tuple)):
        return type(value)(evaluate(item, answers) for item in value)
    if isinstance(value, dict):
        return {key: evaluate(item, answers) for key, item in value.items()}
    return value


def find_expressions(value: Any) -> Iterator[Expression]:
    """Yield the expressions in ``value``, also inside lists, tuples and dicts."""
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from find_expressions(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from find_expressions(item)


def expression_from_json(data: Any) -> Expression:
    """The expression that `Expression.to_json` wrote."""
    if "choice" in data:
        return Chosen(Decision.from_json(data["choice"]))
    return Applied(data["apply"], tuple(_from_json(item) for item in data["to"]))


def _to_json(argument: Any) -> Any:
    return argument.to_json() if isinstance(argument, Expression) else {"value": freeze(argument)}


def _from_json(data: Any) -> Any:
    return freeze(data["value"]) if "value" in data else expression_from_json(data)
