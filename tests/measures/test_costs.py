"""Parameters, FLOPs and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retix.errors import ConfigError, ProfileError
from retix.measures import Flops, Memory, Parameters, Subject
from retix.measures.data import make_data
from tests.measures.nets import make_images


def make_net() -> nn.Sequential:
    """A convolution, ReLU and a linear layer, whose costs are worked out by hand."""
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))


def of_module(batch: Any) -> Subject:
    """A network that is at hand, and has data."""
    return Subject.of(make_net(), [batch])


def of_recipe(batch: Any) -> Subject:
    """A network that is yet to be made, which needs no data."""
    return Subject(make_net, lambda: make_data([batch]))


@pytest.mark.parametrize("size", [1, 6])
@pytest.mark.parametrize("make", [of_module, of_recipe])
def test_costs_are_those_worked_out_by_hand(make: Callable[[Any], Subject], size: int) -> None:
    """Per sample: 4 x 64 outputs of 9 products and 10 outputs of 256; kept are the image and what ReLU gives."""
    subject = make(make_images(size))
    n_parameters = 4 * 9 + 4 + 256 * 10 + 10
    assert Parameters()(subject) == n_parameters
    assert Flops()(subject) == 2 * (4 * 64 * 9 + 256 * 10)
    assert Memory()(subject) == 4 * (n_parameters + 64 + 256)
    assert Memory(batch_size=32)(subject) == 4 * (n_parameters + 32 * (64 + 256))


def test_tied_weights_count_once() -> None:
    """A weight that two layers share is one parameter, and takes its memory once."""
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    subject = Subject.of(nn.Sequential(first, second), [torch.ones(1, 4)])
    assert Parameters()(subject) == 16
    assert Memory()(subject) == 4 * (16 + 4 + 4)


class Peeking(nn.Module):
    """Looks at its data, which the meta device does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        return self.layer(x) if x.sum() > 0 else x


def test_models_that_look_at_data_are_run_with_it() -> None:
    """What cannot be run without data is run with the example inputs."""
    assert Flops()(Subject.of(Peeking(), [torch.ones(3, 4)])) == 2 * 4 * 2
    assert Flops()(Subject.of(Peeking(), [-torch.ones(3, 4)])) == 0


def test_without_inputs_only_parameters_are_known() -> None:
    """Without anything to run a model on, the error says what to give; parameters need no run."""
    subject = Subject.of(make_net())
    assert Parameters()(subject) == 2610
    with pytest.raises(ProfileError, match="nothing is known of its inputs"):
        Flops()(subject)


def test_inputs_that_do_not_fit_are_explained() -> None:
    """A model that fails on the inputs is named with torch's own words."""
    with pytest.raises(ProfileError, match="Sequential cannot be run: RuntimeError"):
        Memory()(Subject.of(make_net(), [torch.ones(2, 3)]))


def test_an_empty_batch_has_no_memory() -> None:
    """A batch size below one is refused."""
    with pytest.raises(ConfigError, match="batch of 0"):
        Memory(batch_size=0)
