"""The state of the random number generators that training draws from."""

from __future__ import annotations

import random
from typing import Any

import numpy
import torch


def read_random_state() -> dict[str, Any]:
    """The states of Python's, numpy's and torch's generators, GPUs included, as plain values and tensors."""
    numpys: Any = numpy.random.get_state()
    name, keys, *rest = numpys
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype("int64")), *rest),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch has no annotation there
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def write_random_state(state: dict[str, Any]) -> None:
    """Put the generators where `read_random_state` found them; GPUs that are not there any more are left out."""
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    numpy.random.set_state((name, keys.numpy().astype("uint32"), *rest))
    torch.set_rng_state(state["torch"])
    for device, cuda in enumerate(state.get("cuda", ())[: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(cuda, device)
