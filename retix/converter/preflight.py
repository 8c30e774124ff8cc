"""Checks before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from retix.converter.asked import describe
from retix.converter.leaf import is_leaf
from retix.converter.place import find_definition
from retix.errors import ConversionError
from retix.nn.pytorch import InputChoice, LayerChoice
from retix.recipe import is_basic_unit, recipe_of
from retix.space import Expression, find_expressions

_FORWARD_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_BACKWARD_HOOKS = ("_backward_pre_hooks", "_backward_hooks")


def check_module(module: Any) -> None:
    """Refuse what is no module, or forgot to become one, or does more than its classes say.

    Raises:
        ConversionError: ``module`` is no module, or a single layer; a part of it never called ``super().__init__()``,
            has parameters that do not exist yet, or carries hooks that no trace can follow.
    """
    if not isinstance(module, torch.nn.Module):
        what = "a class, not an instance" if isinstance(module, type) else f"{type(module).__name__}"
        raise ConversionError(f"the base model is {what}", fix="pass an instance of a torch.nn.Module, such as Net()")
    for path, part in _parts(module):
        _check_part(path or "the base model", part)
        if is_basic_unit(part):
            _check_unit(path, part)
        # a trace follows the forward hooks of parts; who calls the model itself runs its hooks around all of it
        _check_hooks(path or "the base model", part, _BACKWARD_HOOKS if path else (*_FORWARD_HOOKS, *_BACKWARD_HOOKS))
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


def _check_unit(path: str, unit: torch.nn.Module) -> None:
    inner = next((label for part in unit.modules() for label in _find_choices(part, unit)), None)
    if inner is not None:
        cls = type(unit).__qualname__
        raise ConversionError(
            f"the basic unit {path or cls} ({cls}) holds {inner}",
            where=find_definition(type(unit)),
            why="a basic unit is captured whole, so that a choice inside of it would never be made",
            fix="hand the choice to the unit as an argument, or remove @basic_unit",
        )


def _find_choices(part: torch.nn.Module, unit: torch.nn.Module) -> Iterator[str]:
    """Yield the choices that a basic unit makes itself; those among its own arguments are made with it."""
    if isinstance(part, (LayerChoice, InputChoice)):
        yield f"the choice {part.label!r}" if part.label else f"a {type(part).__name__}"
    for value in vars(part).values():
        if isinstance(value, Expression):
            yield describe(value)
    recipe = recipe_of(part) if part is not unit else None
    if recipe is not None:
        yield from map(describe, find_expressions((recipe.args, dict(recipe.kwargs))))


def _check_hooks(path: str, part: torch.nn.Module, tables: tuple[str, ...]) -> None:
    hook = next(_foreign_hooks(part, tables), None)
    if hook is not None:
        name = getattr(hook, "__qualname__", type(hook).__qualname__)
        raise ConversionError(
            f"{path} ({type(part).__qualname__}) has the hook {name}",
            where=find_definition(hook),
            why="it is in no graph what a hook does to gradients, or around the model, so that generated code would "
            "lose it",
            fix="write what the hook does into forward, or put the layer into a @basic_unit that registers it",
        )


def _foreign_hooks(part: torch.nn.Module, tables: tuple[str, ...]) -> Iterator[Any]:
    """The hooks that the class does not register itself: of a basic unit, its own come back with it."""
    own = f"{type(part).__qualname__}."
    for table in tables:
        for hook in part.__dict__.get(table, {}).values():
            if not (is_basic_unit(part) and getattr(hook, "__qualname__", "").startswith(own)):
                yield hook
