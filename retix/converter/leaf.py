"""Leaves: the modules that are captured whole, and the call that makes each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from retix.converter.label import LabelBook
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

    def describe(self, module: torch.nn.Module, path: str) -> Module:
        """The call that makes ``module``.

        Raises:
            ConversionError: Its arguments are not known, or cannot be written as data.
        """
        recipe = recipe_of(module)
        if recipe is None:
            recipe = Recipe(type(module), (), recover_arguments(module, path))
        return replace(self._call(recipe, path), state=tuple(module.state_dict()))

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
        names = _parameter_names(recipe.target)
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


def _plain(value: Any) -> Any:
    """Subclasses of plain types, such as enums and numpy scalars, as the plain type."""
    kind = next((k for k in (bool, int, float, complex, str) if isinstance(value, k)), None)
    return kind(value) if kind is not None else value


def _parameter_names(target: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def recover_arguments(module: torch.nn.Module, path: str) -> dict[str, Any]:
    """The arguments of a torch layer that remembers none, read off its attributes; defaults are left out.

    torch's layers keep almost every argument under its own name; `_SPECIAL` knows the rest. That the result makes a
    module with the same parameters is checked on the meta device.

    Raises:
        ConversionError: An argument cannot be found, or the check fails.
    """
    cls = type(module)
    if cls.__init__ is torch.nn.Module.__init__:
        return {}
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        if name in ("device", "dtype") or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = _read_argument(module, name, parameter, path)
        if parameter.default is parameter.empty or not _equal(value, parameter.default):
            found[name] = value
    _check_recovered(module, found, path)
    return found


def _read_argument(module: torch.nn.Module, name: str, parameter: inspect.Parameter, path: str) -> Any:
    special = _SPECIAL.get((type(module).__name__, name)) or _SPECIAL.get(("", name))
    if special is not None:
        try:
            return special(module)
        except AttributeError:
            return parameter.default
    if hasattr(module, name):
        return _collapsed(getattr(module, name))
    if parameter.default is not parameter.empty:
        return parameter.default
    raise ConversionError(
        f"{path}: the argument {name!r} of {type(module).__name__} cannot be read off the layer",
        fix="take the layer from retix.nn.pytorch, which remembers its arguments",
    )


def _has(name: str) -> Callable[[torch.nn.Module], bool]:
    return lambda module: getattr(module, name) is not None


_SPECIAL: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("", "bias"): lambda m: m.bias if isinstance(m.bias, bool) else m.bias is not None,
    ("MultiheadAttention", "bias"): _has("in_proj_bias"),
    ("MultiheadAttention", "kdim"): lambda m: None if m.kdim == m.embed_dim else m.kdim,
    ("MultiheadAttention", "vdim"): lambda m: None if m.vdim == m.embed_dim else m.vdim,
    ("MultiheadAttention", "add_bias_kv"): _has("bias_k"),
    ("Embedding", "_weight"): lambda m: None,
    ("Embedding", "_freeze"): lambda m: not m.weight.requires_grad,
    ("EmbeddingBag", "_weight"): lambda m: None,
    ("PReLU", "num_parameters"): lambda m: m.num_parameters,
    ("PReLU", "init"): lambda m: m.init,
    ("TransformerEncoderLayer", "d_model"): lambda m: m.self_attn.embed_dim,
    ("TransformerEncoderLayer", "nhead"): lambda m: m.self_attn.num_heads,
    ("TransformerEncoderLayer", "dim_feedforward"): lambda m: m.linear1.out_features,
    ("TransformerEncoderLayer", "dropout"): lambda m: m.dropout.p,
    ("TransformerEncoderLayer", "layer_norm_eps"): lambda m: m.norm1.eps,
    ("TransformerEncoderLayer", "batch_first"): lambda m: m.self_attn.batch_first,
    ("TransformerEncoderLayer", "bias"): lambda m: m.linear1.bias is not None,
    ("TransformerDecoderLayer", "d_model"): lambda m: m.self_attn.embed_dim,
    ("TransformerDecoderLayer", "nhead"): lambda m: m.self_attn.num_heads,
    ("TransformerDecoderLayer", "dim_feedforward"): lambda m: m.linear1.out_features,
    ("TransformerDecoderLayer", "dropout"): lambda m: m.dropout.p,
    ("TransformerDecoderLayer", "layer_norm_eps"): lambda m: m.norm1.eps,
    ("TransformerDecoderLayer", "batch_first"): lambda m: m.self_attn.batch_first,
    ("TransformerDecoderLayer", "bias"): lambda m: m.linear1.bias is not None,
}


def _collapsed(value: Any) -> Any:
    """``3`` for ``(3, 3)``: layers expand a number into a tuple, and mean the same by both."""
    if isinstance(value, tuple) and len(value) > 1 and all(item == value[0] for item in value):
        return value[0]
    return value


def _equal(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _check_recovered(module: torch.nn.Module, arguments: dict[str, Any], path: str) -> None:
    with torch.device("meta"):
        try:
            twin = type(module)(**arguments)
        except Exception as error:
            raise ConversionError(
                f"{path}: {type(module).__name__} cannot be made again from its attributes: {error}",
                fix="take the layer from retix.nn.pytorch, which remembers its arguments",
            ) from error
    shapes = {name: value.shape for name, value in module.state_dict().items() if isinstance(value, torch.Tensor)}
    twin_shapes = {name: value.shape for name, value in twin.state_dict().items() if isinstance(value, torch.Tensor)}
    if shapes != twin_shapes:
        raise ConversionError(
            f"{path}: {type(module).__name__} was changed after it was made: its parameters are {shapes}, and its "
            f"attributes make {twin_shapes}",
            fix="make the layer with the arguments it needs, or put it into a @basic_unit",
        )
