"""Data loaders that can be made again in a worker, and a look at their first batch."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.utils.data

from retix.recipe import trace


@trace
class DataLoader(torch.utils.data.DataLoader[Any]):
    """`torch.utils.data.DataLoader` that remembers its arguments, so that workers can make it again.

    A dataset made by `retix.serialize` is made again with it; any other travels by value.
    """


def read_first_input(loader: Any) -> tuple[Any, ...] | None:
    """The input part of the first batch of a loader, cut to two samples; batches are ``(input, ...)``.

    Neither the loader nor the random number generators of torch, numpy and Python notice.

    Args:
        loader: A loader, or any iterable of batches.

    Returns:
        The input as a tuple of one, or None if the loader has no batches, can be read only once, or its batches are
        neither tensors nor sequences.
    """
    with _untouched_generators(loader):
        batch = next(iter(_read_batches(loader, 1)), None)
    if isinstance(batch, torch.Tensor):
        return (_cut(batch),)
    return (_cut(batch[0]),) if isinstance(batch, (list, tuple)) and batch else None


def read_batches(loader: Any, count: int) -> list[Any]:
    """The first ``count`` batches of a loader, whole; fewer if it has fewer, none if it can be read only once.

    Neither the loader nor the random number generators of torch, numpy and Python notice.

    Args:
        loader: A loader, or any iterable of batches.
        count: How many batches are wanted.
    """
    with _untouched_generators(loader):
        return _read_batches(loader, count)


@contextmanager
def untouched_loaders(*loaders: Any) -> Iterator[None]:
    """Put the generators that loaders shuffle by back to where they were when the ``with`` block ends."""
    found = {id(generator): generator for loader in loaders for generator in generators_of(loader)}
    states = [(generator, generator.get_state()) for generator in found.values()]
    try:
        yield
    finally:
        for generator, state in states:
            generator.set_state(state)


@contextmanager
def _untouched_generators(loader: Any) -> Iterator[None]:
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        with untouched_loaders(loader):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def generators_of(loader: Any) -> list[torch.Generator]:
    """The generators that a loader, or each of a list or dict of loaders, has for itself, in a fixed order."""
    if isinstance(loader, (list, tuple)):
        return [generator for item in loader for generator in generators_of(item)]
    if isinstance(loader, dict):
        return generators_of(list(loader.values()))
    holders = (
        loader,
        getattr(loader, "sampler", None),
        getattr(getattr(loader, "batch_sampler", None), "sampler", None),
    )
    found = (getattr(holder, "generator", None) for holder in holders)
    return [generator for generator in found if isinstance(generator, torch.Generator)]


def _read_batches(loader: Any, count: int) -> list[Any]:
    if isinstance(loader, torch.utils.data.DataLoader):
        # A look needs neither processes nor a GPU, and must leave running workers alone.
        loader = copy.copy(loader)
        loader.num_workers, loader.timeout, loader.pin_memory = 0, 0, False
    if not hasattr(loader, "__iter__"):
        return []
    batches = iter(loader)
    return [] if batches is loader else list(itertools.islice(batches, count))


def _cut(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value[:2].clone() if value.ndim else value.clone()
    if type(value) in (list, tuple):
        return type(value)(_cut(item) for item in value)
    return {key: _cut(item) for key, item in value.items()} if type(value) is dict else value
