"""Checks before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.utils.parametrize import is_parametrized

from retix.converter.leaf import is_leaf
from retix.converter.place import find_definition
from retix.errors import ConversionError
from retix.recipe import is_basic_unit

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def check_module(module: Any) -> None:
    """Refuse what is no module, or forgot to become one, or does more than its classes say.

    Raises:
        ConversionError: ``module`` is no module, or a single layer; a part of it never called ``super().__init__()``,
            has parameters that do not exist yet, or carries hooks or parametrizations.
    """
    if not isinstance(module, torch.nn.Module):
        what = "a class, not an instance" if isinstance(module, type) else f"{type(module).__name__}"
        raise ConversionError(f"the base model is {what}", fix="pass an instance of a torch.nn.Module, such as Net()")
    for path, part in _parts(module):
        _check_part(path or "the base model", part)
    if is_leaf(module):
        raise ConversionError(
            f"{type(module).__name__} is a single layer, so there is nothing in it to search",
            fix="put it into a module of your own",
        )


def check_modes(module: torch.nn.Module, training: bool) -> None:
    """Refuse a module that keeps a part of itself in another mode than the one it was put in.

    Raises:
        ConversionError: A part's flag is not ``training``.
    """
    for path, part in _parts(module):
        if part.training != training:
            raise ConversionError(
                f"{path} ({type(part).__name__}) stays in {'training' if part.training else 'eval'} mode when the "
                "model is switched",
                where=find_definition(type(module).train),
                why="train() is overridden; a graph has no train() of its own",
                fix="put the part into a @basic_unit that keeps it in its mode",
            )


def _parts(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """The module and its parts, but nothing inside of basic units, which make their parts themselves."""
    pending = [("", module)]
    while pending:
        path, part = pending.pop()
        yield path, part
        if not is_basic_unit(part):
            children = [(f"{path}.{name}".lstrip("."), child) for name, child in part._modules.items()]
            pending += [(name, child) for name, child in reversed(children) if child is not None]


def _check_part(path: str, part: torch.nn.Module) -> None:
    cls = type(part).__qualname__
    if "_modules" not in part.__dict__:
        raise ConversionError(
            f"{path} is a {cls} whose __init__ never called super().__init__()",
            fix=f"make super().__init__() the first line of {cls}.__init__",
        )
    if any(isinstance(p, torch.nn.parameter.UninitializedParameter) for p in part.parameters(recurse=False)):
        raise ConversionError(
            f"{path} ({cls}) has parameters of unknown shape",
            fix="call the model once on example inputs before the search",
        )
    if is_parametrized(part):
        names = ", ".join(part.parametrizations)  # type: ignore[arg-type]  # a ModuleDict, which torch leaves untyped
        raise ConversionError(
            f"{path} ({cls}) has a parametrization of {names}",
            why="generated code makes a layer by its arguments alone, and would lose it",
            fix="put the layer into a @basic_unit whose __init__ registers the parametrization",
        )
    hook = next(_foreign_hooks(part), None)
    if hook is not None:
        name = getattr(hook, "__qualname__", type(hook).__qualname__)
        raise ConversionError(
            f"{path} ({cls}) has the hook {name}",
            where=find_definition(hook),
            why="a hook is no part of forward, so that generated code would lose it",
            fix="write what the hook does into forward, or put the layer into a @basic_unit that registers it",
        )


def _foreign_hooks(part: torch.nn.Module) -> Iterator[Any]:
    """The hooks that the class does not register itself: of a basic unit, its own come back with it."""
    own = f"{type(part).__qualname__}."
    for table in _HOOKS:
        for hook in part.__dict__.get(table, {}).values():
            if not (is_basic_unit(part) and getattr(hook, "__qualname__", "").startswith(own)):
                yield hook
