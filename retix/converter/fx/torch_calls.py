"""What calls of torch's functions and methods come to: a node, or a function in Python that is followed."""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from retix.converter.fx.kind import kind_of
from retix.converter.fx.rank import expect_rank
from retix.converter.fx.scope import RANK, TENSOR
from retix.converter.fx.symbol import SymbolicValue, is_instance
from retix.converter.unfold import Unfolder

if TYPE_CHECKING:
    from retix.converter.fx.tracer import ScopeTracer

_OPERATORS = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift", "rshift"),
    *("eq", "ne", "lt", "le", "gt", "ge", "neg", "invert", "abs", "getitem", "setitem"),
    *("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor"),
)
"""Python's operators, as `operator` names them."""

_DUNDERS: dict[str, tuple[Callable[..., Any], bool]] = {
    **{f"__{name.strip('_')}__": (getattr(operator, name), False) for name in _OPERATORS},
    **{f"__r{name.strip('_')}__": (getattr(operator, name), True) for name in _OPERATORS},
}
"""Methods behind Python's operators, and whether their operands are swapped."""

_KEPT: set[Any] = {
    *(torch.nn.functional.interpolate, torch.nn.functional.upsample, torch.functional.norm, torch.Tensor.norm),
    *(torch.nn.functional.multi_head_attention_forward, torch.Tensor.unflatten),
}
"""Functions of torch that ask for more than is known here; they have lowerings of their own."""

_CHECKS: set[Any] = {torch._assert, torch.Tensor.register_hook}
"""Functions that compute nothing."""


class TorchCalls(TorchFunctionMode):
    """Has every function of torch recorded, also one that takes no symbols, such as ``torch.zeros(3)``.

    Args:
        tracer: Records nodes.
    """

    def __init__(self, tracer: ScopeTracer) -> None:
        super().__init__()
        self._tracer = tracer
        self._unfolder = Unfolder({"isinstance": is_instance})

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if self._tracer.is_estimating:
            return func(*args, **(kwargs or {}))
        return self.apply(func, args, kwargs or {})

    def call_method(self, symbol: SymbolicValue, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of what a symbol stands for."""
        if kind_of(symbol.node) is torch.Tensor:
            return self.apply(getattr(torch.Tensor, name), (symbol, *args), kwargs)
        return self._tracer.record("call_method", name, (symbol, *args), kwargs)

    def read_attribute(self, symbol: SymbolicValue, name: str) -> Any:
        """Read an attribute of what a symbol stands for."""
        tensor = symbol.node.meta.get(TENSOR)
        if tensor is not None and name in ("dtype", "ndim", "requires_grad", "layout", "is_sparse"):
            return getattr(tensor, name)
        if name == "layout":
            return torch.strided
        return self._tracer.record("call_function", getattr, (symbol, name), {})

    def apply(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Call a function of torch: one that is written in Python is followed, an operator is recorded."""
        if function in _CHECKS:
            return None
        name = function.__name__ if hasattr(function, "__name__") else str(function)
        if "grad_enabled" in name:
            return function(*args, **kwargs)
        if isinstance(function, types.FunctionType) and function not in _KEPT:
            self._expect_rank(function, args)
            twin = self._unfolder.unfold(function) if function.__module__.startswith("torch") else function
            with self:
                return twin(*args, **kwargs)
        if name == "__get__":
            return self._read_real(function, args)
        if name in _DUNDERS and _is_method(function):
            target, is_reversed = _DUNDERS[name]
            return self._tracer.record("call_function", target, args[::-1] if is_reversed else args, kwargs)
        if _is_method(function):
            return self._tracer.record("call_method", name, args, kwargs)
        return self._tracer.record("call_function", function, args, kwargs)

    def _expect_rank(self, function: types.FunctionType, args: tuple[Any, ...]) -> None:
        first = args[0] if args else None
        if isinstance(first, SymbolicValue) and RANK not in first.node.meta:
            expected = expect_rank(function)
            if expected is not None and self._tracer.estimator.rank(first.node) is None:
                first.node.meta[RANK] = expected

    def _read_real(self, getter: Any, args: tuple[Any, ...]) -> Any:
        """A property of a tensor of the module: one that is no tensor itself holds for all inputs."""
        value = getter(*args)
        return (
            self._tracer.record("call_function", getattr, (args[0], getter.__self__.__name__), {})
            if isinstance(value, torch.Tensor)
            else value
        )


def _is_method(function: Any) -> bool:
    """Whether a built-in function of torch is a method of tensors."""
    name = getattr(function, "__name__", "")
    return getattr(torch.Tensor, name, None) is function
