"""Lowering of torch's functions that a trace shows as something else than an operator of their name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F

from retix.converter.asked import FIX
from retix.converter.fx.lowering import Handler, ScopeLowering, Sizes
from retix.converter.fx.python import count_dimensions
from retix.converter.fx.scope import Node, map_tree
from retix.converter.index import add_constant
from retix.ir import Value
from retix.space import Expression

Call: TypeAlias = tuple[str, tuple[Any, ...], dict[str, Any]]
"""An operator's name and its arguments."""

Rewrite: TypeAlias = Callable[[ScopeLowering, Node, tuple[Any, ...], dict[str, Any]], Call]
"""Another call in the place of one."""


def _bind(names: str, defaults: Mapping[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by the names of parameters, defaults filled in."""
    return {**defaults, **dict(zip(names.split(), args, strict=False)), **kwargs}


# -- functions written in Python ------------------------------------------------------------------------------------

_SPATIAL = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def _lower_interpolate(low: ScopeLowering, node: Node) -> None:
    """``F.interpolate``: one operator for each way and number of dimensions."""
    args, kwargs = low.arguments(node)
    defaults = {"size": None, "scale_factor": None, "mode": "nearest", "align_corners": None}
    given = _bind("input size scale_factor mode align_corners", defaults, args, kwargs)
    if isinstance(given["mode"], Expression):
        raise low.refuse("interpolate is given its mode by a choice", fix=FIX)
    mode, n_spatial = given["mode"], _count_spatial(low, node, given)
    size, scale = low.spread(given["size"]), low.spread(given["scale_factor"])
    if isinstance(size, int) or low.is_number(size):
        size = [size] * n_spatial
    if scale is not None and not isinstance(scale, (list, tuple)):
        scale = [float(scale) if isinstance(scale, (int, float)) else scale] * n_spatial
    if mode == "area":
        low.bind(node, low.call(f"aten::adaptive_avg_pool{n_spatial}d", given["input"], size, name="pool"))
        return
    anti = "_" if given.get("antialias") else ""
    stem = {"nearest": "nearest", "nearest-exact": "nearest_exact"}.get(mode, mode)
    exact = "_" if mode == "nearest-exact" else anti
    name = f"{exact}upsample_{stem}{n_spatial}d"
    name += "_aa" if anti else ""
    if scale is not None and given.get("recompute_scale_factor"):
        raise low.refuse("interpolate with recompute_scale_factor has no form in a graph", fix="give a size instead")
    align = () if mode.startswith("nearest") else (bool(given["align_corners"]),)
    scales = [float(item) if isinstance(item, (int, float)) else item for item in scale] if scale is not None else None
    low.bind(node, low.call(f"aten::{name}", given["input"], size, *align, scales, name=name.strip("_")))


def _count_spatial(low: ScopeLowering, node: Node, given: Mapping[str, Any]) -> int:
    """How many dimensions ``interpolate`` stretches."""
    if given["mode"] in _SPATIAL:
        return _SPATIAL[given["mode"]]
    rank = low.rank(node.args[0] if node.args else node.kwargs["input"])
    if rank is not None:
        return rank - 2
    for item in (given["size"], given["scale_factor"]):
        item = low.spread(item)
        if isinstance(item, (list, tuple)):
            return len(item)
    raise low.refuse(
        "interpolate is used on a tensor of which the number of dimensions is not known",
        why="torch has another operator for each number",
        fix="give example inputs, or a size of the right length",
    )


def _lower_size(low: ScopeLowering, node: Node) -> None:
    """``x.size()`` and ``x.size(0)``."""
    args, kwargs = low.arguments(node)
    if len(args) == 1 and not kwargs:
        low.bind(node, Sizes(args[0], low.rank(node.args[0])))
    else:
        low.bind(node, low.call("aten::size", *args, *kwargs.values(), name="size", number=True))


def _lower_dim(low: ScopeLowering, node: Node) -> None:
    """``x.dim()``."""
    low.bind(node, count_dimensions(low, node.args[0]))


def _lower_unflatten(low: ScopeLowering, node: Node) -> None:
    """``x.unflatten(dim, sizes)``."""
    args, kwargs = low.arguments(node)
    given = _bind("input dim sizes", {}, args, kwargs)
    low.bind(
        node, low.call("aten::unflatten", given["input"], given["dim"], low.spread(given["sizes"]), name="unflatten")
    )


def _lower_tensor(low: ScopeLowering, node: Node) -> None:
    """``torch.tensor``: a constant, unless there are sizes in it."""
    args, kwargs = low.arguments(node)
    given = _bind("data", {"dtype": None}, args, kwargs)
    data = low.spread(given["data"])
    numbers: list[Any] = []
    map_tree(numbers.append, data)
    if any(isinstance(item, (Value, Expression)) for item in numbers):
        options = {"dtype": given["dtype"], "device": low.device()}
        named = {key: item for key, item in options.items() if item is not None}
        low.bind(node, low.call("python::tensor", data, name="tensor", **named))
    else:
        low.bind(node, add_constant(low, torch.tensor(data, dtype=given["dtype"])))


def _refuse_attention(low: ScopeLowering, node: Node) -> None:
    raise low.refuse(
        "F.multi_head_attention_forward looks at the shapes that it is given",
        fix="give example inputs, so that the model is traced; or use nn.MultiheadAttention",
    )


def _refuse_reading(low: ScopeLowering, node: Node) -> None:
    raise low.refuse(
        f"the model turns data into a Python value, by {node.target}",
        why="a graph computes tensors; what depends on a number that was read is not in it",
        fix="use torch.where or masks; or put the module into a @basic_unit; or convert with frontend='script'",
    )


FUNCTIONS: Mapping[Any, Handler] = {
    F.interpolate: _lower_interpolate,
    F.upsample: _lower_interpolate,
    torch.Tensor.size: _lower_size,
    **dict.fromkeys((torch.Tensor.dim, torch.Tensor.ndimension), _lower_dim),
    torch.Tensor.unflatten: _lower_unflatten,
    torch.tensor: _lower_tensor,
    F.multi_head_attention_forward: _refuse_attention,
    **{getattr(torch.Tensor, name): _refuse_reading for name in ("item", "tolist", "numpy", "__bool__", "__float__")},
}
"""What lowers functions and methods of torch that are followed no further."""


# -- operators that a trace shows in another way --------------------------------------------------------------------


def _convolve(n: int, transposed: bool) -> Rewrite:
    rest = "output_padding groups dilation" if transposed else "dilation groups"
    defaults = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}

    def rewrite(low: ScopeLowering, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        given = _bind(f"input weight bias stride padding {rest}", defaults, args, kwargs)
        if isinstance(given["padding"], str):
            return f"conv{n}d", args, kwargs
        tensors = [given[name] for name in ("input", "weight", "bias")]
        sizes = [_repeat(given[name], n) for name in ("stride", "padding", "dilation")]
        flags = (given["groups"], False, False, True, True)
        return "_convolution", (*tensors, *sizes, transposed, _repeat(given["output_padding"], n), *flags), {}

    return rewrite


def _repeat(item: Any, count: int) -> list[Any]:
    items = list(item) if isinstance(item, (list, tuple)) else [item]
    return items * count if len(items) == 1 else items


def _to(low: ScopeLowering, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """``x.to(...)`` takes a device, a dtype or another tensor; a device is always that of the inputs."""
    tensor, *rest = args
    kwargs = {key: item for key, item in kwargs.items() if item is not None}
    dtype, device = kwargs.pop("dtype", None), kwargs.pop("device", None)
    for item in rest:
        kind = low.kind(item)
        if kind is torch.dtype:
            dtype = item
        elif kind in (str, torch.device) or kind is int:
            device = item
        elif kind is torch.Tensor:
            dtype, device = (
                low.call("python::dtype", item, name="dtype"),
                low.call("python::device", item, name="device"),
            )
            low.kinds.update({dtype: torch.dtype, device: torch.device})
    if device is None:
        return "to", (tensor,) if dtype is None else (tensor, dtype), kwargs
    placed = device if low.kind(device) is torch.device and not isinstance(device, torch.device) else low.device()
    low.kinds[placed] = torch.device
    return ("to", (tensor, placed), kwargs) if dtype is None else ("to", (tensor, placed, dtype), kwargs)


def _convert(dtype: torch.dtype) -> Rewrite:
    return lambda low, node, args, kwargs: ("to", (args[0], dtype), kwargs)


def _norm(low: ScopeLowering, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """``torch.norm`` and ``x.norm``: a norm of vectors."""
    names = "input p dim keepdim out dtype" if node.op == "call_function" else "input p dim keepdim dtype"
    given = _bind(names, {"p": "fro", "dim": None, "keepdim": False, "dtype": None}, args, kwargs)
    dim, p = given["dim"], given["p"]
    if isinstance(p, str) and (p != "fro" or (isinstance(dim, (list, tuple)) and len(dim) > 2)):
        raise low.refuse(f"norm with p={p!r} has no form in a graph", fix="use torch.linalg.norm")
    order = 2 if p is None or p == "fro" else p
    dims = dim if dim is None or isinstance(dim, (list, tuple)) else [dim]
    return "linalg_vector_norm", (given["input"], order, dims, given["keepdim"]), {"dtype": given["dtype"]}


def _contiguous(low: ScopeLowering, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    return "contiguous", args, kwargs or {"memory_format": torch.contiguous_format}


OPERATORS: Mapping[str, Rewrite] = {
    **{f"conv{n}d": _convolve(n, False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _convolve(n, True) for n in (1, 2, 3)},
    "contiguous": _contiguous,
    "norm": _norm,
    "to": _to,
    "type": lambda low, node, args, kwargs: _to(low, node, args, kwargs),
    "float": _convert(torch.float32),
    "double": _convert(torch.float64),
    "half": _convert(torch.float16),
    "bfloat16": _convert(torch.bfloat16),
    "long": _convert(torch.int64),
    "int": _convert(torch.int32),
    "bool": _convert(torch.bool),
    "cpu": lambda low, node, args, kwargs: ("to", (args[0], low.device()), {}),
    "concat": lambda low, node, args, kwargs: ("cat", args, kwargs),
    "concatenate": lambda low, node, args, kwargs: ("cat", args, kwargs),
    "nelement": lambda low, node, args, kwargs: ("numel", args, kwargs),
    "true_divide": lambda low, node, args, kwargs: ("div", args, kwargs),
    "__getitem__": lambda low, node, args, kwargs: ("index", args, kwargs),
}
"""Other calls in the place of operators, by name."""
