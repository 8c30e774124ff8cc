"""The gradients of a model's weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from retix.measures.data import Batch
from retix.measures.generators import seeded
from retix.measures.subject import Subject, explain


def weights_of(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The weights of layers: the trained parameters of two or more dimensions; biases and norms have one."""
    return [p for p in module.parameters() if p.dim() >= 2 and p.requires_grad and p.is_floating_point()]


def find_gradients(subject: Subject, module: torch.nn.Module, batch: Batch) -> list[torch.Tensor]:
    """The gradient of the loss of one batch by each weight of ``module``; zero where the loss does not depend on it.

    Raises:
        ProfileError: The model, or the loss, fails on the batch.
    """
    weights = weights_of(module)
    with seeded(subject.seed), torch.enable_grad():
        outputs = run(subject, module, batch.inputs)
        return differentiate(_find_loss(subject, outputs, batch), weights)


def differentiate(result: torch.Tensor, weights: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The gradient of a number by each weight, dense; zero where the number does not depend on it."""
    if not weights or not result.requires_grad:
        return [torch.zeros_like(weight) for weight in weights]
    found = torch.autograd.grad(result, weights, allow_unused=True, materialize_grads=True)
    return [gradient.detach().to_dense() for gradient in found]


def run(subject: Subject, module: torch.nn.Module, inputs: tuple[Any, ...]) -> Any:
    """What the model gives for ``inputs``.

    Raises:
        ProfileError: It fails.
    """
    try:
        return module(*inputs)
    except Exception as error:
        raise explain(f"{subject.name} cannot be run", error) from error


def _find_loss(subject: Subject, outputs: Any, batch: Batch) -> torch.Tensor:
    try:
        return subject.data.find_loss(outputs, batch)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise explain(f"the loss of {subject.name} cannot be computed", error) from error
