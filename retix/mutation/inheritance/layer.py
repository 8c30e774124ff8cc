"""The layers of torch whose weights can be taken over in part, by the call that makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retix.ir import Module

_CONV = {
    "kernel_size": None,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "bias": True,
    "padding_mode": "zeros",
}
_SIZES: dict[str, Any] = {"in_channels": None, "out_channels": None}
_CONV_TRANSPOSE = {
    "kernel_size": None,
    "stride": 1,
    "padding": 0,
    "output_padding": 0,
    "groups": 1,
    "bias": True,
    "dilation": 1,
    "padding_mode": "zeros",
}
_BATCH_NORM = {"num_features": None, "eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}
_SIGNATURES: dict[str, dict[str, Any]] = {
    "Conv": {**_SIZES, **_CONV},
    "ConvTranspose": {**_SIZES, **_CONV_TRANSPOSE},
    "Linear": {"in_features": None, "out_features": None, "bias": True},
    "BatchNorm": _BATCH_NORM,
    "InstanceNorm": {**_BATCH_NORM, "affine": False, "track_running_stats": False},
    "LayerNorm": {"normalized_shape": None, "eps": 1e-5, "elementwise_affine": True, "bias": True},
    "RMSNorm": {"normalized_shape": None, "eps": None, "elementwise_affine": True},
    "GroupNorm": {"num_groups": None, "num_channels": None, "eps": 1e-5, "affine": True},
    "PReLU": {"num_parameters": 1, "init": 0.25},
    "Embedding": {
        **{"num_embeddings": None, "embedding_dim": None, "padding_idx": None, "max_norm": None, "norm_type": 2.0},
        **{"scale_grad_by_freq": False, "sparse": False},
    },
}
_INPUT = {"Conv": "in_channels", "ConvTranspose": "in_channels", "Linear": "in_features"}
_OUTPUT = {
    **{"Conv": "out_channels", "ConvTranspose": "out_channels", "Linear": "out_features"},
    **{"Embedding": "embedding_dim", "BatchNorm": "num_features", "InstanceNorm": "num_features"},
    **{"LayerNorm": "normalized_shape", "RMSNorm": "normalized_shape", "GroupNorm": "num_channels"},
    **{"PReLU": "num_parameters"},
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of torch.

    Attributes:
        kind: Its class without the number of dimensions, such as ``Conv``.
        dims: That number; 0 where there is none.
        settings: Every argument of its constructor that counts here, by name.
    """

    kind: str
    dims: int
    settings: Mapping[str, Any]

    @property
    def in_size(self) -> int:
        """How many units go in; for norms, how many they are for."""
        return int(self.settings[_INPUT.get(self.kind, _OUTPUT[self.kind])])

    @property
    def out_size(self) -> int:
        """How many units come out."""
        return int(self.settings[_OUTPUT[self.kind]])

    @property
    def groups(self) -> int:
        """In how many groups a convolution splits its units."""
        return int(self.settings.get("groups", 1))

    @property
    def has_bias(self) -> bool:
        """Whether it adds something."""
        if self.kind in ("BatchNorm", "InstanceNorm", "GroupNorm"):
            return bool(self.settings["affine"])
        if self.kind == "LayerNorm":
            return bool(self.settings["elementwise_affine"] and self.settings["bias"])
        return bool(self.settings.get("bias", False))

    @property
    def has_weight(self) -> bool:
        """Whether it multiplies by something that is learned."""
        return bool(self.settings.get("affine", True) and self.settings.get("elementwise_affine", True))

    @property
    def has_statistics(self) -> bool:
        """Whether it remembers means and variances."""
        return bool(self.settings.get("track_running_stats", False))

    @property
    def state(self) -> tuple[str, ...]:
        """The names of its parameters and buffers."""
        names = ["weight"] * self.has_weight + ["bias"] * self.has_bias
        names += ["running_mean", "running_var", "num_batches_tracked"] if self.has_statistics else []
        return tuple(names)

    def along(self, name: str) -> tuple[Any, ...]:
        """A setting of a convolution for each of its dimensions."""
        value = self.settings[name]
        return tuple(value) if isinstance(value, (list, tuple)) else (value,) * self.dims


def read_layer(op: object) -> Layer | None:
    """The layer that a leaf is; None if it is another, or its sizes are not known."""
    if not isinstance(op, Module) or not op.type.startswith("torch.nn."):
        return None
    name = op.type.removeprefix("torch.nn.").replace("SyncBatchNorm", "BatchNorm")
    dims = int(name[-2]) if name[-2:] in ("1d", "2d", "3d") else 0
    kind = name[:-2] if dims else name
    signature = _SIGNATURES.get(kind)
    if signature is None or len(op.args) > len(signature):
        return None
    settings = {**signature, **dict(zip(signature, op.args, strict=False)), **op.kwargs}
    if "normalized_shape" in settings and isinstance(settings["normalized_shape"], (list, tuple)):
        shape = settings["normalized_shape"]
        settings["normalized_shape"] = shape[0] if len(shape) == 1 else None
    layer = Layer(kind, dims, settings)
    sizes = (_INPUT.get(kind, _OUTPUT[kind]), _OUTPUT[kind])
    return layer if all(isinstance(settings[size], int) for size in sizes) else None
