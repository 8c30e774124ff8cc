"""NASWOT: how differently a network sees the samples of a batch, before any training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from retix.measures.activations import ACTIVATIONS, GATES, Catch
from retix.measures.generators import seeded
from retix.measures.gradients import run
from retix.measures.measure import Measure
from retix.measures.subject import Subject

_FLOOR = 1e-6


class NASWOT(Measure):
    """The log-determinant of a kernel: for each two samples of a batch, how many activations agree in their sign.

    Each activation is a bit: whether its input is positive. For ReLU that says on which of its two linear pieces a
    sample lies, as in the paper; for other activations (tanh, SiLU, GELU, sigmoid, ...) the same is taken, as their
    slope too changes most around zero. Activations count wherever they are called, as modules or as functions.
    Eigenvalues below 1e-6 count as 1e-6, so that samples that look alike lower the score instead of making it
    infinite; a network without activations has ``samples * log(1e-6)``, the least there is. The score grows with the
    size of the batch, which is the same for all models of a space.

    Source: Mellor et al., Neural architecture search without training (2021).
    """

    name = "naswot"

    def __call__(self, subject: Subject) -> float:
        batch = subject.batches[0]
        module = subject.build()
        with seeded(subject.seed), torch.no_grad(), _Codes(batch.size) as codes:
            run(subject, module, batch.inputs)
        eigenvalues = torch.linalg.eigvalsh(codes.kernel)
        return float(eigenvalues.clamp(min=_FLOOR).log().sum())


class _Codes(Catch):
    """Adds up, for each two samples, the activations that agree.

    Args:
        size: How many samples there are; activations of anything else do not count.

    Attributes:
        kernel: The counts, of shape (size, size).
    """

    def __init__(self, size: int) -> None:
        super().__init__(ACTIVATIONS | GATES)
        self.kernel = torch.zeros(size, size, dtype=torch.double)
        self._size = size

    def take(self, x: torch.Tensor, call: Callable[[], Any]) -> Any:
        if x.dim() and x.numel() and x.shape[0] % self._size == 0:
            bits = (x.detach() > 0).reshape(self._size, -1).float()
            agree = bits @ bits.T + (1 - bits) @ (1 - bits).T
            self.kernel += agree.to(self.kernel)
        return call()
