"""Leaves: the modules that are captured whole, and the call that makes each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from retix.converter.asked import settle_asked
from retix.converter.layer import recover_arguments, settings_key
from retix.converter.owned import find_owned
from retix.converter.signature import positional_names
from retix.converter.tensor import describe_tensor
from retix.converter.user_source import SourceBook
from retix.errors import ConversionError
from retix.ir import Module, Open, Symbol, Tensor
from retix.nn.pytorch import CONTAINERS, InputChoice, LabelBook, LayerChoice, Placeholder, SelectInputs
from retix.recipe import Recipe, is_basic_unit, recipe_of

RECORDED = "retix.nn.pytorch"

CHOICES = (LayerChoice, InputChoice, SelectInputs, Placeholder)
"""The modules that are nodes of their own kinds; what else has choices in it is made of these."""


def is_leaf(module: torch.nn.Module) -> bool:
    """Whether the module is captured as one node: torch's layers, basic units and choices."""
    if isinstance(module, CHOICES) or is_basic_unit(module):
        return True
    return is_torch_layer(module)


def is_torch_layer(module: torch.nn.Module) -> bool:
    """Whether it is one of torch's own layers: no container, no user's subclass of one, and without hooks."""
    home = type(module).__module__
    if not (home.startswith("torch.nn.modules.") or home == RECORDED) or isinstance(module, CONTAINERS):
        return False
    return not (module._forward_pre_hooks or module._forward_hooks)  # what they do is traced, and then the layer too


class LeafBook:
    """Writes leaves as data, and keeps the texts of classes that cannot be imported.

    Args:
        labels: Names choices that have no label.
        sources: Keeps users' classes.
    """

    def __init__(self, labels: LabelBook, sources: SourceBook) -> None:
        self._labels = labels
        self._sources = sources
        self._recovered: dict[tuple[object, ...], dict[str, Any]] = {}
        self._described: dict[tuple[torch.nn.Module, str], Module] = {}
        self._positional: dict[Callable[..., Any], list[str]] = {}
        self._tensors: dict[tuple[int, str], Tensor] = {}

    def describe(self, module: torch.nn.Module, path: str) -> Module:
        """The call that makes ``module``; both modes meet every leaf.

        Raises:
            ConversionError: Its arguments are not known, or cannot be written as data.
        """
        if (module, path) not in self._described:
            self._described[module, path] = self._describe(module, path)
        return self._described[module, path]

    def _describe(self, module: torch.nn.Module, path: str) -> Module:
        recipe = recipe_of(module)
        if recipe is None:
            recipe = Recipe(type(module), (), self._recover(module, path))
        made = replace(self._call(recipe, path), state=_name_state(module))
        return replace(
            made, frozen=is_torch_layer(module) and "_freeze" not in made.kwargs and _is_frozen(module, path)
        )

    def describe_tensor(self, tensor: torch.Tensor, path: str, kind: str, persistent: bool = True) -> Tensor:
        """A tensor of the module's as data; see `retix.converter.tensor`. Every trace of the module meets all of them.

        Raises:
            ConversionError: Its values follow no rule, and are too many.
        """
        key = id(tensor), path  # it lives as long as the module, and has its first value again whenever it is read
        if key not in self._tensors:
            self._tensors[key] = describe_tensor(tensor, path, kind, persistent)
        return self._tensors[key]

    def _recover(self, layer: torch.nn.Module, path: str) -> dict[str, Any]:
        """Most models have many layers that are alike."""
        key = settings_key(layer)
        if key not in self._recovered:
            found = recover_arguments(layer, path)
            if any(isinstance(value, torch.nn.Module) for value in found.values()):
                return found  # that is a part of this layer alone
            self._recovered[key] = found
        return self._recovered[key]

    def literal(self, value: Any, path: str) -> Any:
        """``value`` as a literal of the IR; ``path`` is where it was found.

        Raises:
            ConversionError: It cannot be written as data.
        """
        value = settle_asked(value)
        if value is None or isinstance(value, (bool, int, float, complex, str)) or value is Ellipsis:
            return _plain(value)
        if isinstance(value, torch.Size):
            return tuple(int(item) for item in value)
        if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
            return type(value)(self.literal(item, path) for item in value)
        if isinstance(value, dict):
            return {key: self.literal(item, path) for key, item in value.items()}
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return Symbol(str(value))
        if isinstance(value, torch.device):
            return str(value)
        if hasattr(type(value), "__retix_default__"):
            return Open(self._labels.name_choices(value.to_json(), path))
        return self._object(value, path)

    def _object(self, value: Any, path: str) -> Any:
        if isinstance(value, type) or inspect.isroutine(value):
            return Symbol(self._sources.name(value, path))
        recipe = recipe_of(value)
        if recipe is None and isinstance(value, torch.nn.Module) and is_torch_layer(value):
            return self.describe(value, path)
        if recipe is None:
            raise ConversionError(
                f"{path or 'the model'} was made with the argument {value!r} of type {type(value).__name__}, "
                "which cannot be written as source",
                fix="pass plain values, or make the object by retix.serialize(Cls, ...)",
            )
        return self._call(recipe, path)

    def _call(self, recipe: Recipe, path: str) -> Module:
        names = positional_names(recipe.target) if recipe.args else []
        args = tuple(
            self.literal(value, f"{path}.{names[i] if i < len(names) else i}") for i, value in enumerate(recipe.args)
        )
        kwargs = {name: self.literal(value, f"{path}.{name}") for name, value in recipe.kwargs.items()}
        return Module(self._type(recipe.target, path), args, kwargs)

    def _type(self, target: Callable[..., Any], path: str) -> str:
        if target is Placeholder:
            return f"{RECORDED}.Placeholder"
        if getattr(target, "__module__", None) == RECORDED:
            return f"torch.nn.{target.__name__}"
        if getattr(target, "__module__", "").startswith("torch.nn.modules."):
            return (
                f"torch.nn.{target.__name__}"
                if hasattr(torch.nn, target.__name__)
                else self._sources.name(target, path)
            )
        return self._sources.name(target, path)


def _is_frozen(layer: torch.nn.Module, path: str) -> bool:
    """Whether no parameter of the layer is trained.

    Raises:
        ConversionError: Some are.
    """
    frozen = [name for name, parameter in layer.named_parameters() if not parameter.requires_grad]
    if frozen and len(frozen) < len(list(layer.parameters())):
        raise ConversionError(
            f"{path} ({type(layer).__name__}) does not train its {', '.join(frozen)}, and trains the rest",
            why="generated code makes a layer by its arguments, and freezes it as a whole or not at all",
            fix="put the layer into a @basic_unit whose __init__ calls requires_grad_(False)",
        )
    return bool(frozen)


def _name_state(module: torch.nn.Module) -> tuple[str, ...]:
    """The names of its state; a basic unit's may be anything, one of torch's layers' are read faster than a copy is."""
    if not is_torch_layer(module):
        return tuple(module.state_dict())
    return tuple(
        owned.path for owned in find_owned(module) if owned.name not in owned.owner._non_persistent_buffers_set
    )


def _plain(value: Any) -> Any:
    """Subclasses of plain types, such as enums and numpy scalars, as the plain type."""
    kind = next((k for k in (bool, int, float, complex, str) if isinstance(value, k)), None)
    return kind(value) if kind is not None else value
