"""Runs a module's forward with symbols, and leaves the module and the process as they were."""

from __future__ import annotations

import math
import types
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from retix.converter.asked import answering
from retix.converter.fx.scope import Scope
from retix.converter.fx.symbol import call_with_symbols, count_items, is_instance
from retix.converter.fx.tracer import ScopeTracer
from retix.converter.leaf import is_leaf
from retix.converter.place import find_user_frame
from retix.errors import ConversionError, SpaceError


def follow(module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[ScopeTracer, Scope]:
    """Run forward, with symbols for its inputs.

    Args:
        module: Not a leaf.
        args: Positional arguments; tensors and `UNKNOWN` in them become symbols.
        kwargs: Keyword arguments, likewise.

    Returns:
        What ran, and what it found.

    Raises:
        ConversionError: Python wanted to know more of a symbol than holds for all inputs.
    """
    tracer = ScopeTracer(module)
    forward = module.forward
    capturing = answering(lambda: not tracer.is_estimating)
    with _redirected(module, tracer), _seen_by_users(module), capturing:
        try:
            return tracer, tracer.run(forward, args, kwargs)
        except ConversionError:
            raise
        except SpaceError as error:
            frame = find_user_frame(error.__traceback__)
            what = f"{type(module).__name__} cannot be followed with symbols: {error.what}"
            raise ConversionError(what, where=frame, why=error.why, fix=error.fix) from error
        except Exception as error:
            raise _explain(module, error) from error


def _explain(module: torch.nn.Module, error: Exception) -> ConversionError:
    return ConversionError(
        f"{type(module).__name__} cannot be followed with symbols: {type(error).__name__}: {error}",
        where=find_user_frame(error.__traceback__),
        why="forward does with a tensor what only works with one that has values",
        fix="give example inputs, so that the model is traced; or put what fails into a @basic_unit",
    )


class _Table(dict[str, Any]):
    """Parameters or buffers that are symbols for who reads them as attributes.

    Args:
        tensors: The table whose place it takes.
        tracer: Makes the symbols.
        training: The mode, where the table answers for it too.
    """

    def __init__(self, tensors: Mapping[str, Any], tracer: ScopeTracer, training: bool | None = None) -> None:
        super().__init__(tensors)
        self._tracer = tracer
        self._training = training

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (name == "training" and self._training is not None)

    def __getitem__(self, name: str) -> Any:
        if name == "training" and self._training is not None:
            self._tracer.mode_was_read = True
            return self._training
        tensor = super().__getitem__(name)
        return tensor if tensor is None or self._tracer.is_estimating else self._tracer.read_tensor(tensor)


_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_REDIRECTED = {"forward", "training", "_parameters", "_buffers", *_HOOKS}


@contextmanager
def _redirected(root: torch.nn.Module, tracer: ScopeTracer) -> Iterator[None]:
    """Give every module a forward that is recorded, and tables that note what is read; afterwards its own again."""
    changed: dict[torch.nn.Module, dict[str, Any]] = {}

    def visit(module: torch.nn.Module) -> None:
        if module in changed:
            return
        own = changed[module] = dict(vars(module))
        names = vars(module)
        names["forward"] = _record_calls(module, module.forward, tracer)
        if is_leaf(module):
            names.update({name: OrderedDict() for name in _HOOKS})
            return
        names["_parameters"] = _Table(own["_parameters"], tracer)
        plain = {name: item for name, item in own.items() if isinstance(item, torch.Tensor)}
        names["_buffers"] = _Table({**own["_buffers"], **plain}, tracer, names.pop("training"))
        for name in plain:
            del names[name]
        for child in own["_modules"].values():
            if child is not None:
                visit(child)

    try:
        visit(root)
        yield
    finally:
        for module, own in changed.items():
            names = vars(module)
            names.pop("forward", None)
            names.update(
                {key: item for key, item in own.items() if key in _REDIRECTED or isinstance(item, torch.Tensor)}
            )


def _record_calls(module: torch.nn.Module, forward: Callable[..., Any], tracer: ScopeTracer) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        if tracer.is_estimating:
            return forward(*args, **kwargs)
        return tracer.call_module(module, forward, args, kwargs)

    return recorded


@contextmanager
def _seen_by_users(root: torch.nn.Module) -> Iterator[None]:
    """Let the files that hold users' forwards ask what symbols stand for, by `isinstance`, `len` and `math`.

    A symbol is no tensor to Python, and Python's functions of numbers take numbers: torch.fx itself replaces names in
    the same way, for the time of a trace.
    """
    files = {id(names): names for names in _find_globals(root)}.values()
    before = [(names, {key: names[key] for key in _replace_names(names) if key in names}) for names in files]
    made = [(names, _replace_names(names)) for names in files]
    try:
        for names, replaced in made:
            names.update(replaced)
        yield
    finally:
        for (names, replaced), (_, original) in zip(made, before, strict=True):
            for key in replaced:
                del names[key]
            names.update(original)


def _find_globals(root: torch.nn.Module) -> Iterator[dict[str, Any]]:
    for cls in {type(module) for module in root.modules()}:
        function = getattr(cls, "forward", None)
        if isinstance(function, types.FunctionType) and not cls.__module__.startswith("torch."):
            yield function.__globals__


def _replace_names(names: Mapping[str, Any]) -> dict[str, Any]:
    replaced: dict[str, Any] = {"isinstance": is_instance, "len": count_items}
    for name, item in names.items():
        if item is math or item is torch:
            replaced[name] = _VIEWS[item.__name__]
        elif isinstance(item, type) and issubclass(item, torch.autograd.Function):
            replaced[name] = types.SimpleNamespace(apply=partial(call_with_symbols, item.apply))
        elif isinstance(item, types.BuiltinFunctionType) and (item.__module__ == "math" or item in _FACTORIES):
            replaced[name] = partial(call_with_symbols, item)
    return {name: item for name, item in replaced.items() if name not in names or name not in ("isinstance", "len")}


class _View:
    """A module of which some functions take symbols for numbers.

    Args:
        module: The module.
        functions: These functions.
    """

    def __init__(self, module: types.ModuleType, functions: Iterable[Callable[..., Any]]) -> None:
        self._module = module
        vars(self).update({item.__name__: partial(call_with_symbols, item) for item in functions})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


_FACTORIES: set[Callable[..., Any]] = {
    *(torch.zeros, torch.ones, torch.empty, torch.full, torch.rand, torch.randn, torch.randint, torch.randperm),
    *(torch.arange, torch.linspace, torch.logspace, torch.eye, torch.tensor, torch.tril_indices, torch.triu_indices),
}
"""Functions that make tensors out of numbers; they do not ask their arguments whether they are symbols."""

_VIEWS = {
    "math": _View(math, (item for item in vars(math).values() if isinstance(item, types.BuiltinFunctionType))),
    "torch": _View(torch, _FACTORIES),
}
