"""Random numbers, as if nobody had drawn any."""

from __future__ import annotations

import random
import threading

import numpy
import torch

from retix.measures import GradNorm, Subject
from retix.measures.data import make_data
from retix.measures.generators import seeded
from tests.measures.nets import ConvNet, make_images


def draw() -> tuple[float, float, float]:
    """One number of each generator."""
    return random.random(), float(numpy.random.rand()), float(torch.rand(()))


def test_the_seed_decides_and_nobody_notices() -> None:
    """Inside, the seed decides, in nested blocks too; outside, the generators go on as if nothing had been drawn."""
    states = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    following = draw()
    random.setstate(states[0])
    numpy.random.set_state(states[1])
    torch.set_rng_state(states[2])
    with seeded(1):
        first = draw()
        with seeded(2):
            other = draw()
        second = draw()
    with seeded(1):
        assert (draw(), draw()) == (first, second)
    assert other not in (first, second)
    assert draw() == following


def test_threads_do_not_disturb_each_other() -> None:
    """Models measured by several threads at a time have the values that they have alone."""
    data = make_data([make_images()])
    expected = GradNorm()(Subject(ConvNet, lambda: data))
    found: list[float] = []
    threads = [
        threading.Thread(target=lambda: found.append(GradNorm()(Subject(ConvNet, lambda: data)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
