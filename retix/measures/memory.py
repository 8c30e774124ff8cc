"""How much memory a model takes in training."""

from __future__ import annotations

from typing import Literal

from retix.errors import ConfigError
from retix.measures.measure import Measure
from retix.measures.subject import Subject


class Memory(Measure):
    """Bytes of parameters and buffers, and of the activations that autograd keeps for backward.

    Activations are counted for the example inputs, each memory once, and scaled to a batch of ``batch_size``. What the
    optimizer, gradients and the workspace of kernels take is not in it.

    Args:
        batch_size: How many samples a batch has.
        name: What objectives and limits call it.

    Raises:
        ConfigError: The batch would be empty.
    """

    name = "memory"
    unit = "bytes"
    mode: Literal["maximize", "minimize"] = "minimize"
    is_exact = True

    def __init__(self, batch_size: int = 1, *, name: str = "memory") -> None:
        if batch_size < 1:
            raise ConfigError(f"the memory of a batch of {batch_size} was asked for", fix="give batch_size=1 or more")
        self.batch_size = batch_size
        self.name = name

    def __call__(self, subject: Subject) -> float:
        return subject.state_bytes + subject.activation_bytes * self.batch_size / subject.n_samples
