"""SynFlow: how much flows through a network whose weights are all positive."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.errors import ProfileError
from retix.measures.activations import ACTIVATIONS, NORMS, Skip
from retix.measures.data import Batch
from retix.measures.generators import seeded
from retix.measures.gradients import differentiate, run, weights_of
from retix.measures.measure import Measure
from retix.measures.subject import Subject

LOWEST, HIGHEST = -745.0, 709.0
"""About the logarithms of the smallest and the largest number that a double holds."""


class SynFlow(Measure):
    """The logarithm of the sum of ``|w * dR/dw|`` over all weights, R being what a linearised network makes of ones.

    Linearised means: each parameter is replaced by its absolute value, normalisations and activations are left out,
    dropout is off. No data is needed but the shape of one sample; inputs that are no floating-point numbers, such as
    indices, stay as they are. Computed in double precision. A network that nothing flows through, or without weights,
    has -745; what is beyond a double has 709.

    Source: Tanaka et al., Pruning neural networks without any data by iteratively conserving synaptic flow (2020); as
    a score of architectures: Abdelfattah et al., Zero-cost proxies for lightweight NAS (2021).
    """

    name = "synflow"

    def __call__(self, subject: Subject) -> float:
        inputs = _make_ones(subject.example_inputs)
        try:
            total = _sum_flow(subject, subject.build().double(), inputs)
        except ProfileError:  # forward mixes in tensors of single precision, which not every operator takes
            single = pytree.tree_map_only(torch.Tensor, _lower, inputs)
            total = _sum_flow(subject, subject.build(), single)
        if not total > 0:
            return LOWEST
        return min(max(math.log(total), LOWEST), HIGHEST) if math.isfinite(total) else HIGHEST


def _sum_flow(subject: Subject, module: torch.nn.Module, inputs: tuple[Any, ...]) -> float:
    module.eval()
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.abs_()
    weights = weights_of(module)
    with seeded(subject.seed), torch.enable_grad():
        with Skip(ACTIVATIONS | NORMS):
            outputs = run(subject, module, inputs)
        leaves = [leaf for leaf in pytree.tree_leaves(outputs) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
        if not leaves:
            return 0.0
        gradients = differentiate(torch.stack([leaf.sum() for leaf in leaves]).sum(), weights)
    return sum(float((w.detach() * g).abs().sum()) for w, g in zip(weights, gradients, strict=True))


def _make_ones(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """One sample, all ones."""
    size = Batch(inputs).size

    def make(tensor: torch.Tensor) -> torch.Tensor:
        one = tensor[:1] if tensor.dim() and tensor.shape[0] == size else tensor
        return torch.ones_like(one, dtype=torch.double, device="cpu") if one.is_floating_point() else one.clone()

    made: tuple[Any, ...] = pytree.tree_map_only(torch.Tensor, make, inputs)
    return made


def _lower(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
