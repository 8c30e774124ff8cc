"""An evaluator that trains nothing."""

from __future__ import annotations

import pytest
import torch

from retix.errors import ConfigError, EvaluationError
from retix.evaluator import reporting
from retix.evaluator.pytorch.lightning import DataLoader
from retix.measures import NASWOT, ProxyEvaluator, Subject
from retix.measures.data import make_data
from retix.recipe import dumps, loads
from tests.evaluator.samples import Listener, Net, Signs


def make_loader() -> DataLoader:
    """Twelve points in batches of four."""
    return DataLoader(Signs(12), batch_size=4)


def test_the_first_measure_is_the_result() -> None:
    """All are reported by name; which way is better follows from the first."""
    evaluator = ProxyEvaluator(["grad_norm", NASWOT(), "parameters"], make_loader())
    listener = Listener()
    with reporting(listener):
        evaluator.evaluate(Net)
    (metrics,) = listener.finals
    assert list(metrics) == ["default", "grad_norm", "naswot", "parameters"]
    assert metrics["default"] == metrics["grad_norm"] > 0
    assert metrics["parameters"] == 10
    assert evaluator.optimize_mode == "maximize"
    assert ProxyEvaluator("parameters").optimize_mode == "minimize"


def test_it_travels_and_repeats() -> None:
    """A worker's copy scores as the original, however its random numbers stand."""
    evaluator = ProxyEvaluator(["synflow", "zico"], make_loader(), criterion=torch.nn.CrossEntropyLoss)
    first = evaluator._execute(Net)
    torch.rand(7)
    assert loads(dumps(evaluator))._execute(Net) == first
    assert ProxyEvaluator("zico", loader := make_loader()) == ProxyEvaluator("zico", loader)


def test_it_gives_its_data_to_others() -> None:
    """As the evaluator of a space it tells inputs, batches and loss."""
    evaluator = ProxyEvaluator("naswot", make_loader(), criterion=torch.nn.CrossEntropyLoss())
    inputs = evaluator.example_inputs()
    assert inputs is not None
    assert inputs[0].shape == (2, 4)
    assert [len(y) for _, y in evaluator.sample_batches(5)] == [4, 4, 4]
    assert isinstance(evaluator.loss_function, torch.nn.CrossEntropyLoss)


def test_what_is_missing_is_said() -> None:
    """No data, no measure, and an unknown one are errors before a search begins."""
    with pytest.raises(EvaluationError, match="train_dataloaders"):
        ProxyEvaluator("naswot").check()
    with pytest.raises(EvaluationError, match="no measure"):
        ProxyEvaluator([], make_loader())
    with pytest.raises(ConfigError, match="there is no measure 'nasvot'"):
        ProxyEvaluator("nasvot", make_loader())


def test_the_score_is_the_measures() -> None:
    """What is reported is what the measure says of the same model and data."""
    evaluator = ProxyEvaluator("naswot", make_loader(), seed=3)
    data = make_data(evaluator.sample_batches(2))
    assert evaluator._execute(Net)["default"] == NASWOT()(Subject(Net, lambda: data, seed=3))
