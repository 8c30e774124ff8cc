"""What a trace would silently keep: numbers, conditions and modes that hold for the example inputs alone."""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from retix.converter.asked import holds_asked
from retix.converter.check import CheckBook
from retix.converter.detach import Detacher, is_in_function
from retix.converter.open_call import OpenCalls
from retix.converter.place import find_user_frame
from retix.converter.write import may_write
from retix.errors import ConversionError
from retix.ir import Location

_CONVERSIONS: Mapping[str, str] = {
    "__bool__": "a condition",
    "is_nonzero": "a condition",
    "equal": "a condition",
    "allclose": "a condition",
    "__contains__": "a condition",
    "__int__": "a Python int",
    "__index__": "a Python int",
    "__float__": "a Python float",
    "__complex__": "a Python complex",
    "item": "a Python number",
    "tolist": "a Python list",
    "numpy": "a numpy array",
    "__array__": "a numpy array",
    "tensor": "a new tensor, by way of Python",
    "as_tensor": "a new tensor, by way of Python",
    "asarray": "a new tensor, by way of Python",
}
"""Functions of torch whose result a trace keeps, and what they make of a tensor."""

_COUNTS = {"unbind", "split", "chunk", "tensor_split"}
"""Functions that return as many things as a size says."""

_LAYOUTS = {"stride", "storage_offset"}
"""Functions that tell how a tensor lies in memory, which follows from sizes, and which a trace does not record."""

_MAY_RETURN_INPUT = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"}
"""Functions that return their very input in one mode; a trace then takes their result for that input ever after."""

_AUGMENTED: Mapping[str, Callable[..., Any]] = {
    f"{name}_": getattr(torch, name) for name in ("add", "sub", "mul", "div", "floor_divide", "remainder", "pow")
}
"""What augmented assignments do to tensors, and to Python numbers."""

_PASS_THROUGH = {"as_tensor", "asarray"}


@dataclass(frozen=True, slots=True)
class BakedSize:
    """A size that the trace keeps as a number or condition.

    Attributes:
        value: What it is for the example inputs.
        is_condition: It only decides a condition.
        location: The user's line.
    """

    value: Any
    is_condition: bool
    location: Location | None


class BakeGuard(TorchFunctionMode):
    """Refuses what a trace cannot hold, while one runs; collects the sizes that it keeps.

    Args:
        is_tracing: Whether the trace is running just now; leaves are computed outside of it.
        is_size: Whether a traced tensor is made of sizes and constants alone.
        alias: Makes another tensor of a traced one, with the same data.
        keep: Told of every tensor that is about to be written to.
        is_source: Whether gradients may flow into a traced tensor.

    Attributes:
        sizes: What it collected.
        detacher: Detaches what is used where gradients are switched off.
        opens: Runs calls with choices among their arguments.
    """

    def __init__(
        self,
        is_tracing: Callable[[], bool],
        is_size: Callable[[torch.Tensor], bool],
        alias: Callable[[torch.Tensor], torch.Tensor],
        keep: Callable[[torch.Tensor], None],
        is_source: Callable[[torch.Tensor], bool],
    ) -> None:
        super().__init__()
        self.sizes: list[BakedSize] = []
        self.detacher = Detacher(is_source)
        self.opens = OpenCalls(self)
        self._checks = CheckBook()
        self._is_tracing = is_tracing
        self._is_size = is_size
        self._alias = alias
        self._keep = keep
        self._modes = read_modes()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        classes: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if not self._is_tracing():
            return func(*args, **(kwargs or {}))
        if may_write(func, args, kwargs or {}):
            for tensor in pytree.tree_leaves((args, dict(kwargs or {}))):
                if isinstance(tensor, torch.Tensor):
                    self._keep(tensor)
        caller = sys._getframe(1)
        if not torch.is_grad_enabled() and is_in_function(caller):
            return func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if "grad_enabled" not in name and "autocast" not in name:  # these are the switches themselves
            self.check_modes(caller)
        if holds_asked(args) or holds_asked(kwargs):
            found = self.opens.call(func, args, dict(kwargs or {}), caller)
            if not torch.is_grad_enabled():
                self.detacher.note(pytree.tree_leaves(found))
            return found
        tensors = list(_find_tensors(args))
        converts = name in _CONVERSIONS and tensors and not (name in _PASS_THROUGH and tensors[0] is args[0])
        if converts and not all(map(self._is_size, tensors)):
            if self._checks.is_check(caller):
                return func(*args, **(kwargs or {}))
            raise ConversionError(
                f"the model turns data into {_CONVERSIONS[name]}, which a graph of one run cannot follow",
                where=find_user_frame(caller),
                why="the trace would keep the answer that the example inputs gave, for all inputs",
                fix="use torch.where or masks; or put the module into a @basic_unit; or convert without example "
                "inputs, which keeps `if` and loops",
            )
        if name in _AUGMENTED and self._is_number(args[0]) and _is_augmented(caller):
            func = _AUGMENTED[name]  # names of numbers are bound anew; what else has the number keeps it
        if name in _MAY_RETURN_INPUT and args:
            args = (self._alias(args[0]), *args[1:])
        result = self.detacher.call(func, args, dict(kwargs or {}))
        if converts:
            value = result.tolist() if isinstance(result, torch.Tensor) else result
            self.sizes.append(BakedSize(value, _CONVERSIONS[name] == "a condition", find_user_frame(caller)))
        elif name in _COUNTS:
            self.sizes.append(BakedSize(len(result), False, find_user_frame(caller)))
        elif name in _LAYOUTS:
            self.sizes.append(BakedSize(result, False, find_user_frame(caller)))
        return result

    def _is_number(self, item: Any) -> bool:
        """Whether a traced tensor stands for a size, or for what Python computed of sizes."""
        return isinstance(item, torch.Tensor) and item.dim() == 0 and self._is_size(item)

    def check_modes(self, caller: types.FrameType) -> None:
        """Refuse a mode that forward has switched, on the way to ``caller``.

        Raises:
            ConversionError: Autocast is not as it was when the trace began.
        """
        for mode, state in read_modes().items():
            if state != self._modes[mode]:
                raise ConversionError(
                    f"the model switches {mode} {'on' if state else 'off'} in forward, which a graph does not hold",
                    where=find_user_frame(caller),
                    why="the generated model would run these lines in the mode of its caller",
                    fix="let the caller of the model switch it, or put what needs the switch into a @basic_unit",
                )


def _is_augmented(caller: types.FrameType) -> bool:
    """Whether the frame is at an augmented assignment, rather than at the call of a method."""
    return dis.opname[caller.f_code.co_code[caller.f_lasti]].startswith(("BINARY_OP", "INPLACE_"))


def read_modes() -> dict[str, bool]:
    """The modes of autocast, by what they are called."""
    return {f"autocast on {device}": torch.is_autocast_enabled(device) for device in ("cpu", "cuda")}


def _find_tensors(item: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested lists and tuples; sizes are tuples too."""
    if isinstance(item, torch.Tensor):
        yield item
    elif isinstance(item, (list, tuple)):
        for part in item:
            yield from _find_tensors(part)
