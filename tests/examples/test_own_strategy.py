"""The example of one's own strategy: it keeps the contract, and its script searches."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
import torch

from retix.model_space import ModelSpace
from retix.strategy import Dedup, Strategy
from retix.testing import SPACES, StrategyContract

SCRIPT = Path(__file__).parent.parent.parent / "examples" / "own_strategy.py"


def load() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("own_strategy", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLE = load()


class TestAnnealing(StrategyContract):
    """What the example shows keeps the contract."""

    trials = 20
    spaces: ClassVar = {name: SPACES[name] for name in ("conditional", "picky", "no decision")}

    def make(self, seed: int | None) -> Strategy:
        strategy: Strategy = EXAMPLE.Annealing(seed=seed)
        return strategy


class TestWrappedAnnealing(TestAnnealing):
    """So does what is put around it."""

    trials = 12

    def make(self, seed: int | None) -> Strategy:
        return Dedup(super().make(seed))


def test_its_models_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it proposes of the example's space is a model that learns digits, and reports as an experiment expects."""
    reported: list[float] = []
    monkeypatch.setattr(EXAMPLE, "report_intermediate_result", reported.append)
    monkeypatch.setattr(EXAMPLE, "report_final_result", reported.append)
    space = ModelSpace(EXAMPLE.Net(), example_inputs=torch.zeros(1, 64))
    strategy = EXAMPLE.Annealing(seed=1)
    strategy.start(space)
    sample = strategy.ask().sample
    EXAMPLE.train(lambda: space.instantiate(sample), epochs=2)
    assert len(reported) == 3
    assert reported[0] > 0.3
    assert reported[1] == reported[2]
