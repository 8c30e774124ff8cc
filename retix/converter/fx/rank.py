"""How many dimensions tensors have, as far as layers and functions tell that work on batches of one rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from retix.converter.fx.scope import RANK, Node
from retix.converter.leaf import is_torch_layer

_LAYERS = {
    3: "Conv1d ConvTranspose1d MaxPool1d AvgPool1d AdaptiveAvgPool1d AdaptiveMaxPool1d InstanceNorm1d",
    4: """Conv2d ConvTranspose2d BatchNorm2d MaxPool2d AvgPool2d AdaptiveAvgPool2d AdaptiveMaxPool2d InstanceNorm2d
    UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle PixelUnshuffle ZeroPad2d ReflectionPad2d ReplicationPad2d
    Dropout2d""",
    5: """Conv3d ConvTranspose3d BatchNorm3d MaxPool3d AvgPool3d AdaptiveAvgPool3d AdaptiveMaxPool3d InstanceNorm3d
    Dropout3d""",
}
_RANKS: Mapping[str, int] = {name: rank for rank, names in _LAYERS.items() for name in names.split()}
"""What layers return, given a batch."""

_STEADY_LAYERS = """
ReLU ReLU6 GELU SiLU Mish Sigmoid Tanh Hardswish Hardsigmoid Hardtanh LeakyReLU ELU SELU CELU PReLU Softplus Softmax
LogSoftmax Dropout LayerNorm GroupNorm Linear Identity RMSNorm
"""
_STEADY_FUNCTIONS = """
relu relu_ relu6 gelu silu silu_ mish sigmoid tanh hardswish hardsigmoid hardtanh leaky_relu elu selu celu softplus
softmax log_softmax dropout add sub mul truediv iadd isub imul itruediv pow exp log sqrt abs clamp clamp_ neg cat concat
contiguous clone detach float to half permute transpose roll flip pad add_ mul_ sub_ div_ div batch_norm layer_norm
group_norm instance_norm feature_dropout max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d conv1d conv2d
conv3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d interpolate pixel_shuffle
"""
_STEADY = frozenset([*_STEADY_LAYERS.split(), *_STEADY_FUNCTIONS.split()])
"""Layers and functions that return as many dimensions as their tensors have."""

_EXPECTED: Mapping[Callable[..., Any], int] = {
    F.adaptive_avg_pool2d: 4,
    F.adaptive_avg_pool3d: 5,
    F.dropout1d: 3,
    F.dropout2d: 4,
    F.dropout3d: 5,
    F.local_response_norm: 4,
    F.group_norm: 4,
    F.glu: 3,
    F.affine_grid: 3,
}


def rank_of_layer(layer: torch.nn.Module, node: Node) -> int | None:
    """The rank of what a layer returns, called by ``node``."""
    if not is_torch_layer(layer):
        return None
    name = type(layer).__name__
    return _rank_of_inputs(node) if name in _STEADY else _RANKS.get(name)


def returns_tensor(layer: torch.nn.Module) -> bool:
    """Whether a leaf is known to return one tensor."""
    several = isinstance(layer, (torch.nn.RNNBase, torch.nn.LSTMCell, torch.nn.MultiheadAttention))
    return is_torch_layer(layer) and not several and not getattr(layer, "return_indices", False)


def expect_rank(function: Callable[..., Any]) -> int | None:
    """The dimensions of the batches that a function is made for, where it looks at how many there are."""
    return _EXPECTED.get(function)


def follow_rank(node: Node) -> None:
    """Note on a node that was added the rank of its tensors, where what it does keeps that."""
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    rank = _rank_of_inputs(node) if node.op in ("call_function", "call_method") and name in _STEADY else None
    if rank is not None:
        node.meta[RANK] = rank


def _rank_of_inputs(node: Node) -> int | None:
    ranks = [item.meta[RANK] for item in node.all_input_nodes if RANK in item.meta]
    return max(ranks) if ranks else None
