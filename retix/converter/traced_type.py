"""Shapes and dtypes that a trace saw, kept on the values of the graph."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from retix.ir import Value


def record_type(item: Any, script_type: Any, numbers: Container[Value]) -> None:
    """Keep sizes and dtype on the value that ``item`` is, or on the values of a tuple; what is known stays.

    Args:
        item: What stands for a value of TorchScript.
        script_type: Its type there, which tells nothing about sizes where nothing was traced.
        numbers: The values that are Python numbers, which a trace carries as tensors.
    """
    kind = script_type.kind()
    if isinstance(item, tuple) and kind == "TupleType":
        for part, part_type in zip(item, script_type.elements(), strict=False):
            record_type(part, part_type, numbers)
    elif isinstance(item, Value) and item.shape is None and item not in numbers and kind == "TensorType":
        sizes, dtype = script_type.sizes(), script_type.dtype()
        if sizes is not None and dtype is not None and None not in sizes:
            item.shape, item.dtype = tuple(sizes), str(dtype)
