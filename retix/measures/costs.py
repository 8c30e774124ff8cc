"""What a forward and a backward of a module cost."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: torch.nn.Module) -> int:
    """How many numbers the parameters hold, trained or not; one that is used twice counts once."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_flops(module: torch.nn.Module, inputs: tuple[Any, ...]) -> int:
    """Floating-point operations of one forward in eval mode, as `torch.utils.flop_counter` counts them.

    Convolutions, matrix products and attention count; a multiplication and an addition are two.
    """
    module.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops())


def count_state_bytes(module: torch.nn.Module) -> int:
    """What the parameters and buffers take; each memory once."""
    return sum(_storages((*module.parameters(), *module.buffers())).values())


def count_activation_bytes(module: torch.nn.Module, inputs: tuple[Any, ...]) -> int:
    """What autograd keeps of a forward in training mode for backward: each memory once, without parameters, buffers."""
    kept: list[torch.Tensor] = []  # held, so that no address is given to another

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.detach())
        return tensor

    module.train()
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(*inputs)
    state = _storages((*module.parameters(), *module.buffers()))
    return sum(size for key, size in _storages(kept).items() if key not in state)


def _storages(tensors: Any) -> dict[int, int]:
    """The sizes of the memories that tensors lie in, in bytes, by address."""
    return {(storage := tensor.untyped_storage())._cdata: storage.nbytes() for tensor in tensors}
