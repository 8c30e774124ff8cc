"""How much a model computes."""

from __future__ import annotations

from typing import Literal

from retix.measures.measure import Measure
from retix.measures.subject import Subject


class Flops(Measure):
    """Floating-point operations of a forward in eval mode, per sample.

    Convolutions, matrix products and attention count, as `torch.utils.flop_counter` counts them: a multiplication and
    an addition are two. The operations of the example inputs are divided by the first size of their first tensor.
    """

    name = "flops"
    unit = "FLOPs per sample"
    mode: Literal["maximize", "minimize"] = "minimize"
    is_exact = True

    def __call__(self, subject: Subject) -> float:
        return subject.flops / subject.n_samples
