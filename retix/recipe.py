"""A recipe: how an object was made, so that it can be made again elsewhere.

`serialize`, `trace`, `basic_unit` and `model_wrapper` remember the class and the arguments of what they make. A recipe
is data: importable name and arguments, nested, as JSON. What has no importable name (a class in ``__main__``, a
notebook, a lambda) travels by cloudpickle, and only from the driver to its own workers.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

import cloudpickle

from retix.caller import find_caller
from retix.errors import RecipeError
from retix.traceable import remember_arguments

T = TypeVar("T")
C = TypeVar("C", bound=type)

_RECIPE = "_retix_recipe"
_TRACED = "_retix_traced"
_BASIC_UNIT = "_retix_basic_unit"
_MODEL_WRAPPED = "_retix_model_wrapped"
_ASKED = "_retix_asked"

_BUILDING: ContextVar[list[Any] | None] = ContextVar("retix_building", default=None)
"""What was asked while the outermost model that is being made was made; None outside of one.

A context variable, because a model's own code asks, without a handle to who builds the model.
"""

_COLLECTING: ContextVar[list[Any] | None] = ContextVar("retix_collecting", default=None)
"""What was asked since `collecting` began, for the same reason."""

_ANSWERS: ContextVar[Mapping[str, Any] | None] = ContextVar("retix_answers", default=None)
"""What is answered to it, for the same reason."""

FINISH: ContextVar[Callable[[Any], None] | None] = ContextVar("retix_finish", default=None)
"""What is done with an outermost model as soon as it is made, for the same reason; `fixed_arch` sets it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The class, or function, and the arguments that made an object.

    Attributes:
        target: What was called.
        args: Its positional arguments, as the user gave them.
        kwargs: Its keyword arguments.
        by_value: The object has a state of its own, such as weights, so that pickling it keeps the object.
        place: ``file:line`` of the user's code that made it.
    """

    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    by_value: bool = False
    place: str | None = field(default=None, compare=False)

    def build(self) -> Any:
        """Make the object again; objects among the arguments that have recipes are made again first."""
        return self.target(*(_rebuilt(a) for a in self.args), **{k: _rebuilt(v) for k, v in self.kwargs.items()})

    def bound(self) -> dict[str, Any]:
        """The arguments by parameter name; ``*args`` and ``**kwargs`` of the target stay under their own names."""
        return dict(inspect.signature(self.target).bind(*self.args, **self.kwargs).arguments)

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values.

        Raises:
            RecipeError: The target, or something among the arguments, has no importable name.
        """
        return {
            "recipe": importable_name(self.target),
            "args": [_value_to_json(a) for a in self.args],
            "kwargs": {k: _value_to_json(v) for k, v in self.kwargs.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """The recipe that ``to_json`` wrote; imports what it names.

        Raises:
            RecipeError: A name cannot be imported.
        """
        target = import_name(data["recipe"])
        args = tuple(_value_from_json(a) for a in data["args"])
        return cls(target, args, {k: _value_from_json(v) for k, v in data["kwargs"].items()})


def recipe_of(obj: Any) -> Recipe | None:
    """How ``obj`` was made, or None if nothing was remembered."""
    recipe = getattr(obj, "__dict__", {}).get(_RECIPE)
    return recipe if isinstance(recipe, Recipe) else None


@overload
def serialize(target: Callable[..., T], *args: Any, **kwargs: Any) -> T: ...
@overload
def serialize(target: T) -> T: ...
def serialize(target: Any, *args: Any, **kwargs: Any) -> Any:
    """Call ``target(*args, **kwargs)`` and remember how, so that workers can make the object again.

    ``serialize(obj)`` of something that is no class accepts an object that exists already; it travels by value.

    Raises:
        RecipeError: The object cannot carry a recipe, or an existing object cannot be pickled.
    """
    if not callable(target) or (
        not isinstance(target, type) and not inspect.isroutine(target) and not (args or kwargs)
    ):
        dumps(target)
        return target
    if hasattr(vars(target).get("__init__") if isinstance(target, type) else None, "__wrapped__"):
        made = target(*args, **kwargs)  # it records by itself, and knows what to do with choices
        recipe = Recipe(target, _copied(args), _copied(kwargs))
    else:
        made = target(*(_settled(a) for a in args), **{k: _settled(v) for k, v in kwargs.items()})
        known = recipe_of(made)
        recipe = Recipe(target, _copied(args), _copied(kwargs), known is not None and known.by_value)
        if known is not None and known.target is target:
            _remember(made, recipe)
    if recipe_of(made) is None:
        _remember(made, recipe)
    return made


def serialize_cls(cls: C) -> C:
    """The name that NNI 2.1 to 2.4 had for `trace`."""
    return trace(cls)


@overload
def trace(cls: C) -> C: ...
@overload
def trace(*, kw_only: bool = ..., inheritable: bool = ...) -> Callable[[C], C]: ...
def trace(cls: C | None = None, *, kw_only: bool = True, inheritable: bool = False) -> C | Callable[[C], C]:
    """Class decorator: every instance remembers the arguments it was made with.

    Args:
        cls: The class; its ``__init__`` is wrapped in place, so that ``super(Cls, self)``, pickling by
            reference and ``isinstance`` stay as they were.
        kw_only: Accepted for NNI's scripts; arguments are kept as they were given.
        inheritable: Instances of subclasses remember theirs too.
    """
    if cls is None:
        return functools.partial(_trace, inheritable=inheritable)
    return _trace(cls, inheritable=inheritable)


def basic_unit(cls: C, basic_unit_tag: bool = True) -> C:
    """Class decorator: a module that is captured whole, as one node, with its arguments open to choices.

    Use it where nothing inside the module is to be mutated, where its arguments hold a ``ValueChoice``, or where its
    ``forward`` cannot be traced.
    """
    _trace(cls, inheritable=False, by_value=True)
    setattr(cls, _BASIC_UNIT, basic_unit_tag)
    return cls


def model_wrapper(cls: C) -> C:
    """Class decorator for the outermost model: instances remember their arguments.

    Choices among the arguments reach ``__init__`` as they are. What is made inside of `retix.fixed_arch` comes out
    without choices.
    """
    _trace(cls, inheritable=False, by_value=True, is_model=True)
    setattr(cls, _MODEL_WRAPPED, True)
    return cls


def is_basic_unit(cls_or_instance: Any) -> bool:
    """Whether the class itself, not a parent of it, was decorated by `basic_unit`."""
    cls = cls_or_instance if isinstance(cls_or_instance, type) else type(cls_or_instance)
    return bool(cls.__dict__.get(_BASIC_UNIT, False))


def is_model_wrapped(cls_or_instance: Any) -> bool:
    """Whether the class itself was decorated by `model_wrapper`."""
    cls = cls_or_instance if isinstance(cls_or_instance, type) else type(cls_or_instance)
    return bool(cls.__dict__.get(_MODEL_WRAPPED, False))


def record(
    init: Callable[..., None],
    owner: Callable[[], type],
    inheritable: bool = False,
    by_value: bool = False,
    is_model: bool = False,
) -> Callable[..., None]:
    """``init`` wrapped so that it remembers its arguments.

    An argument that is still open, a choice, is remembered as it is; ``init`` receives what its ``__retix_default__``
    returns in its place, so that the object is whole from the start. Lists, tuples and dicts are remembered as they
    were: what ``init``, or the user, does to them later changes nothing in the recipe.

    Args:
        init: The ``__init__`` to wrap.
        owner: Returns the class whose instances remember; instances of its subclasses do only if ``inheritable``.
        inheritable: See ``owner``.
        by_value: See `Recipe`.
        is_model: It makes a whole model: ``init`` receives choices as they are, and what it asks is remembered.
    """

    @functools.wraps(init)
    def remembering(self: Any, *args: Any, **kwargs: Any) -> None:
        if type(self) is not owner() and not (inheritable and recipe_of(self) is None):
            init(self, *args, **kwargs)
            return
        recipe = Recipe(type(self), _copied(args), _copied(kwargs), by_value, find_caller(2))
        if is_model:
            _build_model(init, self, recipe, args, kwargs)
            return
        init(self, *(_settled(a) for a in args), **{k: _settled(v) for k, v in kwargs.items()})
        _remember(self, recipe)

    return remembering


def _build_model(
    init: Callable[..., None], model: Any, recipe: Recipe, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    if _BUILDING.get() is not None:
        init(model, *args, **kwargs)
        _remember(model, recipe)
        return
    asked: list[Any] = []
    token = _BUILDING.set(asked)
    try:
        init(model, *args, **kwargs)
    finally:
        _BUILDING.reset(token)
    _remember(model, recipe)
    object.__setattr__(model, _ASKED, tuple(asked))
    finish = FINISH.get()
    if finish is not None:
        finish(model)


def is_building() -> bool:
    """Whether a `model_wrapper` class is being made just now."""
    return _BUILDING.get() is not None


def is_noting() -> bool:
    """Whether anybody remembers what a model asks while it is made."""
    return _BUILDING.get() is not None or _COLLECTING.get() is not None


def note_asked(question: Any) -> None:
    """Remember what a model asks while it is made."""
    for asked in (_BUILDING.get(), _COLLECTING.get()):
        if asked is not None:
            asked.append(question)


def asked_so_far() -> tuple[Any, ...]:
    """What the outermost model that is being made has asked, or what was asked since `collecting` began."""
    asked = _BUILDING.get()
    return tuple(asked if asked is not None else _COLLECTING.get() or ())


def asked_by(model: Any) -> tuple[Any, ...]:
    """What a model asked while it was made."""
    found: tuple[Any, ...] = getattr(model, "__dict__", {}).get(_ASKED, ())
    return found


@contextmanager
def collecting(answers: Mapping[str, Any] | None = None) -> Iterator[list[Any]]:
    """Collect what models ask while they are made inside of the context, in order.

    Args:
        answers: What they are answered, by label; the default where there is none.
    """
    asked: list[Any] = []
    tokens = _COLLECTING.set(asked), _ANSWERS.set(answers or {})
    try:
        yield asked
    finally:
        _COLLECTING.reset(tokens[0])
        _ANSWERS.reset(tokens[1])


def answers_while_collecting() -> Mapping[str, Any]:
    """The answers that `collecting` was given."""
    return _ANSWERS.get() or {}


def positional_names(function: Callable[..., Any]) -> list[str]:
    """The parameters that a positional argument may stand for, in order; none if there is no signature."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def dumps(obj: Any) -> bytes:
    """``obj`` as bytes for a worker: what has a recipe as its recipe, the rest by cloudpickle.

    Raises:
        RecipeError: Something in it cannot be pickled.
    """
    buffer = io.BytesIO()
    try:
        _Pickler(buffer).dump(obj)
    except Exception as error:
        path, culprit = _find_culprit(obj)
        raise RecipeError(
            f"{type(obj).__name__} cannot be sent to a worker: {error}",
            where=f"{type(obj).__name__}{path}, a {type(culprit).__name__}" if path else None,
            why="an open file, a lock, a generator or another live resource cannot be copied to another process",
            fix="make the resource where it is used, or wrap the class that holds it: serialize(Cls, ...) "
            "is made again in the worker",
        ) from error
    return buffer.getvalue()


def loads(data: bytes) -> Any:
    """The object that `dumps` wrote. Only for bytes that this user's own driver made."""
    return cloudpickle.loads(data)


def importable_name(target: Callable[..., Any]) -> str:
    """``module.qualname`` of a class or function.

    Raises:
        RecipeError: Importing that name would not give it back.
    """
    module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    if module and name and module != "__main__" and "<" not in name:
        try:
            if import_name(f"{module}.{name}") is target:
                return f"{module}.{name}"
        except RecipeError:
            pass
    raise RecipeError(
        f"{f'{module}.{name}' if name else repr(target)} has no importable name",
        why="it lives in __main__, in a function, or under another name",
        fix="move it to a module of its own",
    )


def import_name(name: str) -> Any:
    """Import ``package.module.Class.Inner``.

    Raises:
        RecipeError: There is no such thing.
    """
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError as error:
            if error.name and not ".".join(parts[:cut]).startswith(error.name):
                raise RecipeError(f"importing {name} failed: {error}") from error
            continue
        try:
            return functools.reduce(getattr, parts[cut:], found)
        except AttributeError:
            break
    raise RecipeError(f"there is no {name} to import", fix="check that its module is installed or on PYTHONPATH")


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle carries no types
    def reducer_override(self, obj: Any) -> Any:
        recipe = None if isinstance(obj, type) else recipe_of(obj)
        if recipe is not None and not recipe.by_value:
            return _make, (recipe.target, recipe.args, dict(recipe.kwargs))
        return super().reducer_override(obj)


def _find_culprit(obj: Any) -> tuple[str, Any]:
    """The innermost part of ``obj`` that cannot be pickled by itself, after the path that leads to it."""
    path, seen = "", {id(obj)}
    while True:
        for step, part in _parts(obj):
            if id(part) not in seen and not _can_pickle(part):
                path, obj = path + step, part
                seen.add(id(part))
                break
        else:
            return path, obj


def _parts(obj: Any) -> list[tuple[str, Any]]:
    """What pickling ``obj`` would pickle, each after the step that leads to it."""
    recipe = None if isinstance(obj, type) else recipe_of(obj)
    if recipe is not None and not recipe.by_value:
        numbered = [(f".args[{i}]", arg) for i, arg in enumerate(recipe.args)]
        return numbered + [(f".{name}", arg) for name, arg in recipe.kwargs.items()]
    if isinstance(obj, (list, tuple)):
        return [(f"[{i}]", item) for i, item in enumerate(obj)]
    if isinstance(obj, dict):
        return [(f"[{key!r}]", item) for key, item in obj.items()]
    if inspect.isfunction(obj):
        try:
            used = inspect.getclosurevars(obj)
        except ValueError:  # a variable that it closes over has no value yet
            return []
        return [(f".{name}", value) for names in (used.nonlocals, used.globals) for name, value in names.items()]
    return [(f".{name}", value) for name, value in getattr(obj, "__dict__", {}).items()]


def _can_pickle(obj: Any) -> bool:
    try:
        _Pickler(io.BytesIO()).dump(obj)
    except Exception:
        return False
    return True


def _make(target: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    made = target(*args, **kwargs)
    if recipe_of(made) is None:
        _remember(made, Recipe(target, args, kwargs))
    return made


def _trace(cls: C, *, inheritable: bool, by_value: bool = False, is_model: bool = False) -> C:
    if not isinstance(cls, type):
        raise RecipeError(f"{cls!r} is no class", fix="decorate the class, not an instance of it")
    if _TRACED not in cls.__dict__:
        cls.__init__ = record(cls.__init__, lambda: cls, inheritable, by_value, is_model)  # type: ignore[misc]
        setattr(cls, _TRACED, True)
        remember_arguments(cls)
    return cls


def _remember(made: Any, recipe: Recipe) -> None:
    try:
        object.__setattr__(made, _RECIPE, recipe)
    except (AttributeError, TypeError) as error:
        raise RecipeError(
            f"an instance of {type(made).__name__} cannot remember how it was made",
            why="it takes no attributes",
            fix="pass it as it is; plain values travel by themselves",
        ) from error


def _rebuilt(value: Any) -> Any:
    recipe = recipe_of(value)
    return recipe.build() if recipe is not None else _mapped(_rebuilt, value)


def _settled(value: Any) -> Any:
    settle = getattr(type(value), "__retix_default__", None)
    if settle is not None:
        return settle(value)
    settled = _mapped(_settled, value)
    # A list without choices stays the user's own: an object may be meant to share it.
    return value if _holds_the_same(settled, value) else settled


def _copied(value: Any) -> Any:
    known = getattr(type(value), "__retix_known__", None)
    return _mapped(_copied, value) if known is None else known(value)


def _holds_the_same(new: Any, old: Any) -> bool:
    if type(old) is dict:
        return all(new[key] is old[key] for key in old)
    return type(old) in (list, tuple) and all(a is b for a, b in zip(new, old, strict=True))


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """``value`` with ``function`` applied to the items of plain lists, tuples and dicts."""
    if type(value) in (list, tuple):
        return type(value)(function(item) for item in value)
    if type(value) is dict:
        return {key: function(item) for key, item in value.items()}
    return value


def _value_to_json(value: Any) -> Any:
    recipe = None if isinstance(value, type) else recipe_of(value)
    if recipe is not None:
        return recipe.to_json()
    if isinstance(value, tuple):
        return {"tuple": [_value_to_json(item) for item in value]}
    if isinstance(value, list):
        return [_value_to_json(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[_value_to_json(k), _value_to_json(v)] for k, v in value.items()]}
    if isinstance(value, type) or inspect.isroutine(value):
        return {"name": importable_name(value)}
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"the argument {value!r} cannot be written as JSON",
            fix="make it by serialize(Cls, ...), or pass plain values",
        ) from error
    return value


def _value_from_json(data: Any) -> Any:
    if isinstance(data, list):
        return [_value_from_json(item) for item in data]
    if isinstance(data, dict):
        if "recipe" in data:
            return Recipe.from_json(data).build()
        if "tuple" in data:
            return tuple(_value_from_json(item) for item in data["tuple"])
        if "dict" in data:
            return {_value_from_json(k): _value_from_json(v) for k, v in data["dict"]}
        return import_name(data["name"])
    return data
