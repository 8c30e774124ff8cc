"""Parameters, buffers and constants that a module owns itself, and how each starts.

Generated code has to make these tensors without the base model. A tensor that is constant, counts up, or is small is
written exactly. A larger parameter that looks drawn at random starts from the same kind of draw with the same mean and
spread; mapping the base model's weights gives its exact values. Anything else is refused rather than guessed.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from retix.errors import ConversionError
from retix.ir import Module, Symbol, Tensor

LITERAL_SIZE = 256
"""Up to so many elements are written as a literal."""


def describe_tensor(tensor: torch.Tensor, path: str, kind: str, persistent: bool = True) -> Tensor:
    """``tensor`` as data.

    Args:
        tensor: Any shape and dtype, dense.
        path: Its name in the base model.
        kind: ``parameter``, ``buffer`` or ``constant``.
        persistent: Whether a buffer is part of the state.

    Raises:
        ConversionError: Its values follow no rule that can be written.
    """
    shape = tuple(tensor.shape)
    init = _exact(tensor.detach()) or (_random(tensor.detach()) if kind == "parameter" else None)
    if init is None:
        raise ConversionError(
            f"the {kind} {path!r} of shape {shape} cannot be written as source",
            why=f"its {tensor.numel():,} values follow no simple rule, and generated code has to make them anew",
            fix="compute it in forward, or put the module that owns it into a @basic_unit",
        )
    return Tensor(shape, str(tensor.dtype), init, kind, tensor.requires_grad, persistent)


def _exact(tensor: torch.Tensor) -> Module | None:
    shape = tuple(tensor.shape)
    dtype = _dtype(tensor)
    if tensor.numel() == 0:
        return Module("torch.empty", (shape,), dtype)
    first = tensor.flatten()[0]
    if bool((tensor == first).all()) or bool(tensor.isnan().all()):
        return _constant(shape, first.item(), dtype)
    if tensor.dim() == 1 and not tensor.is_complex() and tensor.dtype != torch.bool:
        counted = torch.arange(tensor.numel(), dtype=tensor.dtype)
        if torch.equal(tensor.cpu(), counted):
            return Module("torch.arange", (tensor.numel(),), dtype)
    if tensor.numel() <= LITERAL_SIZE and not tensor.is_complex():
        values = tensor.tolist()
        if torch.equal(torch.tensor(values, dtype=tensor.dtype), tensor.cpu()):
            return Module("torch.tensor", (values,), dtype)
    return None


def _constant(shape: tuple[int, ...], value: Any, dtype: dict[str, Any]) -> Module:
    if shape == ():
        return Module("torch.tensor", (value,), dtype)
    if value == 0 and not isinstance(value, bool):
        return Module("torch.zeros", (shape,), dtype)
    if value == 1 and not isinstance(value, bool):
        return Module("torch.ones", (shape,), dtype)
    return Module("torch.full", (shape, value), dtype)


def _dtype(tensor: torch.Tensor) -> dict[str, Any]:
    return {} if tensor.dtype == torch.float32 else {"dtype": Symbol(str(tensor.dtype))}


def _random(tensor: torch.Tensor) -> Module | None:
    """A draw of the same mean and spread: uniform where the values are flat between their ends, else normal."""
    if not tensor.is_floating_point() or not bool(tensor.isfinite().all()):
        return None
    values = tensor.double()
    mean, std = values.mean().item(), values.std().item()
    half_width = std * math.sqrt(3)
    # a uniform draw never leaves mean ± sqrt(3) std; of a normal one, 8 % lies outside
    outside = ((values - mean).abs() > half_width * 1.05).double().mean().item()
    kind, bounds = ("uniform_", (mean - half_width, mean + half_width)) if outside < 0.01 else ("normal_", (mean, std))
    rounded = tuple(float(f"{bound:.3g}") for bound in bounds)
    if abs(mean) < 3 * std / math.sqrt(tensor.numel()):
        rounded = (-rounded[1], rounded[1]) if kind == "uniform_" else (0.0, rounded[1])
    empty = Module("torch.empty", (tuple(tensor.shape),), _dtype(tensor))
    return Module(f"torch.nn.init.{kind}", (empty, *rounded))
