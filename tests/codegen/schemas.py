"""Calls of every torch operator, made from their schemas."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch

Call = tuple[list[Any], dict[str, Any]]
"""Positional and keyword arguments, on the device ``meta``, which computes shapes and no numbers."""

_SHAPES: list[tuple[tuple[int, ...], torch.dtype]] = [
    ((3, 3), torch.float32),
    ((3,), torch.float32),
    ((2, 3, 8, 8), torch.float32),
    ((2, 3, 8), torch.float32),
    ((2, 3, 8, 8, 8), torch.float32),
    ((3, 3), torch.int64),
    ((3, 3), torch.bool),
    ((3, 3), torch.complex64),
]
_PLAIN = {"Tensor", "int", "SymInt", "float", "bool", "number", "str", "Device", "Layout", "MemoryFormat", "ScalarType"}


def find_schemas() -> list[Any]:
    """The schemas of public ``aten`` operators that take tensors and plain values."""
    found = [schema for schema in torch._C._jit_get_all_schemas() if schema.name.startswith("aten::")]
    return [schema for schema in found if _is_public(schema) and all(_is_plain(a) for a in schema.arguments)]


def _is_public(schema: Any) -> bool:
    name = schema.name.removeprefix("aten::")
    has_tensor = any("Tensor" in str(argument.type) for argument in schema.arguments)
    writes_out = any(argument.is_out for argument in schema.arguments)
    return hasattr(torch.ops.aten, name) and has_tensor and not writes_out and not name.startswith("_")


def _is_plain(argument: Any) -> bool:
    kind = str(argument.real_type)
    for wrapper in ("Optional[", "List[", "Optional["):
        kind = kind.removeprefix(wrapper)
    return kind.rstrip("]") in _PLAIN


def make_calls(schema: Any) -> Iterator[Call]:
    """Yield calls with the arguments that have no default, some of which will suit the operator."""
    for (shape, dtype), number, length in itertools.product(_SHAPES, (1, 0, 2), (1, 2, 3)):
        tensor = torch.empty(shape, dtype=dtype, device="meta")
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for argument in schema.arguments:
            if argument.has_default_value():
                continue
            item = _make(str(argument.real_type), tensor, number, length)
            if argument.kwarg_only:
                kwargs[argument.name] = item
            else:
                args.append(item)
        yield args, kwargs


def make_unusual_calls(schema: Any, call: Call) -> Iterator[Call]:
    """Yield ``call`` with one more argument each, which is not the default."""
    args, kwargs = call
    for argument in schema.arguments:
        if argument.has_default_value():
            item = _differ(str(argument.real_type), argument.default_value)
            if item is not None:
                yield args, {**kwargs, argument.name: item}


def _make(kind: str, tensor: torch.Tensor, number: int, length: int) -> Any:
    match kind:
        case "Tensor":
            return tensor
        case "int" | "SymInt" | "number":
            return number
        case "float":
            return 0.5
        case "bool":
            return False
        case "List[int]" | "List[SymInt]":
            return [number] * length
        case "List[float]":
            return [0.5] * length
        case "List[bool]":
            return [False] * length
        case "List[Tensor]":
            return [tensor, tensor]
        case "List[Optional[Tensor]]":
            return [torch.empty(3, dtype=torch.int64, device="meta")]
        case "ScalarType":
            return torch.float64
        case "Layout":
            return torch.strided
        case "MemoryFormat":
            return torch.contiguous_format
    return None


def _differ(kind: str, default: Any) -> Any:
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1 if kind in ("int", "SymInt", "number") else None
    if isinstance(default, float):
        return default / 2 + 0.25
    numbers = {"Optional[int]": 1, "Optional[SymInt]": 1, "Optional[float]": 0.5, "Optional[number]": 1}
    return numbers.get(kind, True if kind == "Optional[bool]" else None)
