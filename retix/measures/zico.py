"""ZiCo: gradients that are large, and alike from batch to batch."""

from __future__ import annotations

import math

import torch
from torch.utils import _pytree as pytree

from retix.measures.data import Batch
from retix.measures.gradients import find_gradients
from retix.measures.measure import Measure
from retix.measures.subject import Subject


class ZiCo(Measure):
    """The sum over layers of ``log(sum(mean|g| / std(g)))``, mean and standard deviation over the batches.

    The weights stay as they were initialised. Numbers whose gradient does not differ between the batches do not count,
    nor does a layer that has only such numbers; without any layer the score is 0. Where there is one batch, its halves
    are taken for two.

    Source: Li et al., ZiCo: Zero-shot NAS via inverse coefficient of variation on gradients (2023).
    """

    name = "zico"

    def __call__(self, subject: Subject) -> float:
        module = subject.build()
        batches = subject.batches if len(subject.batches) > 1 else _halve(subject.batches[0])
        runs = [find_gradients(subject, module, batch) for batch in batches]
        layers = [torch.stack(layer).double() for layer in zip(*runs, strict=True)]
        return sum(map(_score, layers))


def _score(gradients: torch.Tensor) -> float:
    """The score of one layer; the first dimension of its gradients is that of batches."""
    if not gradients.isfinite().all():
        return 0.0
    std = gradients.std(0, correction=0)
    counts = std > 0
    if not counts.any():
        return 0.0
    return math.log(float((gradients.abs().mean(0)[counts] / std[counts]).sum()))


def _halve(batch: Batch) -> tuple[Batch, ...]:
    size = batch.size
    if size < 2:
        return (batch, batch)

    def part(begin: int, end: int) -> Batch:
        def cut(tensor: torch.Tensor) -> torch.Tensor:
            return tensor[begin:end] if tensor.dim() and tensor.shape[0] == size else tensor

        inputs, target = pytree.tree_map_only(torch.Tensor, cut, (batch.inputs, batch.target))
        return Batch(inputs, target)

    return part(0, size // 2), part(size // 2, size)
