"""Tied weights: parameters and buffers that a model knows under several names."""

from __future__ import annotations

import torch

from retix.converter.owned import find_owned


def find_ties(module: torch.nn.Module) -> tuple[tuple[str, ...], ...]:
    """Groups of names that stand for one tensor each, where modules differ; one shared module is no tie."""
    names: dict[int, list[str]] = {}
    for owned in find_owned(module):
        names.setdefault(id(owned.tensor), []).append(owned.path)
    return tuple(tuple(group) for group in names.values() if len(group) > 1)
