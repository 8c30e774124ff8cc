"""Layers of torch that remember no arguments: the call that makes each, read off its attributes."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch

from retix.converter.owned import find_owned
from retix.errors import ConversionError

_FIX = "take the layer from retix.nn.pytorch, which remembers its arguments"


def recover_arguments(layer: torch.nn.Module, path: str) -> dict[str, Any]:
    """The shortest call that makes a layer like this one.

    torch's layers keep almost every argument under its own name; `_SPECIAL` knows the rest. That the call makes a layer
    of the same settings and shapes is checked on the meta device.

    Args:
        layer: An instance of one of torch's classes.
        path: Its place in the model.

    Returns:
        Arguments by name.

    Raises:
        ConversionError: An argument cannot be found, or the layer was changed after it was made.
    """
    parameters = _parameters(type(layer))
    every = {name: _read_argument(layer, name, parameter, path) for name, parameter in parameters.items()}
    every |= _read_dtype(layer)
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    short = {
        name: _collapsed(value)
        for name, value in every.items()
        if name not in defaults
        or not (_is_equal(value, defaults[name]) or _is_equal(_collapsed(value), defaults[name]))
    }
    if not _makes(layer, short):
        _check_twin(layer, every, path)
        return _shorten(layer, every, defaults)
    # an argument that is None by default often stands for a value that the layer finds itself
    unsure = [name for name in short if defaults.get(name, short) is None]
    return _shorten(layer, short, dict.fromkeys(unsure))


def _shorten(layer: torch.nn.Module, arguments: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without those that have a default and make no difference, and with numbers where these will do."""
    found = arguments
    for name, value in arguments.items():
        without = {key: item for key, item in found.items() if key != name}
        if defaults.get(name, inspect.Parameter.empty) is not inspect.Parameter.empty and _makes(layer, without):
            found = without
        elif (shorter := _collapsed(value)) is not value and _makes(layer, {**found, name: shorter}):
            found = {**found, name: shorter}
    return found


def settings_key(layer: torch.nn.Module) -> tuple[object, ...]:
    """Equal for layers that the same call makes, as far as `recover_arguments` can tell."""
    return (*((path, type(part)) for path, part in layer.named_modules()), repr(_settings(layer)))


def _parameters(cls: type[torch.nn.Module]) -> dict[str, inspect.Parameter]:
    if cls.__init__ is torch.nn.Module.__init__:
        return {}
    parameters = dict(inspect.signature(cls).parameters)
    if issubclass(cls, torch.nn.RNNBase) and "args" in parameters:  # they hand everything on to their base
        parameters = {k: p for k, p in inspect.signature(torch.nn.RNNBase).parameters.items() if k != "mode"}
        if not issubclass(cls, torch.nn.LSTM):
            del parameters["proj_size"]
        if issubclass(cls, torch.nn.RNN):
            parameters["nonlinearity"] = inspect.Parameter(
                "nonlinearity", inspect.Parameter.KEYWORD_ONLY, default="tanh"
            )
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {n: p for n, p in parameters.items() if n not in ("device", "dtype") and p.kind not in variadic}


def _read_argument(layer: torch.nn.Module, name: str, parameter: inspect.Parameter, path: str) -> Any:
    special = next(
        (_SPECIAL[cls.__name__, name] for cls in type(layer).__mro__ if (cls.__name__, name) in _SPECIAL), None
    )
    if special is not None:
        return special(layer)
    if hasattr(layer, name):
        return getattr(layer, name)
    if parameter.default is not parameter.empty:
        return parameter.default
    raise ConversionError(f"{path}: the argument {name!r} of {type(layer).__name__} cannot be read off it", fix=_FIX)


def _read_dtype(layer: torch.nn.Module) -> dict[str, Any]:
    dtype = next((p.dtype for p in layer.parameters() if p.is_floating_point()), torch.get_default_dtype())
    return {} if dtype == torch.get_default_dtype() else {"dtype": dtype}


def _has(name: str) -> Callable[[Any], bool]:
    return lambda layer: getattr(layer, name, None) is not None


def _first(stack: str) -> Callable[[Any], torch.nn.Module]:
    def read(layer: Any) -> torch.nn.Module:
        first: torch.nn.Module = layer.layers[0] if not stack else getattr(layer, stack).layers[0]
        return first

    return read


_ACTIVATIONS = {torch.nn.functional.gelu: "gelu"}  # the other one is the default
_TRANSFORMER: Mapping[str, Callable[[Any], Any]] = {
    "d_model": lambda layer: layer.self_attn.embed_dim,
    "nhead": lambda layer: layer.self_attn.num_heads,
    "dim_feedforward": lambda layer: layer.linear1.out_features,
    "dropout": lambda layer: layer.dropout.p,
    "activation": lambda layer: _ACTIVATIONS.get(layer.activation, layer.activation),
    "layer_norm_eps": lambda layer: layer.norm1.eps,
    "batch_first": lambda layer: layer.self_attn.batch_first,
    "norm_first": lambda layer: layer.norm_first,
    "bias": lambda layer: layer.linear1.bias is not None,
}

_SPECIAL: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("Module", "bias"): lambda m: m.bias if isinstance(getattr(m, "bias", None), bool) else _has("bias")(m),
    ("MultiheadAttention", "bias"): _has("in_proj_bias"),
    ("MultiheadAttention", "add_bias_kv"): _has("bias_k"),
    ("Embedding", "_weight"): lambda m: None,
    ("Embedding", "_freeze"): lambda m: not m.weight.requires_grad,
    ("EmbeddingBag", "_weight"): lambda m: None,
    ("PairwiseDistance", "p"): lambda m: m.norm,
    ("AdaptiveLogSoftmaxWithLoss", "cutoffs"): lambda m: m.cutoffs[:-1],
    ("TransformerEncoder", "encoder_layer"): _first(""),
    ("TransformerDecoder", "decoder_layer"): _first(""),
    ("Transformer", "num_encoder_layers"): lambda m: m.encoder.num_layers,
    ("Transformer", "num_decoder_layers"): lambda m: m.decoder.num_layers,
    **{
        (f"Transformer{kind}Layer", name): read
        for kind in ("Encoder", "Decoder")
        for name, read in _TRANSFORMER.items()
    },
    **{
        ("Transformer", name): lambda m, read=read: read(m.encoder.layers[0])  # type: ignore[misc]  # a lambda's default
        for name, read in _TRANSFORMER.items()
        if name not in ("d_model", "nhead", "batch_first")
    },
}


def _collapsed(value: Any) -> Any:
    """``3`` for ``(3, 3)``: many layers expand a number into a tuple, and mean the same by both."""
    if isinstance(value, tuple) and value and all(item == value[0] for item in value):
        return value[0]
    return value


def _check_twin(layer: torch.nn.Module, arguments: dict[str, Any], path: str) -> None:
    try:
        twin = _make_twin(layer, arguments)
    except Exception as error:
        raise ConversionError(
            f"{path}: {type(layer).__name__} cannot be made again from its attributes: {error}", fix=_FIX
        ) from error
    changed = _differences(layer, twin)
    if changed:
        raise ConversionError(
            f"{path}: {type(layer).__name__} was changed after it was made, in {', '.join(changed)}",
            why="generated code makes a layer by its arguments alone",
            fix="make the layer with the arguments it needs, or put it into a @basic_unit",
        )


def _makes(layer: torch.nn.Module, arguments: dict[str, Any]) -> bool:
    """Whether a call makes a layer of the same settings and shapes."""
    try:
        twin = _make_twin(layer, arguments)
    except Exception:
        return False
    return not _differences(layer, twin)


def _differences(layer: torch.nn.Module, twin: torch.nn.Module) -> list[str]:
    """What the layer has otherwise than its twin; attributes that its user added to it do not count."""
    mine, theirs = _settings(layer), _settings(twin)
    changed = [name for name, value in theirs.items() if not _is_equal(mine.get(name), value)]
    parts, twin_parts = (dict(module.named_modules()) for module in (layer, twin))
    return changed + [name for name in (*_shapes(layer), *parts) if name not in theirs and name not in twin_parts]


def _make_twin(layer: torch.nn.Module, arguments: dict[str, Any]) -> torch.nn.Module:
    given = {name: copy.deepcopy(v) if isinstance(v, torch.nn.Module) else v for name, v in arguments.items()}
    cls = type(layer)
    twin = cls.__new__(cls)
    vars(twin).update(dict.fromkeys(_DRAWS, _draw_nothing))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what there is to warn about was said when the layer was made
        if "device" in cls.__init__.__code__.co_varnames:  # much faster than the context
            cls.__init__(twin, **given, device="meta")
        else:
            with torch.device("meta"):
                cls.__init__(twin, **given)
    for name in _DRAWS:
        vars(twin).pop(name, None)
    return twin


_DRAWS = ("reset_parameters", "_reset_parameters")


def _draw_nothing() -> None:
    """In place of what draws a layer's weights: a twin on the meta device has none, and many are made."""


def _settings(layer: torch.nn.Module) -> dict[str, Any]:
    """Everything that calls can differ in: plain attributes, and the shapes and types of parameters and buffers."""
    found = _shapes(layer)
    for path, part in layer.named_modules():
        for name, value in vars(part).items():
            if name != "training" and _is_plain(value):
                found[f"{path}.{name}".lstrip(".")] = value
    return found


def _shapes(layer: torch.nn.Module) -> dict[str, Any]:
    return {owned.path: (tuple(owned.tensor.shape), owned.tensor.dtype) for owned in find_owned(layer)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, (dict, set, torch.Tensor)):  # most of what a module holds, and slow to tell from routines
        return False
    return value is None or isinstance(value, (bool, int, float, str, torch.dtype)) or inspect.isroutine(value)


def _is_equal(left: Any, right: Any) -> bool:
    return left is right or (type(left) is type(right) and bool(left == right))
