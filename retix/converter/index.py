"""Tensors that are indexed: the steps that torch makes of it."""

from __future__ import annotations

from typing import Any

import torch

from retix.converter.builder import GraphBuilder
from retix.ir import Value

_END = 2**63 - 1
"""What a trace writes for the end of ``x[1:]``."""


def index_tensor(low: GraphBuilder, tensor: Value, index: Any, rank: int | None) -> Value:
    """``x[index]``, as the steps that torch makes of it: slices, selections, new dimensions, then index tensors."""
    places: list[Any] = []
    parts = list(index) if isinstance(index, tuple) else [index]
    dim = 0
    for position, part in enumerate(parts):
        consumed = sum(_takes_dimension(other) for other in parts[position:])
        if part is Ellipsis:
            dim = -consumed if rank is None else rank + _count_new(parts[:position]) - consumed
            places += [None] * (dim if dim > 0 and rank is not None else 0)
            if rank is None and any(low.is_tensor(other) or isinstance(other, list) for other in parts[position:]):
                raise low.refuse(
                    "a tensor indexes dimensions behind `...`, and how many these leave is not known",
                    fix="write out the dimensions, as in x[:, :, index], or give example inputs",
                )
            continue
        tensor, dim = _index_step(low, tensor, part, dim, places)
    if any(place is not None for place in places):
        while places and places[-1] is None:
            places.pop()
        return low.call("aten::index", tensor, places, name="index")
    return tensor


def _takes_dimension(part: Any) -> bool:
    return part is not None and part is not Ellipsis


def _count_new(parts: list[Any]) -> int:
    return sum(1 if part is None else -1 if isinstance(part, int) else 0 for part in parts)


def _index_step(low: GraphBuilder, tensor: Value, part: Any, dim: int, places: list[Any]) -> tuple[Value, int]:
    following = dim + 1
    if part is None:
        at = dim if dim >= 0 else dim - 1
        tensor = low.call("aten::unsqueeze", tensor, at, name="unsqueeze")
        following = dim + 1 if dim >= 0 else dim
        places.append(None)
    elif isinstance(part, slice):
        tensor = _slice(low, tensor, part, dim)
        places.append(None)
    elif low.is_number(part) and not isinstance(part, bool):
        tensor = low.call("aten::select", tensor, dim, part, name="select")
        following = dim if dim >= 0 else dim + 1
    else:
        places.append(part if isinstance(part, Value) else add_constant(low, part))
    return tensor, following if dim >= 0 or following < 0 else 0


def add_constant(low: GraphBuilder, item: Any) -> Value:
    """A tensor of numbers that are the same for all inputs."""
    return low.constant(f"{low.owner.class_name.lower()}_constant", torch.as_tensor(item))


def _slice(low: GraphBuilder, tensor: Value, part: slice, dim: int) -> Value:
    start = 0 if part.start is None else part.start
    end = _END if part.stop is None else part.stop
    step = [] if part.step in (None, 1) else [part.step]
    if dim == 0:
        keywords = {"step": step[0]} if step else {}
        return low.call("aten::slice", tensor, name="slice", start=start, end=end, **keywords)
    return low.call("aten::slice", tensor, dim, start, end, *step, name="slice")
