"""Whether a space and a strategy are the ones that a search began with."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.experiment.record.signature import find_difference, sign_space, sign_strategy
from retix.strategy import GridSearch, Random, RegularizedEvolution
from tests.experiment.nets import Chain, Gated
from tests.experiment.searching import make_space


class Wider(Chain):
    """One answer more."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([1, 2, 3, 4, 5, 6, 7], label="width")
        self.first = nn.Linear(4, width)
        self.last = nn.Linear(width, 2)


class Other(Chain):
    """The same choices, and another network."""

    def forward(self, x: torch.Tensor) -> Any:
        return self.last(torch.relu(self.first(x)))


def sign(module: torch.nn.Module) -> dict[str, Any]:
    """The signature of a space, as it is after it was written and read; all are called the same."""
    return {**json.loads(json.dumps(sign_space(make_space(module)))), "model": "Net"}


def test_equal_spaces_have_equal_signatures() -> None:
    """A space that is made again differs in nothing."""
    assert find_difference(sign(Chain()), sign(Chain())) is None


@pytest.mark.parametrize(
    ("module", "what"),
    [
        (Wider(), "the choice 'width' had the candidates ["),
        (Gated(), "the choice 'width' is not there any more"),
        (Other(), "the base model computes something else"),
    ],
    ids=["candidates", "choices", "network"],
)
def test_another_space_is_told_by_its_difference(module: torch.nn.Module, what: str) -> None:
    """The first difference is named."""
    assert what in str(find_difference(sign(Chain()), sign(module)))


def test_strategies_differ_by_class_and_settings() -> None:
    """The seed, which may have been drawn, is none of them."""
    evolution = sign_strategy(RegularizedEvolution(population_size=5, sample_size=2))
    assert find_difference(evolution, sign_strategy(RegularizedEvolution(population_size=5, sample_size=2))) is None
    other = sign_strategy(RegularizedEvolution(population_size=6, sample_size=2, seed=3))
    assert find_difference(evolution, other) == "population_size was 5 and is 6"
    assert find_difference(sign_strategy(Random()), sign_strategy(GridSearch())) == (
        "the class was 'Random' and is 'GridSearch'"
    )
