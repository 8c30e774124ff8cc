"""Parameters, buffers and constants that a module owns itself, and how each starts.

Generated code has to make these tensors without the base model. What follows a rule, or is small, is written exactly. A
larger trained parameter that looks drawn at random starts from the same kind of draw with the same mean and spread;
mapping the base model's weights gives its exact values. The values of anything else are kept in the text, compressed.
"""

from __future__ import annotations

import math

import torch

from retix.converter.rule import find_rule, pack, write_dtype
from retix.errors import ConversionError
from retix.ir import Module, Tensor


def describe_tensor(tensor: torch.Tensor, path: str, kind: str, persistent: bool = True) -> Tensor:
    """``tensor`` as data.

    Args:
        tensor: Any shape and dtype, dense.
        path: Its name in the base model.
        kind: ``parameter``, ``buffer`` or ``constant``.
        persistent: Whether a buffer is part of the state.

    Raises:
        ConversionError: Its values follow no rule, and are too many.
    """
    shape = tuple(tensor.shape)
    values = tensor.detach()
    init = find_rule(values)
    if init is None and kind == "parameter" and tensor.requires_grad:
        init = _random(values)
    init = init or pack(values)
    if init is None:
        raise ConversionError(
            f"the {kind} {path!r} of shape {shape} cannot be written as source",
            why=f"its {tensor.numel():,} values follow no simple rule, and are too many to be written out",
            fix="compute it in forward, or put the module that owns it into a @basic_unit",
        )
    return Tensor(shape, str(tensor.dtype), init, kind, tensor.requires_grad, persistent)


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
    empty = Module("torch.empty", (tuple(tensor.shape),), write_dtype(tensor))
    return Module(f"torch.nn.init.{kind}", (empty, *rounded))
