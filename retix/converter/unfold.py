"""Torch's functions that are written in Python, run on symbols down to the operators that they call."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any


class Unfolder:
    """Makes twins of Python functions that take symbols for tensors.

    ``torch.nn.functional.dropout`` first asks whether one of its arguments handles torch's functions itself, as a
    symbol does, and hands the call over to it. Its twin has the same code and other globals, in which the answer is
    always no: it runs on, to ``torch.dropout``, which is an operator. So what forward calls ends in the operators that
    a trace shows, and no list of torch's functions is needed.

    Args:
        replaced: Other globals for the twins, by name.
    """

    def __init__(self, replaced: Mapping[str, Any]) -> None:
        self._replaced = {**_REPLACED, **replaced}
        self._globals: dict[int, dict[str, Any]] = {}
        self._twins: dict[types.FunctionType, Callable[..., Any]] = {}

    def unfold(self, function: types.FunctionType) -> Callable[..., Any]:
        """The twin of ``function``; functions that it is wrapped around are twins too."""
        twin = self._twins.get(function)
        if twin is None:
            cells = tuple(types.CellType() for _ in function.__closure__ or ())
            names = self._view(function.__globals__)
            twin = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, cells or None)
            twin.__kwdefaults__ = function.__kwdefaults__
            self._twins[function] = twin  # known before its closure is looked into, where it may be itself
            for cell, original in zip(cells, function.__closure__ or (), strict=True):
                content = original.cell_contents
                cell.cell_contents = self.unfold(content) if isinstance(content, types.FunctionType) else content
        return twin

    def _view(self, names: dict[str, Any]) -> dict[str, Any]:
        known = self._globals.get(id(names))
        if known is None:
            known = self._globals[id(names)] = {**names, **self._replaced}
        return known


def _handles_nothing(*args: Any, **kwargs: Any) -> bool:
    return False


def _check_nothing(*args: Any, **kwargs: Any) -> None:
    return None


_REPLACED: Mapping[str, Callable[..., Any]] = {
    "has_torch_function": _handles_nothing,
    "has_torch_function_unary": _handles_nothing,
    "has_torch_function_variadic": _handles_nothing,
    # they check that statistics can be computed, which the generated model does once more
    "_verify_batch_size": _check_nothing,
    "_verify_spatial_size": _check_nothing,
}
