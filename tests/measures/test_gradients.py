"""The gradient norm, and ZiCo."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from retix.errors import ProfileError
from retix.measures import GradNorm, Subject, ZiCo
from tests.measures.nets import ConvNet, Plain, make_images


def find_gradients(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> list[numpy.ndarray]:
    """The gradients of the weights of a batch, by backward."""
    net.zero_grad()
    F.cross_entropy(net(batch[0]), batch[1]).backward()
    return [p.grad.numpy().astype(numpy.float64).copy() for p in net.parameters() if p.grad is not None and p.dim() > 1]


def make_net() -> nn.Module:
    """A network without randomness."""
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10))


def test_grad_norm_is_the_sum_of_norms() -> None:
    """The norms of the gradients of convolution and linear layer, without biases and norms."""
    net, batch = make_net(), make_images()
    expected = sum(numpy.linalg.norm(gradient) for gradient in find_gradients(net, batch))
    assert GradNorm()(Subject.of(net, [batch])) == pytest.approx(expected, rel=1e-5)


def test_zico_is_what_is_computed_directly() -> None:
    """Per layer the logarithm of the sum of mean |g| / std g over the batches, as the paper has it."""
    net, batches = make_net(), [make_images(seed=seed) for seed in range(3)]
    expected = 0.0
    for layer in zip(*(find_gradients(net, batch) for batch in batches), strict=True):
        stack = numpy.stack(layer)
        std = stack.std(0)
        expected += math.log((numpy.abs(stack).mean(0)[std > 0] / std[std > 0]).sum())
    assert ZiCo()(Subject.of(net, batches)) == pytest.approx(expected, rel=1e-4)


def test_zico_halves_a_single_batch() -> None:
    """One batch counts as its two halves; equal batches have no deviation, so that nothing counts."""
    net, (x, y) = make_net(), make_images()
    halves = [(x[:3], y[:3]), (x[3:], y[3:])]
    assert ZiCo()(Subject.of(net, [(x, y)])) == ZiCo()(Subject.of(net, halves))
    assert ZiCo()(Subject.of(net, [(x, y), (x, y)])) == 0.0
    one = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    assert ZiCo()(Subject.of(one, [(x[:1], y[:1])])) == 0.0


def test_models_without_weights_have_zero() -> None:
    """A model without weights is measured, and so is one whose gradients are not finite."""
    x, y = make_images()
    for measure in (GradNorm(), ZiCo()):
        assert measure(Subject.of(Plain(), [(x, y)])) == 0.0
        assert measure(Subject.of(ConvNet(), [(x * math.nan, y)])) == 0.0


def test_the_loss_is_the_evaluators() -> None:
    """A loss that is given takes the place of cross entropy, and numbers as targets mean a regression."""
    net, (x, _) = nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False)), make_images()
    target = torch.linspace(-1, 1, 6)
    weight = net[1].weight
    (gradient,) = torch.autograd.grad(((net(x).flatten() - target) ** 2).mean(), weight)
    by_itself = GradNorm()(Subject.of(net, [(x, target)]))
    assert by_itself == pytest.approx(float(gradient.norm()), rel=1e-5)
    tripled = GradNorm()(Subject.of(net, [(x, target)], lambda out, t: 3 * F.mse_loss(out.flatten(), t)))
    assert tripled == pytest.approx(3 * by_itself, rel=1e-5)


def test_without_targets_classes_are_drawn() -> None:
    """Inputs alone are enough: classes are drawn, always the same."""
    net, (x, _) = make_net(), make_images()
    found = GradNorm()(Subject.of(net, [x]))
    assert found > 0
    assert found == GradNorm()(Subject.of(net, [x]))
    assert GradNorm()(Subject.of(nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)), [x])) > 0


def test_a_loss_that_does_not_fit_is_explained() -> None:
    """Outputs and targets that do not go together, and outputs that are no tensor, are errors in words."""
    x, y = make_images()
    with pytest.raises(ProfileError, match="the loss of Sequential cannot be computed"):
        GradNorm()(Subject.of(make_net(), [(x, y[:2])]))
    with pytest.raises(ProfileError, match="outputs that are a tuple"):
        GradNorm()(Subject.of(nn.LSTM(8, 4), [x[:, 0]]))
