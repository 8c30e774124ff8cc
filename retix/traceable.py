"""NNI's way of reading how an object was made: ``obj.trace_symbol``, ``obj.trace_args``, ``obj.trace_kwargs``.

What is read is the recipe that the object carries; see `retix.recipe`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

RECIPE = "_retix_recipe"
"""The attribute that holds an object's recipe."""

KEEPS_POSITIONS = "_retix_keeps_positions"
"""Set on a class whose positional arguments are not turned into keyword arguments."""


UNTRACED = "_retix_untraced"
"""On a function that remembers its calls, the function itself."""


class Draft:
    """How to make an object, open to changes: what ``obj.trace_copy()`` returns.

    Args:
        symbol: What is called.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        maker: What is called in its place, so that the object remembers its arguments; by default ``symbol`` itself.

    Attributes:
        trace_symbol: What is called.
        trace_args: Its positional arguments.
        trace_kwargs: Its keyword arguments.
    """

    def __init__(
        self,
        symbol: Callable[..., Any],
        args: list[Any],
        kwargs: dict[str, Any],
        maker: Callable[..., Any] | None = None,
    ) -> None:
        self.trace_symbol = symbol
        self.trace_args = args
        self.trace_kwargs = kwargs
        self._replaced = symbol
        self._maker = maker if maker is not None else symbol

    def trace_copy(self) -> Draft:
        """Another draft that begins with the same arguments."""
        return Draft(self.trace_symbol, list(self.trace_args), dict(self.trace_kwargs), self._make)

    def get(self) -> Any:
        """Make the object; it remembers the arguments of the draft."""
        return self._make(*self.trace_args, **self.trace_kwargs)

    @property
    def _make(self) -> Callable[..., Any]:
        return self._maker if self.trace_symbol is self._replaced else self.trace_symbol

    def __repr__(self) -> str:
        name = getattr(self.trace_symbol, "__qualname__", repr(self.trace_symbol))
        shown = [*map(repr, self.trace_args), *(f"{key}={value!r}" for key, value in self.trace_kwargs.items())]
        return f"Draft({name}({', '.join(shown)}))"


class _Reading:
    """Computes an attribute of an instance; no `property`, because TorchScript would compile those of modules."""

    def __init__(self, name: str, read: Callable[[Any], Any]) -> None:
        self._name = name
        self._read = read

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        if RECIPE not in instance.__dict__:
            raise AttributeError(f"this {owner.__name__} does not remember how it was made, and has no {self._name}")
        return self._read(instance)


def remember_arguments(cls: type) -> None:
    """Have instances of ``cls``, which carry recipes, answer to the names by which NNI's users read them."""
    for name, read in _READINGS.items():
        own = inspect.getattr_static(cls, name, None)
        if own is None or isinstance(own, _Reading):  # a class may have a `get` of its own
            setattr(cls, name, _Reading(name, read))


def symbol_of(obj: Any) -> Callable[..., Any]:
    """What was called to make ``obj``."""
    target: Callable[..., Any] = obj.__dict__[RECIPE].target
    return getattr(target, UNTRACED, target)


def arguments_of(obj: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that made ``obj``, by keyword where they can be given so."""
    recipe = obj.__dict__[RECIPE]
    if getattr(recipe.target, KEEPS_POSITIONS, False) or getattr(type(obj), KEEPS_POSITIONS, False):
        return list(recipe.args), dict(recipe.kwargs)
    return name_arguments(recipe.target, recipe.args, recipe.kwargs)


def name_arguments(target: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Turn positional arguments of ``target`` into keyword arguments; those that stand before ``*args`` stay."""
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except ValueError:  # a class written in C may have no signature
        return list(args), dict(kwargs)
    starred = next((i for i, p in enumerate(parameters) if p.kind is p.VAR_POSITIONAL), len(parameters))
    if len(args) > starred:
        return list(args), dict(kwargs)
    first = sum(p.kind is p.POSITIONAL_ONLY for p in parameters)
    named = {p.name: arg for p, arg in zip(parameters[first:], args[first:], strict=False)}
    return list(args[:first]), {**named, **kwargs}


def draft_of(obj: Any) -> Draft:
    """A draft with the arguments that made ``obj``."""
    target, cls = obj.__dict__[RECIPE].target, type(obj)
    maker = cls if cls.__dict__.get("__wrapped__") is target else target
    return Draft(symbol_of(obj), *arguments_of(obj), maker)


def _args_of(obj: Any) -> list[Any]:
    return arguments_of(obj)[0]


def _kwargs_of(obj: Any) -> dict[str, Any]:
    return arguments_of(obj)[1]


def _copier_of(obj: Any) -> Callable[[], Draft]:
    return functools.partial(draft_of, obj)


def _getter_of(obj: Any) -> Callable[[], Any]:
    return lambda: obj


_READINGS: dict[str, Callable[[Any], Any]] = {
    "trace_symbol": symbol_of,
    "trace_args": _args_of,
    "trace_kwargs": _kwargs_of,
    "trace_copy": _copier_of,
    "get": _getter_of,
}
