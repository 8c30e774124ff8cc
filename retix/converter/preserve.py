"""Leaves the user's module and the process as conversion found them, also when it fails half-way."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch

_TABLES = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")


@contextmanager
def preserve(module: torch.nn.Module) -> Iterator[None]:
    """Restore what conversion may change.

    Of every module: its attributes, the training flag and its own ``forward`` among them, and the values of its
    parameters, buffers and other tensors. Of the process: the random states of torch, numpy and Python, and the
    filters of warnings.
    """
    undo = [_keep_attributes(part) for part in module.modules()]
    undo += [_keep_values(tensor) for tensor in _tensors_of(module)]
    python_state, numpy_state = random.getstate(), numpy.random.get_state()
    devices = sorted({t.device.index or 0 for t in _tensors_of(module) if t.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices), warnings.catch_warnings():
            yield
    finally:
        for restore in undo:
            restore()
        random.setstate(python_state)
        numpy.random.set_state(numpy_state)


def _tensors_of(module: torch.nn.Module) -> list[torch.Tensor]:
    plain = (item for part in module.modules() for item in vars(part).values() if isinstance(item, torch.Tensor))
    every = [*module.parameters(), *module.buffers(), *plain]
    return list({id(tensor): tensor for tensor in every}.values())


def _keep_attributes(module: torch.nn.Module) -> Callable[[], None]:
    attributes = dict(vars(module))
    tables = {name: attributes[name].copy() for name in _TABLES}

    def restore() -> None:
        vars(module).clear()
        vars(module).update(attributes)
        for name, table in tables.items():
            attributes[name].clear()
            attributes[name].update(table)

    return restore


def _keep_values(tensor: torch.Tensor) -> Callable[[], None]:
    if tensor.is_inference():  # nothing may change it, and it counts no versions
        return lambda: None
    saved, version, requires_grad = tensor.detach().clone(), tensor._version, tensor.requires_grad

    def restore() -> None:
        # batch norm changes its statistics without counting a version
        if tensor._version != version or not torch.equal(tensor, saved):
            with torch.no_grad():
                tensor.copy_(saved)
        if tensor.requires_grad != requires_grad:
            tensor.requires_grad_(requires_grad)

    return restore


def read_random_states() -> tuple[Any, ...]:
    """The states of Python's and numpy's global generators, comparable with ``==``."""
    state: Any = numpy.random.get_state(legacy=False)
    return random.getstate(), state["state"]["key"].tobytes(), state["state"]["pos"], state["gauss"]
