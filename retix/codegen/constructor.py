"""The calls that make layers and tensors, with their arguments where people put them."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import Any

from retix.ir import Module, Symbol

_POSITIONAL: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), ("in_channels", "out_channels", "kernel_size")),
    **dict.fromkeys(
        ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"), ("in_channels", "out_channels", "kernel_size")
    ),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"), ("num_features",)),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"), ("num_features",)),
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d"), ("kernel_size",)),
    **dict.fromkeys(("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d"), ("output_size",)),
    **dict.fromkeys(("AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d"), ("output_size",)),
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"), ("p",)),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"), ("input_size", "hidden_size")),
    **dict.fromkeys(("TransformerEncoderLayer", "TransformerDecoderLayer"), ("d_model", "nhead")),
    **dict.fromkeys(("LayerNorm", "RMSNorm"), ("normalized_shape",)),
    **dict.fromkeys(("Embedding", "EmbeddingBag"), ("num_embeddings", "embedding_dim")),
    **dict.fromkeys(("ZeroPad2d", "ReflectionPad2d", "ReplicationPad2d"), ("padding",)),
    "Linear": ("in_features", "out_features"),
    "Bilinear": ("in1_features", "in2_features", "out_features"),
    "GroupNorm": ("num_groups", "num_channels"),
    "MultiheadAttention": ("embed_dim", "num_heads"),
    "LeakyReLU": ("negative_slope",),
    "PixelShuffle": ("upscale_factor",),
    "PixelUnshuffle": ("downscale_factor",),
}
_INITIALIZERS = {"normal_": ("tensor", "mean", "std"), "uniform_": ("tensor", "a", "b")}

_CONVOLUTION: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True}
_DEFAULTS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), _CONVOLUTION),
    "Linear": {"bias": True},
}
_SPREAD = {"torch.zeros", "torch.ones", "torch.empty", "torch.rand", "torch.randn"}


def arrange(module: Module) -> Module:
    """The same call, as people write it: the arguments that come first by position, one number for ``(3,)``."""
    home, _, name = module.type.rpartition(".")
    if module.type in _SPREAD:
        return _spread_size(module)
    if module.type in ("torch.tensor", "torch.full"):
        return _shorten_numbers(_without_dtype(module))
    if module.type == "torch.arange":
        return _without_dtype(module)
    if home == "torch.nn.init":
        return _without_mean(module)
    if home != "torch.nn":
        return module
    args, kwargs = list(module.args), dict(module.kwargs)
    for parameter in _POSITIONAL.get(name, ())[len(args) :]:
        if parameter not in kwargs:
            break
        args.append(kwargs.pop(parameter))
    if name.startswith(("MaxPool", "AvgPool")) and args and kwargs.get("stride") == args[0]:
        del kwargs["stride"]
    if name in ("LayerNorm", "RMSNorm") and args and isinstance(args[0], (tuple, list)) and len(args[0]) == 1:
        args[0] = args[0][0]
    return replace(module, args=tuple(args), kwargs=kwargs)


def argument_names(module: Module) -> tuple[str, ...]:
    """The parameter names of an arranged call's positional arguments, as far as they are known."""
    name = module.type.rpartition(".")[2]
    return _POSITIONAL.get(name, _INITIALIZERS.get(name, ()))


def default_arguments(module: Module) -> dict[str, Any]:
    """Keyword arguments that often differ between two layers of one kind, and what they are where they are left out."""
    home, _, name = module.type.rpartition(".")
    defaults = _DEFAULTS.get(name, {}) if home == "torch.nn" else {}
    positional = len(_POSITIONAL.get(name, ()))
    return defaults if len(module.args) == positional else {}


def _spread_size(module: Module) -> Module:
    size = module.args[0] if len(module.args) == 1 else None
    return replace(module, args=tuple(size)) if isinstance(size, (tuple, list)) and size else module


def _without_dtype(module: Module) -> Module:
    """Whole numbers make an int64 tensor by themselves."""
    if module.kwargs.get("dtype") != Symbol("torch.int64") or not all(map(_is_whole, module.args)):
        return module
    return replace(module, kwargs={name: value for name, value in module.kwargs.items() if name != "dtype"})


def _without_mean(module: Module) -> Module:
    if not module.type.endswith(".normal_") or len(module.args) != 3 or module.args[1] != 0:
        return module
    return replace(module, args=module.args[:1], kwargs={"std": module.args[2]})


def _shorten_numbers(module: Module) -> Module:
    """``0.1`` for the number of 32 bits that is nearest to it, of which a tensor's own text has more digits."""
    if module.kwargs:
        return module
    *size, values = module.args
    return replace(module, args=(*size, _shorten(values)))


def _shorten(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_shorten, value))
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    shorter = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next((number for number in shorter if _round(number) == _round(value)), value)


def _round(number: float) -> bytes:
    """The nearest number of 32 bits."""
    return struct.pack("f", number)


def _is_whole(item: Any) -> bool:
    return all(map(_is_whole, item)) and bool(item) if isinstance(item, (list, tuple)) else type(item) is int
