"""Lowering of torch's functions whose compiled Python builds messages and lists, which no graph holds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch.nn.functional as F

from retix.converter.lowering import GraphLowering
from retix.ir import Function, Symbol, Value

Rule: TypeAlias = Callable[[GraphLowering, Mapping[str, Any]], Value]
"""Lowers a call, given its arguments by name."""


def _as_call(function: Callable[..., Any]) -> Rule:
    """The function is called as it stands; defaults are left out."""
    defaults = [(each.name, each.default) for each in inspect.signature(function).parameters.values()]

    def lower(low: GraphLowering, given: Mapping[str, Any]) -> Value:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for key, default in defaults:
            item = given[key]
            if default is inspect.Parameter.empty:
                args.append(item)
            elif type(item) is not type(default) or item != default:
                kwargs[key] = item
        symbol = Symbol(f"{F.__name__}.{function.__name__}")
        return low.emit(Function("python::call"), (symbol, *args), kwargs, name=function.__name__)

    return lower


def _as_operator(name: str, parameters: str) -> Rule:
    """The function checks its arguments and calls an operator, which takes them in another order."""

    def lower(low: GraphLowering, given: Mapping[str, Any]) -> Value:
        return low.call(f"aten::{name}", *(given[key] for key in parameters.split()), True, name=name)

    return lower


_STATISTICS = "input weight bias running_mean running_var"
_instance_norm = _as_operator("instance_norm", f"{_STATISTICS} use_input_stats momentum eps")


def _lower_instance_norm(low: GraphLowering, given: Mapping[str, Any]) -> Value:
    """Only where it keeps statistics, the operator has to be there to tell that it changes them."""
    keeps = given["running_mean"] is not None
    return (_instance_norm if keeps else _as_call(F.instance_norm))(low, given)


_CALLED: tuple[Callable[..., Any], ...] = (
    *(F.affine_grid, F.group_norm, F.interpolate, F.local_response_norm, F.mse_loss),
    *(F.upsample, F.upsample_bilinear, F.upsample_nearest),
)
_RULES: dict[Callable[..., Any], Rule] = {
    **{function: _as_call(function) for function in _CALLED},
    F.batch_norm: _as_operator("batch_norm", f"{_STATISTICS} training momentum eps"),
    F.instance_norm: _lower_instance_norm,
}
_BY_NAME = {f"__torch__.{F.__name__}.{function.__name__}": function for function in _RULES}
_MANGLED = re.compile(r"___torch_mangle_\d+\.")


def lower_torch_function(low: GraphLowering, type_name: str, given: list[Any]) -> Value | None:
    """The result of a function of torch's that is not written in place; None for any other function."""
    function = _BY_NAME.get(_MANGLED.sub("", type_name))
    if function is None:
        return None
    names = inspect.signature(function).parameters
    return _RULES[function](low, dict(zip(names, low.settle(given), strict=True)))
