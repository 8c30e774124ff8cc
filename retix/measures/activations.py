"""Activations and normalisations, caught wherever a model calls them: as modules, as functions, or as methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

ACTIVATIONS = frozenset(
    {
        *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "rrelu", "rrelu_", "prelu", "threshold", "threshold_"),
        *("elu", "elu_", "selu", "selu_", "celu", "celu_", "gelu", "silu", "mish", "hardswish", "softplus"),
        *("tanh", "tanh_", "hardtanh", "hardtanh_", "softsign", "tanhshrink", "softshrink", "hardshrink"),
        *("_threshold", "logsigmoid", "log_sigmoid"),
    }
)
"""The names of functions that act on each number by itself, and whose slope changes where that number changes sign."""

GATES = frozenset(["sigmoid", "sigmoid_", "hardsigmoid"])
"""Those that mostly say how much of something else passes."""

NORMS = frozenset(["batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"])
"""The names of functions that normalise."""


class Catch(TorchFunctionMode):
    """Is asked for each call of one of ``names`` inside of the ``with`` block.

    Args:
        names: The names of the functions.
    """

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    @abstractmethod
    def take(self, x: torch.Tensor, call: Callable[[], Any]) -> Any:
        """Answer one call.

        Args:
            x: The first argument.
            call: Makes the call.
        """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        x = args[0] if args else given.get("input")
        if getattr(func, "__name__", "") in self._names and isinstance(x, torch.Tensor):
            return self.take(x, lambda: func(*args, **given))
        return func(*args, **given)


class Skip(Catch):
    """Leaves the calls out: what goes in comes out."""

    def take(self, x: torch.Tensor, call: Callable[[], Any]) -> Any:
        return x
