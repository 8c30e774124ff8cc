"""What kind of thing a node of torch.fx stands for, as far as what it applies tells."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import torch

from retix.converter.asked import default_of
from retix.converter.fx.scope import Node, pick, unpack

KIND = "kind"
"""Key of ``Node.meta``: a Python type."""

NUMBERS = (bool, int, float)

READ = {int, bool, str, torch.Size, torch.device, torch.dtype}
"""What is read off a tensor, and has no gradient."""

_COMPARISONS = {operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, operator.not_}

_ATTRIBUTES: Mapping[str, type] = {
    "shape": torch.Size,
    "ndim": int,
    "device": torch.device,
    "dtype": torch.dtype,
    "type": str,
    **dict.fromkeys(("requires_grad", "is_cuda", "is_sparse", "is_quantized", "is_floating_point"), bool),
}

_METHODS: Mapping[str, type] = {
    **dict.fromkeys(("dim", "numel", "nelement", "ndimension", "element_size", "get_device", "__len__"), int),
    **dict.fromkeys(("is_floating_point", "is_complex", "is_contiguous", "is_nonzero", "equal", "allclose"), bool),
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unbind", "tensor_split", "unsafe_chunk"), tuple),
    **dict.fromkeys(("topk", "sort", "kthvalue", "cummax", "cummin", "std_mean", "var_mean", "meshgrid"), tuple),
    **dict.fromkeys(("broadcast_tensors", "slogdet", "svd", "qr", "aminmax", "frexp", "nonzero_tuple"), tuple),
    **dict.fromkeys(("max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices"), tuple),
    **dict.fromkeys(("gru", "lstm", "rnn_tanh", "rnn_relu", "unique_consecutive", "_unique2"), tuple),
    **dict.fromkeys(("adaptive_max_pool2d", "adaptive_max_pool3d", "fractional_max_pool2d"), tuple),
}


def kind_of(node: Node) -> type:
    """The type; `torch.Tensor` where nothing else is known."""
    known: type = node.meta.get(KIND, torch.Tensor)
    return known


def _kind_of_argument(item: Any) -> type:
    return kind_of(item) if isinstance(item, Node) else type(default_of(item))


def find_kind(op: str, target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> type | None:
    """The type of what a node stands for, or None for a tensor and where it is not known."""
    if op == "call_method":
        return torch.Size if target == "size" and len(args) == 1 and not kwargs else _kind_of_call(target, args, kwargs)
    if target is getattr:
        return _ATTRIBUTES.get(args[1])
    if target in (pick, unpack):
        return None
    if target is operator.getitem:
        return _kind_of_item(args[0], args[1])
    module = getattr(target, "__module__", None)
    if module == "_operator":
        return _kind_of_arithmetic(target, args)
    if module == "math":
        return int if target in (math.ceil, math.floor) else float
    return int if target is len else _kind_of_call(getattr(target, "__name__", ""), args, kwargs)


def _kind_of_call(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> type | None:
    if name == "size":
        return int
    if name in ("max", "min", "median", "mode", "nanmedian"):
        # over one dimension there are values and their places; with a second tensor there is none
        along = args[1] if len(args) > 1 else kwargs.get("dim")
        return tuple if isinstance(along, int) else None
    if name == "where" and len(args) == 1:
        return tuple
    return _METHODS.get(name)


def _kind_of_item(items: Any, index: Any) -> type | None:
    kind = _kind_of_argument(items)
    if issubclass(kind, torch.Size):
        return torch.Size if isinstance(index, slice) else int
    return None


def _kind_of_arithmetic(target: Any, args: tuple[Any, ...]) -> type | None:
    kinds = [_kind_of_argument(item) for item in args]
    if torch.Tensor in kinds or any(issubclass(kind, torch.Tensor) for kind in kinds):
        return None
    if target in _COMPARISONS:
        return bool
    if any(issubclass(kind, (tuple, list)) for kind in kinds):
        return torch.Size if torch.Size in kinds else tuple
    if target is operator.truediv or float in kinds:
        return float
    return int if all(issubclass(kind, int) for kind in kinds) else None
