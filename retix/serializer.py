"""What NNI's users import from ``nni.retiarii.serializer`` and ``nni.common.serializer``: `trace`, `dump`, `load`.

`retix.recipe` remembers how objects were made; here are NNI's ways of asking for it, and its JSON.
"""

from __future__ import annotations

import base64
import functools
import inspect
import json
import pathlib
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import cloudpickle

from retix.errors import RecipeError
from retix.recipe import (
    Recipe,
    basic_unit,
    import_name,
    importable_name,
    is_basic_unit,
    is_model_wrapped,
    loads,
    model_wrapper,
    recipe_of,
    record,
    serialize,
    serialize_cls,
)
from retix.recipe import trace as trace_in_place
from retix.traceable import KEEPS_POSITIONS, RECIPE, UNTRACED, Draft, name_arguments, remember_arguments

__all__ = [
    "PayloadTooLarge",
    "Translatable",
    "basic_unit",
    "dump",
    "get_init_parameters_or_fail",
    "is_basic_unit",
    "is_model_wrapped",
    "is_traceable",
    "is_wrapped_with_trace",
    "json_dump",
    "json_dumps",
    "json_load",
    "json_loads",
    "load",
    "model_wrapper",
    "serialize",
    "serialize_cls",
    "trace",
]

_WRAPPED = "_retix_traced"


class Translatable:
    """NNI's base class of arguments that a recorded constructor receives in another form than it remembers them."""

    def _translate(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say what it stands for: override _translate")

    def __retix_default__(self) -> Any:
        return self._translate()


class PayloadTooLarge(RecipeError):  # noqa: N818  # the name that NNI's users catch
    """What has to be pickled into JSON is larger than was allowed."""


def trace(cls_or_func: Any = None, *, kw_only: bool = True, inheritable: bool = False) -> Any:
    """Have what a class makes, or a function returns, remember its arguments.

    As a decorator it changes the class in place. An importable class of others, such as ``trace(torch.optim.Adam)``, is
    left alone: what comes back is a subclass of it.

    Args:
        cls_or_func: The class or function.
        kw_only: Whether ``trace_kwargs`` names positional arguments too.
        inheritable: Instances of subclasses remember theirs too.

    Raises:
        RecipeError: It is neither a class nor a function.
    """
    if cls_or_func is None:
        return functools.partial(trace, kw_only=kw_only, inheritable=inheritable)
    if is_wrapped_with_trace(cls_or_func):
        return cls_or_func
    if isinstance(cls_or_func, type):
        traced: Any = (
            _recording(cls_or_func)
            if _is_finished(cls_or_func)
            else trace_in_place(inheritable=inheritable)(cls_or_func)
        )
    elif inspect.isroutine(cls_or_func):
        traced = _traced_function(cls_or_func)
    else:
        raise RecipeError(f"{cls_or_func!r} is neither a class nor a function", fix="trace the class of it")
    if not kw_only:
        setattr(traced, KEEPS_POSITIONS, True)
    return traced


def is_traceable(obj: Any) -> bool:
    """Whether ``obj`` remembers how it was made."""
    return isinstance(obj, Draft) or recipe_of(obj) is not None


def is_wrapped_with_trace(cls_or_func: Any) -> bool:
    """Whether the class itself, not a parent of it, or the function went through `trace`."""
    return bool(getattr(cls_or_func, "__dict__", {}).get(_WRAPPED, False))


def get_init_parameters_or_fail(obj: Any) -> dict[str, Any]:
    """The arguments that made ``obj``, by name.

    Raises:
        RecipeError: It does not remember them.
    """
    recipe = recipe_of(obj)
    if recipe is None:
        raise RecipeError(
            f"{type(obj).__name__} does not remember how it was made",
            fix="take layers from retix.nn.pytorch, decorate modules with @basic_unit, and classes with @retix.trace",
        )
    return name_arguments(recipe.target, recipe.args, recipe.kwargs)[1]


# -- tracing ----------------------------------------------------------------------------------------------------


def _is_finished(cls: type) -> bool:
    """Whether the class can be imported as it is; one that is being decorated has no name in its module yet."""
    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls


def _recording(cls: type) -> type:
    """A subclass under the same name whose instances remember what ``cls`` has to be called with."""

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        recording_init(self, *args, **kwargs)
        recipe = recipe_of(self)
        if recipe is not None and recipe.target is subclass:
            object.__setattr__(self, RECIPE, replace(recipe, target=cls))

    def reduce(self: Any, protocol: Any) -> str | tuple[Any, ...]:
        recipe = recipe_of(self)
        if recipe is None:
            plain: str | tuple[Any, ...] = original_reduce(self, protocol)
            return plain
        return _make_again, (recipe.target, recipe.args, dict(recipe.kwargs))

    def fill(namespace: dict[str, Any]) -> None:
        namespace.update(__module__=cls.__module__, __qualname__=cls.__qualname__, __doc__=cls.__doc__)
        namespace.update({"__init__": functools.wraps(cls.__init__)(init), "__reduce_ex__": reduce})  # type: ignore[misc]
        namespace.update({"__wrapped__": cls, _WRAPPED: True})

    original_reduce: Any = cls.__reduce_ex__
    subclass: type = types.new_class(cls.__name__, (cls,), {}, fill)
    recording_init = record(cls.__init__, lambda: subclass)  # type: ignore[misc]
    remember_arguments(subclass)
    return subclass


def _make_again(cls: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return trace(cls)(*args, **kwargs)


def _traced_function(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Any:
        recipe = Recipe(traced, args, kwargs)
        made = function(*args, **kwargs)
        if made is None:
            return Draft(function, *name_arguments(function, args, kwargs), traced)
        return _tagged(made, recipe)

    setattr(traced, _WRAPPED, True)
    setattr(traced, UNTRACED, function)
    return traced


def _tagged(made: Any, recipe: Recipe) -> Any:
    """``made`` as an instance of a subclass of its class that knows ``recipe``."""
    if inspect.isroutine(made) or isinstance(made, (type, types.ModuleType)):
        raise RecipeError(f"{recipe.target.__name__} returns {made!r}, which cannot remember where it comes from")
    cls = type(made)
    try:
        knowing = types.new_class(cls.__name__, (cls,), {}, lambda space: space.update(__module__=cls.__module__))
        remember_arguments(knowing)
        if hasattr(made, "__dict__"):
            made.__class__ = knowing
        else:
            made = knowing(made)
        object.__setattr__(made, RECIPE, recipe)
    except TypeError as error:
        raise RecipeError(
            f"{recipe.target.__name__} returns a {cls.__name__}, which cannot remember where it comes from"
        ) from error
    return made


# -- JSON -------------------------------------------------------------------------------------------------------


def dump(
    obj: Any,
    fp: Any = None,
    *,
    use_trace: bool = True,
    pickle_size_limit: int = 4096,
    allow_nan: bool = True,
    **kwargs: Any,
) -> str:
    """``obj`` as JSON in the form of NNI: what remembers its arguments as those, what has no other form pickled.

    Args:
        obj: Anything.
        fp: A file to write to as well.
        use_trace: Whether objects that remember their arguments are written as them.
        pickle_size_limit: How many bytes one pickled part may have; -1 for any number.
        allow_nan: Whether NaN and infinity are written, which JSON does not know.
        **kwargs: For `json.dumps`, such as ``indent``.

    Raises:
        PayloadTooLarge: A pickled part is larger than the limit.
        ValueError: NaN or infinity is not allowed.
    """
    text = json.dumps(_Encoder(use_trace, pickle_size_limit).encode(obj), allow_nan=allow_nan, **kwargs)
    if fp is not None:
        fp.write(text)
    return text


def load(string: str | None = None, *, fp: Any = None, **kwargs: Any) -> Any:
    """What `dump` wrote. Only for text that this user wrote: pickled parts run code.

    Args:
        string: The text.
        fp: A file to read it from instead.
        **kwargs: For `json.loads`; NNI's ``preserve_order`` and ``ignore_comments`` change nothing.

    Raises:
        TypeError: A file was given for the text, or neither.
    """
    if string is None and fp is not None:
        string = fp.read()
    if not isinstance(string, str):
        raise TypeError(f"load expects a string, not {string!r}; read a file by load(fp=file)")
    options = {key: value for key, value in kwargs.items() if key not in ("preserve_order", "ignore_comments")}
    return json.loads(string, object_hook=_decode, **options)


def json_dumps(obj: Any, **kwargs: Any) -> str:
    """The name that NNI 2.1 to 2.5 had for `dump` to a string."""
    return dump(obj, **kwargs)


def json_dump(obj: Any, fp: Any, **kwargs: Any) -> None:
    """The name that NNI 2.1 to 2.5 had for `dump` to a file."""
    dump(obj, fp, **kwargs)


def json_loads(string: str, **kwargs: Any) -> Any:
    """The name that NNI 2.1 to 2.5 had for `load` of a string."""
    return load(string, **kwargs)


def json_load(fp: Any, **kwargs: Any) -> Any:
    """The name that NNI 2.1 to 2.5 had for `load` of a file."""
    return load(fp=fp, **kwargs)


class _Encoder:
    """Turns objects into JSON values, with marked dicts where JSON has no form."""

    def __init__(self, use_trace: bool, limit: int) -> None:
        self._use_trace = use_trace
        self._limit = limit

    def encode(self, obj: Any) -> Any:
        recipe = None if isinstance(obj, type) or not self._use_trace else recipe_of(obj)
        if isinstance(obj, Draft):
            return self._call(obj.trace_symbol, obj.trace_args, obj.trace_kwargs)
        if obj is None or isinstance(obj, (bool, int, float, str)):
            return obj
        if isinstance(obj, Mapping) and all(isinstance(key, str) for key in obj):
            return {key: self.encode(value) for key, value in obj.items()}
        if isinstance(obj, (list, tuple)):
            return [self.encode(item) for item in obj]
        if recipe is not None:
            args, kwargs = list(recipe.args), dict(recipe.kwargs)
            if not getattr(type(obj), KEEPS_POSITIONS, False):
                args, kwargs = name_arguments(recipe.target, recipe.args, recipe.kwargs)
            return self._call(recipe.target, args, kwargs)
        return self._special(obj)

    def _call(self, symbol: Callable[..., Any], args: list[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        shown = {"__args__": self.encode(list(args))} if args else {}
        return {"__symbol__": self._name(symbol), **shown, "__kwargs__": self.encode(dict(kwargs))}

    def _special(self, obj: Any) -> dict[str, Any]:
        if isinstance(obj, type) or inspect.isroutine(obj):
            return {"__nni_type__": self._name(obj)}
        if isinstance(obj, pathlib.PurePath):
            return {"__pathlib__": str(obj)}
        if isinstance(obj, complex):
            return {"__complex__": [obj.real, obj.imag]}
        if isinstance(obj, (set, frozenset)):
            return {"__set__": [self.encode(item) for item in obj]}
        return {"__nni_obj__": self._pickle(obj)}

    def _name(self, target: Any) -> str:
        try:
            return f"path:{importable_name(inspect.unwrap(target) if inspect.isroutine(target) else target)}"
        except RecipeError:
            try:
                return f"path:{importable_name(target)}"
            except RecipeError:
                return f"bytes:{self._pickle(target)}"

    def _pickle(self, obj: Any) -> str:
        data = cloudpickle.dumps(obj)
        if 0 <= self._limit < len(data):
            raise PayloadTooLarge(
                f"{type(obj).__name__} takes {len(data)} bytes, and {self._limit} are allowed",
                why="it does not remember its arguments, so that all of it is written",
                fix="make it by retix.trace(Class)(...), or allow more by pickle_size_limit=-1",
            )
        return base64.b64encode(data).decode()


def _decode(data: dict[str, Any]) -> Any:
    if "__symbol__" in data:
        symbol = trace(_from_name(data["__symbol__"]))
        return symbol(*data.get("__args__", ()), **data["__kwargs__"])
    if "__nni_type__" in data:
        return _from_name(data["__nni_type__"])
    if "__nni_obj__" in data:
        return loads(base64.b64decode(data["__nni_obj__"]))
    if "__pathlib__" in data:
        return pathlib.Path(data["__pathlib__"])
    if "__complex__" in data:
        return complex(*data["__complex__"])
    return set(data["__set__"]) if "__set__" in data else data


def _from_name(name: str) -> Any:
    kind, _, rest = name.partition(":")
    return import_name(rest) if kind == "path" else loads(base64.b64decode(rest))
