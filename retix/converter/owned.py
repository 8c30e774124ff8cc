"""The parameters and buffers of a module, with whom each belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Owned:
    """A parameter or buffer.

    Attributes:
        path: Its name from the outermost module on.
        owner: The module that it belongs to.
        name: Its name there.
        tensor: The tensor.
    """

    path: str
    owner: torch.nn.Module
    name: str
    tensor: torch.Tensor


def find_owned(module: torch.nn.Module) -> Iterator[Owned]:
    """Yield parameters and then buffers of each module, in the order of definition; those of a shared module once."""
    for path, owner in module.named_modules():
        for name, tensor in (*owner._parameters.items(), *owner._buffers.items()):
            if tensor is not None:
                yield Owned(f"{path}.{name}" if path else name, owner, name, tensor)
