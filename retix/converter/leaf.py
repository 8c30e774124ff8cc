"""Leaves: the modules that are captured whole, and the call that makes each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from retix.converter.label import LabelBook
from retix.converter.layer import recover_arguments, settings_key
from retix.converter.signature import positional_names
from retix.converter.user_source import SourceBook
from retix.errors import ConversionError
from retix.ir import Module, Open, Symbol
from retix.nn.pytorch import CONTAINERS, InputChoice, LayerChoice
from retix.recipe import Recipe, is_basic_unit, recipe_of

RECORDED = "retix.nn.pytorch"


def is_leaf(module: torch.nn.Module) -> bool:
    """Whether the module is captured as one node: torch's layers, basic units and choices."""
    if isinstance(module, (LayerChoice, InputChoice)) or is_basic_unit(module):
        return True
    return is_torch_layer(module)


def is_torch_layer(module: torch.nn.Module) -> bool:
    """Whether the module's class is one of torch's own layers, no container, and no user's subclass of one."""
    home = type(module).__module__
    return (home.startswith("torch.nn.") or home == RECORDED) and not isinstance(module, CONTAINERS)


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

    def describe(self, module: torch.nn.Module, path: str) -> Module:
        """The call that makes ``module``.

        Raises:
            ConversionError: Its arguments are not known, or cannot be written as data.
        """
        recipe = recipe_of(module)
        if recipe is None:
            recipe = Recipe(type(module), (), self._recover(module, path))
        if is_torch_layer(module):
            _check_trained(module, path)
        return replace(self._call(recipe, path), state=tuple(module.state_dict()))

    def _recover(self, layer: torch.nn.Module, path: str) -> dict[str, Any]:
        """Both modes meet every layer, and most models have many that are alike."""
        if any(layer.children()):
            return recover_arguments(layer, path)
        key = settings_key(layer)
        if key not in self._recovered:
            self._recovered[key] = recover_arguments(layer, path)
        return self._recovered[key]

    def literal(self, value: Any, path: str) -> Any:
        """``value`` as a literal of the IR; ``path`` is where it was found.

        Raises:
            ConversionError: It cannot be written as data.
        """
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
        names = positional_names(recipe.target)
        args = tuple(
            self.literal(value, f"{path}.{names[i] if i < len(names) else i}") for i, value in enumerate(recipe.args)
        )
        kwargs = {name: self.literal(value, f"{path}.{name}") for name, value in recipe.kwargs.items()}
        return Module(self._type(recipe.target, path), args, kwargs)

    def _type(self, target: Callable[..., Any], path: str) -> str:
        if getattr(target, "__module__", None) == RECORDED:
            return f"torch.nn.{target.__name__}"
        if getattr(target, "__module__", "").startswith("torch.nn.modules."):
            return (
                f"torch.nn.{target.__name__}"
                if hasattr(torch.nn, target.__name__)
                else self._sources.name(target, path)
            )
        return self._sources.name(target, path)


def _check_trained(layer: torch.nn.Module, path: str) -> None:
    frozen = [name for name, parameter in layer.named_parameters() if not parameter.requires_grad]
    if frozen and not isinstance(layer, (torch.nn.Embedding, torch.nn.EmbeddingBag)):
        raise ConversionError(
            f"{path} ({type(layer).__name__}) does not train its {', '.join(frozen)}",
            why="generated code makes a layer by its arguments alone, which do not say so",
            fix="put the layer into a @basic_unit whose __init__ calls requires_grad_(False)",
        )


def _plain(value: Any) -> Any:
    """Subclasses of plain types, such as enums and numpy scalars, as the plain type."""
    kind = next((k for k in (bool, int, float, complex, str) if isinstance(value, k)), None)
    return kind(value) if kind is not None else value
