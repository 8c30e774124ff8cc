"""Which functions may write to the tensors that they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils import _pytree as pytree

_OUTRIGHT = {"__set__", "__setitem__", "set_", "numpy", "__array__", "__dlpack__", "data_ptr", "untyped_storage"}
"""Setters, and what hands out memory that anybody may write to."""


def may_write(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether ``func`` may write to a tensor among its arguments; in doubt, it may.

    Args:
        func: As a torch function mode gets it.
        args: Positional arguments.
        kwargs: Keyword arguments.
    """
    name = getattr(func, "__name__", "")
    if name in _OUTRIGHT or name.startswith("__i") or (name.endswith("_") and not name.endswith("__")):
        return True
    if "batch_norm" in name or "instance_norm" in name or "out" in kwargs:
        return True
    if name in ("embedding", "embedding_bag"):
        greatest = kwargs["max_norm"] if "max_norm" in kwargs else next(iter(args[3:4]), None)
        return greatest is not None
    if hasattr(func, "_schema") or hasattr(func, "_qualified_op_name"):  # anybody's operators
        return not getattr(func, "_qualified_op_name", "").startswith("retix::")
    if not (getattr(func, "__module__", None) or "torch").startswith("torch"):
        return True
    return any(item is True for item in pytree.tree_leaves((args, dict(kwargs))))  # such as inplace
