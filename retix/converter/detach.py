"""Gradients switched off in forward: in a graph, which has no modes, tensors are detached instead."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils.weak import WeakIdKeyDictionary

_APPLY = torch.autograd.Function.apply.__func__.__code__  # type: ignore[attr-defined]  # a class method
_READS = {"dim", "size", "numel", "stride", "__len__", "is_floating_point", "is_complex", "detach"}
"""Functions whose result needs no gradients anyway."""


class Detacher:
    """Lets what runs without gradients take detached tensors, so that what it computes needs none either.

    A tensor that comes from where gradients are on is detached where it is used first; ``x.detach()`` shares memory
    with ``x``, so that changes in place arrive.

    Args:
        is_source: Whether gradients may flow into a traced tensor.
    """

    def __init__(self, is_source: Callable[[torch.Tensor], bool]) -> None:
        self._is_source = is_source
        self._detached: Any = WeakIdKeyDictionary()  # tensors to what stands for them without gradients

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What ``func`` returns for detached arguments; an argument that it returns is the very argument again."""
        name = getattr(func, "__name__", "")
        if torch.is_grad_enabled() or name in _READS or _is_own(func):
            return self._pass(func, args, kwargs)
        if name == "__get__" and not isinstance(result := func(*args, **kwargs), torch.Tensor):
            return result  # a shape, a dtype, a device
        given: dict[int, torch.Tensor] = {}

        def detach(tensor: torch.Tensor) -> torch.Tensor:
            inner = self._detach(tensor)
            given[id(inner)] = tensor
            return inner

        args, kwargs = pytree.tree_map_only(torch.Tensor, detach, (args, kwargs))
        result = pytree.tree_map_only(torch.Tensor, lambda t: given.get(id(t), t), func(*args, **kwargs))
        originals = {id(tensor) for tensor in given.values()}
        self.note(item for item in pytree.tree_leaves(result) if id(item) not in originals)
        return result

    def _pass(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = func(*args, **kwargs)
        if _is_own(func) and isinstance(args[0], torch.Tensor) and self._detached.get(args[0], args) is None:
            self.note([result])  # the mark of an input
        return result

    def note(self, items: Iterable[Any]) -> None:
        """Take tensors for detached already."""
        for item in items:
            if isinstance(item, torch.Tensor):
                self._detached[item] = None

    def _detach(self, tensor: torch.Tensor) -> torch.Tensor:
        if not (tensor.is_floating_point() or tensor.is_complex()) or not self._is_source(tensor):
            return tensor
        if tensor not in self._detached:
            self._detached[tensor] = inner = tensor.detach()
            self.note([inner])
        known: torch.Tensor | None = self._detached[tensor]
        return tensor if known is None else known


def is_in_function(frame: types.FrameType | None) -> bool:
    """Whether a frame runs on behalf of a ``torch.autograd.Function``, which a trace records as one step."""
    return any(frame.f_code is _APPLY for frame in _frames(frame))


def _frames(frame: types.FrameType | None) -> Iterator[types.FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_own(func: Any) -> bool:
    return getattr(func, "_qualified_op_name", "").startswith("retix::")
