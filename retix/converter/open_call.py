"""Calls of torch's functions with choices among the arguments, while a trace runs.

TorchScript keeps the numbers that a function is called with; of a choice that would be the first candidate. So such a
call is computed outside of the trace, and one operator stands in for it, as for a leaf; the lowering finds the call by
its number. Functions that are written in Python are followed down to torch's operators.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.asked import default_of, map_asked
from retix.converter.frontend import OpenCall
from retix.converter.place import find_user_frame
from retix.converter.tracer import untraced
from retix.converter.unfold import Unfolder
from retix.errors import ConversionError
from retix.ir import Location

_NAMES: Mapping[str, str] = {
    **{f"__{name}__": name for name in ("add", "sub", "mul", "pow", "eq", "ne", "lt", "le", "gt", "ge")},
    **{f"__r{name}__": name for name in ("add", "mul")},
    **{f"__i{name}__": f"{name}_" for name in ("add", "sub", "mul", "pow")},
    **{"__truediv__": "div", "__floordiv__": "floor_divide", "__mod__": "remainder"},
    **{"__itruediv__": "div_", "__ifloordiv__": "floor_divide_", "__imod__": "remainder_"},
}
"""Torch's operators behind those of Python."""


class OpenCalls:
    """Runs calls with choices, and keeps what the lowering has to know of them.

    Args:
        guard: The mode that sees torch's functions.

    Attributes:
        calls: Every such call, by the number that its operator carries.
    """

    def __init__(self, guard: AbstractContextManager[Any]) -> None:
        self._guard = guard
        self._unfolder = Unfolder({})
        self._followed: list[types.FunctionType] = []
        self.calls: list[OpenCall] = []

    def call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], caller: types.FrameType
    ) -> Any:
        """What ``func`` returns, with the operator that stands for the call in the trace.

        Raises:
            ConversionError: It is no operator of torch that returns tensors.
        """
        if isinstance(func, types.FunctionType):
            if func not in self._followed:
                return self._follow(func, args, kwargs)
            func = getattr(torch.Tensor.__base__, func.__name__)  # it called its namesake, Tensor.unflatten say
        name = getattr(func, "__name__", str(func))
        with untraced():
            given, named = map_asked(default_of, (args, kwargs))
            results = func(*given, **named)
        if name in COUNTS:
            raise refuse_count(name, find_user_frame(caller))
        found = [results] if isinstance(results, torch.Tensor) else results
        if not (type(found) in (list, tuple) or isinstance(found, tuple)) or not _are_tensors(found):
            raise _refuse(func, caller)
        detached = not torch.is_grad_enabled()
        number = len(self.calls)
        self.calls.append(
            OpenCall(_NAMES.get(name, name), args, kwargs, tuple(found), find_user_frame(caller), detached)
        )
        inputs = list(find_tensors((args, kwargs)))
        handed_on = torch.ops.retix.open(number, next(iter(inputs), None), inputs, list(found))
        return (
            handed_on[0]
            if isinstance(results, torch.Tensor)
            else pytree.tree_unflatten(handed_on, pytree.tree_structure(results))
        )

    def _follow(self, func: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a function that is written in Python down to the operators that it calls."""
        twin = self._unfolder.unfold(func) if func.__module__.startswith("torch") else func
        self._followed.append(func)
        try:
            with self._guard:
                return twin(*args, **kwargs)
        finally:
            self._followed.pop()


COUNTS = {"unbind", "split", "chunk", "tensor_split", "unsafe_split", "unsafe_chunk", "split_with_sizes"}
"""Functions that return as many tensors as their arguments say."""


def refuse_count(name: str, location: Location | None) -> ConversionError:
    """The error for a function that returns another number of tensors for each candidate."""
    return ConversionError(
        f"forward hands a choice to {name}, which returns another number of tensors for each candidate",
        where=location,
        why="one way through forward is followed, for all candidates",
        fix="take the parts by x.narrow(dim, start, length), or put the call into a @basic_unit",
    )


def _are_tensors(found: Any) -> bool:
    return all(isinstance(item, torch.Tensor) for item in found)


def find_tensors(item: Any) -> Iterator[torch.Tensor]:
    """The tensors in lists, tuples, dicts and slices, in order."""
    found: list[torch.Tensor] = []
    map_asked(lambda part: found.append(part) if isinstance(part, torch.Tensor) else None, item)
    yield from found


def _refuse(func: Callable[..., Any], caller: types.FrameType) -> ConversionError:
    return ConversionError(
        f"forward hands a choice to {getattr(func, '__name__', func)}, which returns no tensors",
        where=find_user_frame(caller),
        why="what it returns would be kept as it is for the first candidate",
        fix="hand the choice to a function that returns tensors, or put the call into a @basic_unit",
    )
