"""What users' strategies are built of, and trying one model."""

from __future__ import annotations

import pytest
import torch

import retix.nn.pytorch as nn
from retix import DebugEvaluator
from retix.compat import ChooseFirstSampler, dry_run_for_formatted_search_space, preprocess_model
from retix.strategy.local_debug_strategy import _LocalDebugStrategy
from retix.strategy.utils import dry_run_for_search_space, filter_model, get_targeted_model


class Net(nn.Module):
    """Two layers to choose."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.LayerChoice([nn.Linear(2, 2), nn.Tanh()], label="a")
        self.b = nn.LayerChoice([nn.Linear(2, 2), nn.ReLU(), nn.Tanh()], label="b")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply both."""
        return self.b(self.a(x))


def test_spaces_and_samples() -> None:
    """A space lists candidates by mutator and number; a sample of it makes a model."""
    model, mutators = preprocess_model(Net(), DebugEvaluator(), None)
    space = dry_run_for_search_space(model, mutators)
    assert [len(candidates) for candidates in space.values()] == [2, 3]
    sample = {key: candidates[-1] for key, candidates in space.items()}
    made = get_targeted_model(model, mutators, sample)
    types = {node.type for node in made.nodes()}
    assert any("Tanh" in str(name) for name in types)
    assert not any("Linear" in str(name) for name in types)
    assert dry_run_for_formatted_search_space(model, mutators)["a"]["_type"] == "choice"


def test_filters() -> None:
    """None lets all pass."""
    model, _ = preprocess_model(Net(), DebugEvaluator(), None)
    assert filter_model(None, model)
    assert not filter_model(lambda _: False, model)


def test_the_first_of_all() -> None:
    """The sampler takes the first candidates."""
    model, mutators = preprocess_model(Net(), DebugEvaluator(), None)
    for mutator in mutators:
        model = mutator.bind_sampler(ChooseFirstSampler()).apply(model)
    assert sum("Linear" in str(node.type) for node in model.nodes()) == 2


def test_the_debug_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    """It evaluates one model here and now."""
    model, mutators = preprocess_model(Net(), DebugEvaluator(), None)
    _LocalDebugStrategy().run(model, mutators)
    assert "final result: default=0" in capsys.readouterr().out
