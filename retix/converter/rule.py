"""Exact rules for tensors: expressions of torch that make the very values again.

Tables that models compute in their constructor are mostly counts, triangles, sums of one count per dimension (the
relative positions of a window) or sines. Whatever a rule proposes is run, and taken only where it gives equal values.
"""

from __future__ import annotations

import base64
import builtins
import importlib
import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from retix.ir import Module, Symbol

LITERAL_SIZE = 256
"""Up to so many elements are written as a literal."""

_OBVIOUS_SIZE = 16
"""Up to so many elements a literal reads better than a rule."""

PACKED_SIZE = 2**24
"""Up to so many characters hold values of no rule."""


def find_rule(tensor: torch.Tensor) -> Module | None:
    """The call that makes a tensor of equal values, or None if they are many and follow no rule.

    Args:
        tensor: Any shape and dtype, dense.
    """
    tensor = tensor.detach().cpu()
    proposals = (_propose(tensor), _propose_literal(tensor))
    return next((made for proposal in proposals for made in proposal if _gives(made, tensor)), None)


def pack(tensor: torch.Tensor) -> Module | None:
    """The call that makes a tensor of its bytes, which it holds compressed; None if they are too many.

    Args:
        tensor: Any shape and dtype, dense, not empty.
    """
    tensor = tensor.detach().cpu()
    content = tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()
    text = base64.b85encode(zlib.compress(content, 9)).decode()
    if len(text) > PACKED_SIZE:
        return None
    unpacked = Module("zlib.decompress", (Module("base64.b85decode", (text,)),))
    made = Module("torch.frombuffer", (Module("builtins.bytearray", (unpacked,)),), {"dtype": _symbol(tensor)})
    return made if tensor.dim() == 1 else _reshape(made, tuple(tensor.shape))


def _propose(tensor: torch.Tensor) -> Iterator[Module]:
    """Yield rules, the simplest first."""
    yield from _propose_constant(tensor)
    if tensor.is_complex() or tensor.numel() == 0 or tensor.dim() == 0:
        return
    if tensor.dim() == 1 and len(tensor) > 2:
        yield from _propose_count(tensor)
    if tensor.numel() <= _OBVIOUS_SIZE:
        yield from _propose_literal(tensor)
    for propose in (_propose_repeated, _propose_triangle, _propose_sines, _propose_sum):
        yield from propose(tensor)


def _part(tensor: torch.Tensor) -> Module | None:
    """A rule for a tensor within another rule; a short list is one too."""
    made = next((made for made in _propose(tensor) if _gives(made, tensor)), None)
    return made or next((made for made in _propose_literal(tensor) if tensor.numel() <= LITERAL_SIZE // 4), None)


def _propose_constant(tensor: torch.Tensor) -> Iterator[Module]:
    shape, dtype = tuple(tensor.shape), write_dtype(tensor)
    if tensor.numel() == 0:
        yield Module("torch.empty", (shape,), dtype)
        return
    value = tensor.flatten()[0].item()
    if not bool((tensor == value).all()) and not bool(tensor.isnan().all()):
        return
    if shape == ():
        yield Module("torch.tensor", (value,), dtype)
    elif value in (0, 1) and not isinstance(value, bool):
        yield Module("torch.zeros" if value == 0 else "torch.ones", (shape,), dtype)
    else:
        yield Module("torch.full", (shape, value), dtype)


def _propose_count(tensor: torch.Tensor) -> Iterator[Module]:
    """``arange`` and ``linspace``."""
    if tensor.dtype == torch.bool or not bool(torch.isfinite(tensor).all()):
        return
    dtype, size = write_dtype(tensor), len(tensor)
    first, second, last = tensor[0].item(), tensor[1].item(), tensor[-1].item()
    step = second - first
    if all(float(item).is_integer() for item in (first, step)) and step:
        start, step = int(first), int(step)
        stop = start + size * step
        yield Module("torch.arange", (stop,) if (start, step) == (0, 1) else _bounds(start, stop, step), dtype)
    if tensor.is_floating_point() and size > _OBVIOUS_SIZE:
        yield Module("torch.linspace", (first, last, size), dtype)


def _bounds(start: int, stop: int, step: int) -> tuple[int, ...]:
    return (start, stop) if step == 1 else (start, stop, step)


def _propose_repeated(tensor: torch.Tensor) -> Iterator[Module]:
    """What has dimensions of size one, or is the same all along some."""
    same = [d for d, size in enumerate(tensor.shape) if size == 1 or _is_same_along(tensor, d)]
    if not same or len(same) == tensor.dim():
        return
    core = tensor
    for dimension in reversed(same):
        core = core.select(dimension, 0)
    made = _part(core)
    if made is None:
        return
    sizes = tuple(1 if d in same else size for d, size in enumerate(tensor.shape))
    times = tuple(size if d in same else 1 for d, size in enumerate(tensor.shape))
    placed = made if sizes[-core.dim() :] == tuple(core.shape) and max(times) > 1 else _reshape(made, sizes)
    yield placed if max(times) == 1 else Module("torch.tile", (placed, times))


def _is_same_along(tensor: torch.Tensor, dimension: int) -> bool:
    first = tensor.narrow(dimension, 0, 1)
    return bool((tensor == first).all())


def _propose_triangle(tensor: torch.Tensor) -> Iterator[Module]:
    """One value below or above a diagonal, and zeros elsewhere; or ones on it."""
    if tensor.dim() != 2 or 1 in tensor.shape:
        return
    yield Module("torch.eye", tuple(dict.fromkeys(tensor.shape)), write_dtype(tensor))
    for corner, name in ((tensor[-1, 0], "torch.tril"), (tensor[0, -1], "torch.triu")):
        row = tensor[0] == corner if name == "torch.tril" else tensor[0] == 0
        diagonal = int(row.sum()) - (1 if name == "torch.tril" else 0)
        whole = next(_propose_constant(corner.expand(tensor.shape)))
        yield Module(name, (whole,) if diagonal == 0 else (whole, diagonal))


def _propose_sum(tensor: torch.Tensor) -> Iterator[Module]:
    """A sum of one vector per dimension, also where those dimensions were flattened into one."""
    if tensor.is_floating_point() or tensor.dtype == torch.bool:
        return
    shape = tuple(tensor.shape)
    if len(shape) == 1:
        width = _run_length(tensor)
        if width in (1, len(tensor)) or len(tensor) % width:
            return
        table = tensor.view(-1, width)
    else:
        table = tensor.reshape(shape[0], -1)
    rows, columns = table[:, 0], table[0] - table[0, 0]
    if not torch.equal(rows[:, None] + columns, table):
        return
    left, right = _part(rows.clone()), _part(columns)
    if left is not None and right is not None:
        total = Module("torch.add", (_reshape(left, (len(rows), 1)), right))
        yield total if shape == tuple(table.shape) else _reshape(total, shape)


def _run_length(vector: torch.Tensor) -> int:
    """How far the first progression goes."""
    steps = vector.diff()
    breaks = (steps != steps[0]).nonzero()
    return int(breaks[0]) + 1 if len(breaks) else len(vector)


def _propose_sines(tensor: torch.Tensor) -> Iterator[Module]:
    """Positions as sines and cosines in turn: Vaswani et al., Attention is all you need, section 3.5."""
    if tensor.dtype != torch.float32 or tensor.dim() != 2 or tensor.shape[1] % 2:
        return
    length, width = tensor.shape
    if not bool((tensor[0, 0::2] == 0).all()) or not bool((tensor[0, 1::2] == 1).all()):
        return
    even = Module("torch.arange", (0, width, 2))
    frequencies = (
        Module("torch.exp", (Module("torch.mul", (even, -math.log(10000.0) / width)),)),
        Module("torch.reciprocal", (Module("torch.pow", (10000.0, Module("torch.div", (even, width)))),)),
    )
    for frequency in frequencies:
        angle = Module("torch.outer", (Module("torch.arange", (length,)), frequency))
        waves = tuple(Module(name, (angle,)) for name in ("torch.sin", "torch.cos"))
        yield Module("torch.flatten", (Module("torch.stack", (waves, -1)), 1))


def _propose_literal(tensor: torch.Tensor) -> Iterator[Module]:
    if tensor.numel() <= LITERAL_SIZE and not tensor.is_complex():
        yield Module("torch.tensor", (tensor.tolist(),), write_dtype(tensor))


def _reshape(made: Module, shape: tuple[int, ...]) -> Module:
    if made.type == "torch.reshape":
        made = made.args[0]
    return Module("torch.reshape", (made, shape))


def _symbol(tensor: torch.Tensor) -> Symbol:
    return Symbol(str(tensor.dtype))


def write_dtype(tensor: torch.Tensor) -> dict[str, Any]:
    """The keyword argument that says a tensor's type, where it needs one."""
    return {} if tensor.dtype == torch.float32 else {"dtype": _symbol(tensor)}


def _gives(made: Module, tensor: torch.Tensor) -> bool:
    """Whether running the call gives equal values; none is equal to itself that is no number."""
    found = _run(made)
    if found.dtype != tensor.dtype or found.shape != tensor.shape:
        return False
    if tensor.numel() == 0 or torch.equal(found, tensor):
        return True
    left, right = (item.contiguous().flatten().view(torch.uint8) for item in (found, tensor))
    return torch.equal(left, right)


def _run(item: Any) -> Any:
    if isinstance(item, Module):
        home, _, name = item.type.rpartition(".")
        function: Callable[..., Any] = getattr(builtins if home == "builtins" else importlib.import_module(home), name)
        kwargs = {key: getattr(torch, symbol.name.removeprefix("torch.")) for key, symbol in item.kwargs.items()}
        return function(*map(_run, item.args), **kwargs)
    return type(item)(map(_run, item)) if isinstance(item, (tuple, list)) else item
