"""Leaves the user's module and the process as conversion found them, also when it fails half-way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy
import torch


@contextmanager
def preserve(module: torch.nn.Module) -> Iterator[None]:
    """Restore training flags, buffers and parameters in place, and the random states of torch, numpy and Python."""
    modes = [(m, m.training) for m in module.modules()]
    tensors = [(t, t.detach().clone()) for t in [*module.parameters(), *module.buffers()]]
    versions = [t._version for t, _ in tensors]
    python_state, numpy_state = random.getstate(), numpy.random.get_state()
    devices = sorted({t.device.index or 0 for t, _ in tensors if t.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        for m, training in modes:
            m.training = training
        with torch.no_grad():
            for (tensor, saved), version in zip(tensors, versions, strict=True):
                if tensor._version != version:
                    tensor.copy_(saved)
        random.setstate(python_state)
        numpy.random.set_state(numpy_state)
