"""The norm of the gradients at the beginning of training."""

from __future__ import annotations

import math

from retix.measures.gradients import find_gradients
from retix.measures.measure import Measure
from retix.measures.subject import Subject


class GradNorm(Measure):
    """The sum, over all weights, of the Euclidean norm of the gradient of the loss of one batch.

    A network without weights has 0, and so has one whose gradients are not finite.

    Source: Abdelfattah et al., Zero-cost proxies for lightweight NAS (2021).
    """

    name = "grad_norm"

    def __call__(self, subject: Subject) -> float:
        gradients = find_gradients(subject, subject.build(), subject.batches[0])
        total = sum(float(gradient.double().norm()) for gradient in gradients)
        return total if math.isfinite(total) else 0.0
