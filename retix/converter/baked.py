"""What a trace would silently keep: numbers, conditions and modes that hold for the example inputs alone."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from retix.converter.place import find_user_frame
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

_MAY_RETURN_INPUT = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"}
"""Functions that return their very input in one mode; a trace then takes their result for that input ever after."""

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
    """

    def __init__(
        self,
        is_tracing: Callable[[], bool],
        is_size: Callable[[torch.Tensor], bool],
        alias: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        super().__init__()
        self.sizes: list[BakedSize] = []
        self._is_tracing = is_tracing
        self._is_size = is_size
        self._alias = alias
        self._modes = _read_modes()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        classes: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if not self._is_tracing():
            return func(*args, **(kwargs or {}))
        caller = sys._getframe(1)
        name = getattr(func, "__name__", "")
        if "grad_enabled" not in name and "autocast" not in name:  # these are the switches themselves
            self.check_modes(caller)
        tensors = list(_find_tensors(args))
        converts = name in _CONVERSIONS and tensors and not (name in _PASS_THROUGH and tensors[0] is args[0])
        if converts and not all(map(self._is_size, tensors)):
            raise ConversionError(
                f"the model turns data into {_CONVERSIONS[name]}, which a graph of one run cannot follow",
                where=find_user_frame(caller),
                why="the trace would keep the answer that the example inputs gave, for all inputs",
                fix="use torch.where or masks; or put the module into a @basic_unit; or convert without example "
                "inputs, which keeps `if` and loops",
            )
        if name in _MAY_RETURN_INPUT and args:
            args = (self._alias(args[0]), *args[1:])
        result = func(*args, **(kwargs or {}))
        if converts:
            value = result.tolist() if isinstance(result, torch.Tensor) else result
            self.sizes.append(BakedSize(value, _CONVERSIONS[name] == "a condition", find_user_frame(caller)))
        elif name in _COUNTS:
            self.sizes.append(BakedSize(len(result), False, find_user_frame(caller)))
        return result

    def check_modes(self, caller: types.FrameType) -> None:
        """Refuse a mode that forward has switched, on the way to ``caller``.

        Raises:
            ConversionError: Gradients or autocast are not as they were when the trace began.
        """
        for mode, state in _read_modes().items():
            if state != self._modes[mode]:
                raise ConversionError(
                    f"the model switches {mode} {'on' if state else 'off'} in forward, which a graph does not hold",
                    where=find_user_frame(caller),
                    why="the generated model would run these lines in the mode of its caller",
                    fix="instead of torch.no_grad(), use x.detach() or requires_grad_(False); put what needs "
                    "the switch, such as an autograd.Function, into a @basic_unit",
                )


def _read_modes() -> dict[str, bool]:
    modes = {"gradients": torch.is_grad_enabled()}
    return modes | {f"autocast on {device}": torch.is_autocast_enabled(device) for device in ("cpu", "cuda")}


def _find_tensors(item: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested lists and tuples; sizes are tuples too."""
    if isinstance(item, torch.Tensor):
        yield item
    elif isinstance(item, (list, tuple)):
        for part in item:
            yield from _find_tensors(part)
