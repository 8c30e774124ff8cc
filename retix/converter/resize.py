"""The same example inputs in other sizes, for finding out which sizes a model leaves free."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree

Inputs = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and keyword arguments, with tensors."""

KEEP_FREE = (
    "use x.shape[0] as it is, without int(), len() or a loop over it; or x.flatten(1), x.unbind(1) and the "
    "like; or put the module into a @basic_unit"
)
"""What to do about a size that a graph would keep."""


def double_batch(inputs: Inputs) -> Inputs:
    """The inputs, with twice the size along dimension 0 where they have the size of the first."""
    size = next((tensor.shape[0] for tensor in _tensors(inputs) if tensor.dim() > 0), 0)

    def double(tensor: torch.Tensor) -> torch.Tensor:
        return _resize(tensor, 0, 2 * size) if tensor.dim() > 0 and tensor.shape[0] == size else tensor

    return _map(double, inputs)


def find_sizes(inputs: Inputs) -> list[int]:
    """The sizes of all dimensions behind the first, each once, but for 1."""
    sizes = (size for tensor in _tensors(inputs) for size in tensor.shape[1:] if size > 1)
    return list(dict.fromkeys(sizes))


def vary_size(inputs: Inputs, size: int) -> Iterator[Inputs]:
    """The inputs with half the size, and then with twice the size, along all dimensions behind the first that have it.

    Images are square more often than not, and masks as long as what they mask: so equal sizes stay equal.
    """
    for other in (size // 2, 2 * size):

        def change(tensor: torch.Tensor, other: int = other) -> torch.Tensor:
            for dimension in range(1, tensor.dim()):
                if tensor.shape[dimension] == size:
                    tensor = _resize(tensor, dimension, other)
            return tensor

        yield _map(change, inputs)


def _tensors(inputs: Inputs) -> list[torch.Tensor]:
    return [item for item in pytree.tree_leaves(inputs) if isinstance(item, torch.Tensor)]


def _map(function: Callable[[torch.Tensor], torch.Tensor], inputs: Inputs) -> Inputs:
    mapped: Inputs = pytree.tree_map_only(torch.Tensor, function, inputs)
    return mapped


def _resize(tensor: torch.Tensor, dimension: int, size: int) -> torch.Tensor:
    """The first ``size`` slices along a dimension; where there are fewer, all of them twice."""
    if size > tensor.shape[dimension]:
        return torch.cat([tensor, tensor], dimension)
    return tensor.narrow(dimension, 0, size)
