"""Latency."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retix.errors import ConfigError, ProfileError
from retix.measures import Latency, Subject
from tests.measures.nets import ConvNet, make_images

SEEN: list[Any] = []


class Slow(nn.Module):
    """Takes 2 ms per sample in eval mode, and notes what it is given."""

    def forward(self, x: Tensor) -> Tensor:
        SEEN.append((tuple(x.shape), self.training, torch.is_grad_enabled()))
        time.sleep(0.002 * len(x))
        return x


def test_latency_is_the_time_of_a_batch() -> None:
    """The model runs in eval mode without gradients, as often as was said, on batches of the size that was said."""
    SEEN.clear()
    taken = Latency(batch_size=5, repeats=3, warmup=2)(Subject.of(Slow(), [torch.ones(2, 3)]))
    assert taken >= 0.01
    assert SEEN == [((5, 3), False, False)] * 5


def test_inputs_as_they_are() -> None:
    """Without a batch size, the example inputs are the batch."""
    SEEN.clear()
    Latency(repeats=1, warmup=0)(Subject.of(Slow(), [torch.ones(2, 3)]))
    assert SEEN == [((2, 3), False, False)]


@pytest.mark.parametrize("arguments", [{"repeats": 0}, {"warmup": -1}, {"batch_size": 0}, {"device": "tpu7"}])
def test_impossible_settings(arguments: dict[str, Any]) -> None:
    """Settings without a meaning are refused where they are given."""
    with pytest.raises(ConfigError):
        Latency(**arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there() -> None:
    """A device that this machine lacks is named."""
    with pytest.raises(ConfigError, match="'cuda' cannot be used here"):
        Latency("cuda")(Subject.of(ConvNet(), [make_images()]))


def test_a_model_that_fails() -> None:
    """A model that does not take the inputs is an error in words."""
    with pytest.raises(ProfileError, match="ConvNet cannot be run on cpu"):
        Latency()(Subject.of(ConvNet(), [torch.ones(2, 3)]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_latency_on_cuda() -> None:
    """On a GPU the time is that until the work is done: 64 products of large matrices take their time."""

    class Large(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(64):
                x = (x @ x) / 4096
            return x

    assert Latency("cuda", repeats=3, warmup=2)(Subject.of(Large(), [torch.rand(4096, 4096)])) > 0.002
