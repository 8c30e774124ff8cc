"""What is measured, and that nothing is left of it."""

from __future__ import annotations

import random

import numpy
import pytest
import torch
from torch import nn

from retix.errors import ProfileError
from retix.measures import Latency, Measure, Subject, list_measures
from retix.measures.data import Data
from tests.measures.nets import ConvNet, Plain, Words, make_images

MEASURES = list(list_measures([Latency(repeats=2, warmup=0)]).values())
QUICK = [measure for measure in MEASURES if measure.name != "latency"]


@pytest.mark.parametrize("measure", MEASURES, ids=str)
def test_measuring_leaves_no_trace(measure: Measure) -> None:
    """Neither the model, its mode and its gradients, nor the data, nor a random number generator is touched."""
    net, (x, y) = ConvNet().eval(), make_images()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    image = x.clone()
    states = random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    measure(Subject.of(net, [(x, y), make_images(seed=1)]))
    assert (random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == states
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not net.training
    assert all(parameter.grad is None and parameter.dtype == torch.float for parameter in net.parameters())
    assert torch.equal(x, image)


@pytest.mark.parametrize("measure", QUICK, ids=str)
def test_the_seed_decides(measure: Measure) -> None:
    """Two subjects that are made alike measure alike, dropout included."""
    batches = [make_images(), make_images(seed=1)]
    data = Subject.of(Plain(), batches).data
    first, second = (measure(Subject(ConvNet, lambda: data)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("measure", MEASURES, ids=str)
@pytest.mark.parametrize("net", [Plain(), Words(), nn.Flatten()], ids=lambda net: type(net).__name__)
def test_every_measure_takes_every_model(measure: Measure, net: nn.Module) -> None:
    """Models without parameters, and models of indices with attention, have finite values."""
    batch = (torch.arange(8).reshape(4, 2), torch.tensor([0, 1, 2, 0])) if isinstance(net, Words) else make_images()
    assert abs(measure(Subject.of(net, [batch]))) < 1e6


def test_weights_are_drawn_from_the_seed() -> None:
    """Each build gives the same weights, and another seed gives others."""
    one, same, other = (Subject(ConvNet, lambda: Data(()), seed=seed).build() for seed in (1, 1, 2))
    assert torch.equal(one.conv.weight, same.conv.weight)
    assert not torch.equal(one.conv.weight, other.conv.weight)


def test_a_model_that_cannot_be_built() -> None:
    """What the constructor raises is told."""

    def fail() -> nn.Module:
        raise ValueError("no such width")

    with pytest.raises(ProfileError, match="the model cannot be built: ValueError: no such width"):
        _ = Subject(fail, lambda: Data(())).n_parameters
