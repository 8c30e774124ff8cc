"""The share of samples that a classifier gets right."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


class AccuracyWithLogits(Metric):
    """Accuracy in [0, 1], from raw scores; needs not know the number of classes.

    Args:
        **kwargs: Further arguments of `torchmetrics.Metric`.
    """

    higher_is_better = True
    full_state_update = False

    correct: Tensor
    total: Tensor

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.add_state("correct", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Count one batch.

        Args:
            pred: Scores, ``(N, C, ...)``; with one class, ``(N, 1)`` or ``(N,)``, positive means yes.
            target: Classes, ``(N, ...)``; or a number per score, in the shape of ``pred``: the likeliest class counts.
        """
        if pred.ndim == 1 or (pred.shape[1] == 1 and pred.shape[0] == target.numel()):
            right = (pred.reshape(-1) > 0) == (target.reshape(-1) > 0.5)
        else:
            right = pred.argmax(1) == (target.argmax(1) if target.shape == pred.shape else target)
        self.correct += right.sum()
        self.total += right.numel()

    def compute(self) -> Tensor:
        """The accuracy over all batches since the last reset; NaN before the first."""
        return self.correct.float() / self.total
