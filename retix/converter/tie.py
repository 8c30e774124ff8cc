"""Tied weights: parameters and buffers that a model knows under several names."""

from __future__ import annotations

import torch


def find_ties(module: torch.nn.Module) -> tuple[tuple[str, ...], ...]:
    """Groups of names that stand for one tensor each, where modules differ; one shared module is no tie."""
    names: dict[int, list[str]] = {}
    for path, owner in module.named_modules():  # yields a shared module once
        for name, tensor in [*owner._parameters.items(), *owner._buffers.items()]:
            if tensor is not None:
                names.setdefault(id(tensor), []).append(f"{path}.{name}".lstrip("."))
    return tuple(tuple(group) for group in names.values() if len(group) > 1)
