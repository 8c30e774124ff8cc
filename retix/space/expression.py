"""Arithmetic on choices: `ValueChoice([16, 32]) * 2` is a value that is known once the choice is made."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from retix.caller import find_caller
from retix.errors import OpenValueError, SpaceError, ValueTypeError
from retix.space.decision import Choice, Decision, freeze
from retix.space.operators import INFIX, LAZY, OPERATORS, function_name, import_function

CALLED: ContextVar[Callable[[Expression], Any] | None] = ContextVar("retix_called", default=None)
"""What a choice that is called in forward answers while a model is captured; its default otherwise.

A context variable, because forward calls a choice without any handle to the capture that it runs in.
"""

MAX_OPTIONS = 4096
"""How many combinations of answers `Expression.all_options` looks at."""

if TYPE_CHECKING:
    # a choice may stand wherever a plain value may, so type checkers are to accept it everywhere
    _AnyType = Any
else:
    _AnyType = object


class Expression(_AnyType):  # type: ignore[misc]  # that is the purpose
    """A value that depends on decisions.

    Compare, add, index and round it like the number it will be; nothing is computed until `evaluate`. Called in a
    model's forward, it is its value.
    """

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """NNI's constructor: ``ChoiceOf(function, repr_template, arguments)`` makes a `Called`."""
        return super().__new__(Called if cls is Expression else cls)

    def forward(self) -> Any:
        """NNI's name for calling it."""
        return self()

    def inner_choices(self) -> Iterator[Chosen]:
        """Yield the choices that the value depends on, each as often as it occurs."""
        raise NotImplementedError

    def decisions(self) -> Iterator[Decision]:
        """Yield the decisions that the value depends on, each as often as it occurs."""
        return (choice.decision for choice in self.inner_choices())

    def evaluate(self, answers: Mapping[str, Choice] | Iterable[Any]) -> Any:
        """The value under ``answers``: by label, or one for each of `inner_choices`, in their order.

        Only those answers are looked up that the value depends on, given the answers looked up before.

        Raises:
            SpaceError: An answer is missing, or the arithmetic fails on these answers.
        """
        return self._evaluate(answers if isinstance(answers, Mapping) else self._by_label(answers))

    def _evaluate(self, answers: Mapping[str, Choice]) -> Any:
        raise NotImplementedError

    def _by_label(self, values: Iterable[Any]) -> dict[str, Any]:
        given, labels = list(values), [decision.label for decision in self.decisions()]
        if len(given) != len(labels):
            raise SpaceError(
                f"{self!r} is evaluated with {len(given)} values, and has {len(labels)} choices",
                fix="give a value for each of inner_choices(), in their order, or a mapping from label to answer",
            )
        return dict(zip(labels, given, strict=True))

    def default(self) -> Any:
        """The value when every decision takes its first answer.

        Raises:
            SpaceError: The arithmetic fails on the first answers.
        """
        return self._evaluate({d.label: d.first() for d in self.decisions()})

    def dry_run(self) -> Any:
        """NNI's name for `default`."""
        return self.default()

    def all_options(self) -> Iterator[Any]:
        """Yield the value under every combination of answers, in the order of the candidates.

        Combinations may give the same value, which then comes as often.

        Raises:
            SpaceError: There are more than `MAX_OPTIONS` combinations of answers, or the arithmetic fails on one.
        """
        by_label: dict[str, Decision] = {}
        for decision in self.decisions():
            known = by_label.get(decision.label)
            by_label[decision.label] = known.merged(decision) if known else decision
        combinations = 1
        for decision in by_label.values():
            combinations *= decision.size
            if combinations > MAX_OPTIONS:
                raise SpaceError(
                    f"{self!r} has more than {MAX_OPTIONS} combinations of answers to look at",
                    fix="let the value depend on fewer choices",
                )
        for answers in itertools.product(*(decision.options() for decision in by_label.values())):
            yield self._evaluate(dict(zip(by_label, answers, strict=True)))

    def __retix_default__(self) -> Any:
        """What a recorded constructor receives in the expression's place; see `retix.recipe.record`."""
        return self.default()

    def __call__(self) -> Any:
        """The value, in a model's forward: the default until the choices are made."""
        called = CALLED.get()
        return self.default() if called is None else called(self)

    def to_json(self) -> Any:
        """The expression as JSON values.

        Raises:
            SpaceError: It calls a function that cannot be imported.
        """
        raise NotImplementedError

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        # torch looks for this method on what it is handed; without it, torch.nn.Linear would answer with its own riddle
        raise _no_number(next(find_expressions((args, dict(kwargs or {}))), None))

    @staticmethod
    def to_int(value: Any) -> Any:
        """``int`` of a value that may be a choice."""
        return apply("int", value) if isinstance(value, Expression) else int(value)

    @staticmethod
    def to_float(value: Any) -> Any:
        """``float`` of a value that may be a choice."""
        return apply("float", value) if isinstance(value, Expression) else float(value)

    @staticmethod
    def condition(pred: Any, true: Any, false: Any) -> Any:
        """``true if pred else false``, of values that may be choices; the other one of the two is never looked at."""
        if any(isinstance(value, Expression) for value in (pred, true, false)):
            return apply("condition", pred, true, false)
        return true if pred else false

    @staticmethod
    def max(arg0: Any, *args: Any) -> Any:
        """The greatest of several values, or of the items of one, any of which may be choices."""
        return _extreme("max", max, arg0, args)

    @staticmethod
    def min(arg0: Any, *args: Any) -> Any:
        """The least of several values, or of the items of one, any of which may be choices."""
        return _extreme("min", min, arg0, args)

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

    def __contains__(self, item: Any) -> bool:
        raise _no_number(self)

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: Any) -> Expression:
        return self  # nothing in it changes, and models hold many

    def __round__(self, ndigits: Any = None) -> Any:
        return apply("round", self) if ndigits is None else apply("round", self, ndigits)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        return apply("pow", self, other) if modulo is None else apply("powmod", self, other, modulo)

    def __rpow__(self, other: Any) -> Any:
        return apply("pow", other, self)

    if TYPE_CHECKING:

        def __eq__(self, other: object) -> Any: ...
        def __ne__(self, other: object) -> Any: ...


_UNARY = {"neg": "neg", "pos": "pos", "abs": "abs", "invert": "invert", "floor": "floor", "ceil": "ceil"} | {
    "trunc": "trunc"
}
_BINARY = {name: name for name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "lshift", "rshift")} | {
    **{"and": "bitand", "or": "bitor", "xor": "xor", "divmod": "divmod"}
}


def _follow(name: str, *, is_reflected: bool = False) -> Callable[..., Any]:
    """A method of Python's that says how the value is computed."""

    def operate(self: Expression, *others: Any) -> Any:
        return apply(name, *others, self) if is_reflected else apply(name, self, *others)

    return operate


for _method, _name in _UNARY.items():
    setattr(Expression, f"__{_method}__", _follow(_name))
for _method, _name in _BINARY.items():
    setattr(Expression, f"__{_method}__", _follow(_name))
    setattr(Expression, f"__r{_method}__", _follow(_name, is_reflected=True))
for _method in ("eq", "ne", "lt", "le", "gt", "ge", "getitem"):
    setattr(Expression, f"__{_method}__", _follow(_method))


def _extreme(name: str, function: Callable[..., Any], first: Any, others: tuple[Any, ...]) -> Any:
    values = [first, *others]
    if not others:
        if isinstance(first, Expression) or not isinstance(first, Iterable):
            raise TypeError(f"{name} compares at least two values, or the items of one list")
        values = list(first)
    return apply(name, *values) if any(isinstance(value, Expression) for value in values) else function(values)


def _no_number(expression: Expression | None) -> OpenValueError:
    return OpenValueError(
        f"{'a choice' if expression is None else repr(expression)} is used where a plain number is needed",
        where=find_caller(),
        why="only layers that record their arguments can hold a choice that is still open",
        fix="take the layer from retix.nn.pytorch instead of torch.nn, or decorate your module with @basic_unit; "
        "in forward, call the choice; to convert it, use nn.ValueChoice.to_int, condition, max or min",
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

    @property
    def label(self) -> str | None:
        """The decision's label."""
        return self._decision.label

    @property
    def candidates(self) -> list[Any]:
        """What there is to choose from."""
        return list(self._decision.candidates)

    def inner_choices(self) -> Iterator[Chosen]:
        yield self

    def default(self) -> Any:
        return self._decision.first()

    def _look_up(self, answers: Mapping[str, Choice]) -> Any:
        label = self._decision.label
        try:
            return answers[label]
        except KeyError as error:
            if type(error) is not KeyError:  # whoever looks up the answers has something of their own to say
                raise
            raise SpaceError(f"the choice {label!r} has no answer", fix=f"add {label!r} to the sample") from None

    def _evaluate(self, answers: Mapping[str, Choice]) -> Any:
        answer = self._look_up(answers)
        if self._decision.n_chosen is not None:
            answer = (answer,) if type(answer) is int else answer
        elif any(answer is candidate for candidate in self._decision.candidates):
            return answer
        return self._decision.check(answer)

    def relabelled(self, decision: Decision) -> Chosen:
        """The same choice under another decision."""
        return Chosen(decision)

    def to_json(self) -> Any:
        return {"choice": self._decision.to_json()}

    def __repr__(self) -> str:
        return f"ValueChoice({list(self._decision.candidates)!r}, label={self._decision.label!r})"


class Known(Expression):
    """A value where a choice was: what is left of an expression once its choices are made.

    It computes at once, and stands for its value wherever Python or torch needs one.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def inner_choices(self) -> Iterator[Chosen]:
        return iter(())

    def default(self) -> Any:
        return self.value

    def _evaluate(self, answers: Mapping[str, Choice]) -> Any:
        return self.value

    def __retix_known__(self) -> Any:
        """The value, which a recipe remembers in its place."""
        return self.value

    def __call__(self) -> Any:
        return self.value

    def to_json(self) -> Any:
        return {"value": freeze(self.value)}

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return func(*evaluate(tuple(args), {}), **evaluate(dict(kwargs or {}), {}))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return int(self.value.__index__())

    def __float__(self) -> float:
        return float(self.value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __contains__(self, item: Any) -> bool:
        return item in self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


class Applied(Expression):
    """An operator applied to expressions and plain values."""

    __slots__ = ("arguments", "operator")

    def __init__(self, operator: str, arguments: tuple[Any, ...]) -> None:
        self.operator = operator
        self.arguments = arguments

    def inner_choices(self) -> Iterator[Chosen]:
        for argument in self.arguments:
            if isinstance(argument, Expression):
                yield from argument.inner_choices()

    def _evaluate(self, answers: Mapping[str, Choice]) -> Any:
        arguments = self.arguments
        if self.operator in LAZY:
            if self.operator == "condition":
                return evaluate(arguments[1 if evaluate(arguments[0], answers) else 2], answers)
            decisive = self.operator == "or"
            return decisive if any(bool(evaluate(a, answers)) is decisive for a in arguments) else not decisive
        return self._compute([evaluate(argument, answers) for argument in arguments])

    def _compute(self, values: list[Any]) -> Any:
        try:
            return self._function()(*values)
        except TypeError as error:
            raise ValueTypeError(f"{self!r} fails on {values!r}: {error}") from error
        except (ArithmeticError, ValueError, LookupError) as error:
            raise SpaceError(f"{self!r} fails on {values!r}: {error}") from error

    def _function(self) -> Callable[..., Any]:
        return OPERATORS[self.operator]

    def to_json(self) -> Any:
        return {"apply": self.operator, "to": [_to_json(argument) for argument in self.arguments]}

    def __repr__(self) -> str:
        shown = [f"({a!r})" if _is_infix(a) else repr(a) for a in self.arguments]
        if self.operator in INFIX and len(shown) > 1:
            return f" {INFIX[self.operator]} ".join(shown)
        if self.operator == "getitem":
            return f"{shown[0]}[{shown[1]}]"
        return f"{self.operator}({', '.join(map(repr, self.arguments))})"


class Called(Applied):
    """A function of one's own applied to expressions and plain values."""

    __slots__ = ("function", "template")

    def __init__(
        self,
        function: Callable[..., Any],
        repr_template: str | None = None,
        arguments: Iterable[Any] = (),
        dry_run: bool = False,
    ) -> None:
        super().__init__("call", tuple(arguments))
        self.function = function
        self.template = repr_template
        if dry_run:
            self.default()

    def _function(self) -> Callable[..., Any]:
        return self.function

    def to_json(self) -> Any:
        name = function_name(self.function)
        if name is None:
            raise SpaceError(
                f"{self!r} cannot be written as JSON",
                why=f"{getattr(self.function, '__qualname__', self.function)!r} cannot be imported by its name",
                fix="write the function with `def` at the top of a module",
            )
        return {"call": name, "to": [_to_json(argument) for argument in self.arguments]}

    def __repr__(self) -> str:
        if self.template is not None:
            return self.template.format(*(f"({a!r})" if _is_infix(a) else repr(a) for a in self.arguments))
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"{name}({', '.join(map(repr, self.arguments))})"


def _is_infix(value: Any) -> bool:
    return isinstance(value, Applied) and value.operator in INFIX


def apply(name: str, *arguments: Any) -> Any:
    """The expression that applies the operator ``name`` of `OPERATORS` or `LAZY` to ``arguments``.

    Raises:
        ValueTypeError: The operator does not take values of such types, as in ``'a' + 1``.
    """
    return _tried(Applied(name, arguments))


def apply_function(function: Callable[..., Any], *arguments: Any, template: str | None = None) -> Any:
    """The value of ``function`` of ``arguments``, any of which may be choices.

    Args:
        function: Pure, and importable, so that the expression can be stored and sent; any other works in this process.
        arguments: What it is called with.
        template: How it prints, such as ``"{} if {} else {}"``.

    Raises:
        ValueTypeError: The function does not take values of such types.
    """
    return _tried(Called(function, template, arguments))


def _tried(expression: Applied) -> Expression:
    """``expression``, once it is known that it makes sense for values of such types; its value if that is known."""
    if all(isinstance(a, Known) for a in expression.arguments if isinstance(a, Expression)):
        return Known(expression.default())
    try:
        expression.default()
    except ValueTypeError as error:
        raise ValueTypeError(error.what, where=find_caller(2)) from error
    except SpaceError:  # the first answers need not make a network: what fails on them may be a rule's matter
        pass
    return expression


def all_of(*conditions: Any) -> Any:
    """Whether all conditions hold, from left to right; what follows one that does not hold is never looked at."""
    return apply("and", *conditions)


def any_of(*conditions: Any) -> Any:
    """Whether any condition holds, from left to right; what follows one that holds is never looked at."""
    return apply("or", *conditions)


def contains(container: Any, item: Any) -> Any:
    """Whether ``item`` is in ``container``, such as an input in the answer to an input choice."""
    return apply("contains", container, item)


def evaluate(value: Any, answers: Mapping[str, Choice]) -> Any:
    """``value`` with every expression in it, also inside lists, tuples and dicts, replaced by its value."""
    if isinstance(value, Expression):
        return value._evaluate(answers)
    if isinstance(value, (list, tuple)):
        return type(value)(evaluate(item, answers) for item in value)
    if type(value) is dict:
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


def relabel(value: Any, name: Callable[[str], str]) -> Any:
    """``value`` with every choice in it, also inside lists, tuples and dicts, under the label ``name(label)``."""
    if isinstance(value, Chosen):
        label = name(value.decision.label)
        return value if label == value.decision.label else value.relabelled(_renamed(value.decision, label))
    if isinstance(value, Called):
        return Called(value.function, value.template, relabel(value.arguments, name))
    if isinstance(value, Applied):
        return Applied(value.operator, relabel(value.arguments, name))
    if type(value) in (list, tuple):
        return type(value)(relabel(item, name) for item in value)
    if type(value) is dict:
        return {key: relabel(item, name) for key, item in value.items()}
    return value


def _renamed(decision: Decision, label: str) -> Decision:
    return Decision(label, decision.candidates, decision.n_chosen, decision.when, decision.weights)


def expression_from_json(data: Any) -> Expression:
    """The expression that `Expression.to_json` wrote."""
    if "value" in data:
        return Known(freeze(data["value"]))
    if "choice" in data:
        return Chosen(Decision.from_json(data["choice"]))
    arguments = tuple(_from_json(item) for item in data["to"])
    if "call" in data:
        return Called(import_function(data["call"]), None, arguments)
    return Applied(data["apply"], arguments)


def _to_json(argument: Any) -> Any:
    if isinstance(argument, Expression):
        return argument.to_json()
    if callable(argument) and (name := function_name(argument)) is not None:
        return {"apply": "import", "to": [{"value": name.replace(":", ".")}]}
    return {"value": freeze(argument)}


def _from_json(data: Any) -> Any:
    return freeze(data["value"]) if "value" in data else expression_from_json(data)
