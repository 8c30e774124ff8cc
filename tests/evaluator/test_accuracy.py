"""Accuracy from raw scores."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retix.evaluator.pytorch.lightning import AccuracyWithLogits


@pytest.mark.parametrize(
    ("pred", "target", "accuracy"),
    [
        (torch.tensor([[0.1, 2.0], [3.0, 1.0]]), torch.tensor([1, 1]), 0.5),
        (torch.tensor([[0.1, 2.0], [3.0, 1.0]]), torch.tensor([[0.2, 0.8], [0.9, 0.1]]), 1.0),
        (torch.tensor([[-1.0], [2.0], [3.0]]), torch.tensor([0.0, 1.0, 0.0]), 2 / 3),
        (torch.tensor([[-1.0], [2.0]]), torch.tensor([[0.0], [0.0]]), 0.5),
        (torch.tensor([-1.0, 2.0]), torch.tensor([0, 1]), 1.0),
        (torch.zeros(1, 2, 4).index_fill_(1, torch.tensor(1), 1.0), torch.tensor([[1, 1, 1, 0]]), 0.75),
    ],
    ids=["classes", "soft labels", "one column", "one column each", "one number", "pixels"],
)
def test_accuracy(pred: Tensor, target: Tensor, accuracy: float) -> None:
    """The share of right answers, whatever the task's shapes."""
    metric = AccuracyWithLogits()
    metric.update(pred, target)
    assert metric.compute().item() == pytest.approx(accuracy)


def test_accuracy_accumulates_over_uneven_batches() -> None:
    """Every sample counts the same, not every batch."""
    metric = AccuracyWithLogits()
    metric.update(torch.eye(3), torch.arange(3))
    metric.update(torch.eye(3)[:1], torch.tensor([2]))
    assert metric.compute().item() == pytest.approx(0.75)
    metric.reset()
    metric.update(torch.eye(3), torch.arange(3))
    assert metric.compute().item() == 1.0
