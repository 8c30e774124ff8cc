"""The random number generators of a process, as if nobody had drawn from them."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy
import torch

# The generators belong to the process, so threads that measure wait for each other.
_LOCK = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from ``seed`` inside the ``with`` block, and put the generators back afterwards.

    Those of Python, numpy and torch's CPU are meant; that of a GPU is left alone, as weights are drawn before a model
    goes there.
    """
    with _LOCK:
        states = random.getstate(), numpy.random.get_state(), torch.default_generator.get_state()
        random.seed(seed)
        numpy.random.seed(seed)
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            numpy.random.set_state(states[1])
            torch.default_generator.set_state(states[2])
