"""Choices among the arguments of evaluators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix import Evaluator, FunctionalEvaluator
from retix.errors import EvaluationError, SpaceError
from retix.evaluator import OpenEvaluator
from retix.evaluator.pytorch import Classification, DataLoader
from retix.recipe import dumps, loads, serialize


def score(model_cls: Callable[[], Any], rate: float = 0.1, names: Any = (), step: Any = None) -> float:
    """Stands for training."""
    return rate


class Schedule:
    """Something that an evaluator is given; it refuses to be short."""

    def __init__(self, length: int) -> None:
        if length < 2:
            raise ValueError("too short")
        self.length = length


def make_loader(**arguments: Any) -> Any:
    """A loader of eight samples."""
    data = torch.utils.data.TensorDataset(torch.zeros(8, 4), torch.zeros(8, dtype=torch.long))
    return DataLoader(data, **arguments)


def test_arguments_of_a_function() -> None:
    """Expressions are found and filled wherever they stand, and what is beside them stays the same object."""
    rate = nn.ValueChoice([0.1, 0.01], label="rate")
    kept = object()
    open_evaluator = OpenEvaluator(FunctionalEvaluator(score, rate=rate * 2, names=[kept, {"first": rate}]))
    assert list(open_evaluator.arguments) == ["evaluator.rate", "evaluator.names[1].first"]
    filled = open_evaluator.fill({"rate": 0.01})
    assert isinstance(filled, FunctionalEvaluator)
    assert filled.arguments == {"rate": 0.02, "names": [kept, {"first": 0.01}]}
    assert open_evaluator.evaluator.arguments["rate"] == 0.2  # the first answer


def test_labels_by_place() -> None:
    """A choice without a label is named after the argument that it is met in first, and stays one choice."""
    rate = nn.ValueChoice([1, 2])
    open_evaluator = OpenEvaluator(FunctionalEvaluator(score, rate=rate, names=(rate + 1,)))
    labels = [d.label for e in open_evaluator.arguments.values() for d in e.decisions()]
    assert labels == ["evaluator.rate", "evaluator.rate"]
    assert open_evaluator.fill({"evaluator.rate": 2}).arguments == {"rate": 2, "names": (3,)}
    taken = OpenEvaluator(FunctionalEvaluator(score, rate=rate, step=nn.ValueChoice([5], label="evaluator.rate")))
    assert [d.label for d in taken.arguments["evaluator.rate"].decisions()] == ["evaluator.rate_1"]


def test_arguments_of_a_trainer_and_its_loaders() -> None:
    """Learning rate, epochs and the batch size are filled; the data set stays the same object."""
    loader = make_loader(batch_size=nn.ValueChoice([2, 4], label="batch"))
    evaluator = Classification(
        learning_rate=nn.ValueChoice([1e-3, 1e-2], label="lr"),
        train_dataloaders=loader,
        val_dataloaders=make_loader(batch_size=4),
        max_epochs=nn.ValueChoice([1, 2], label="epochs"),
    )
    open_evaluator = OpenEvaluator(evaluator)
    assert list(open_evaluator.arguments) == [
        "evaluator.learning_rate",
        "evaluator.train_dataloaders.batch_size",
        "evaluator.max_epochs",
    ]
    filled = open_evaluator.fill({"lr": 1e-2, "batch": 4, "epochs": 2})
    assert isinstance(filled, Classification)
    assert (filled.trainer.max_epochs, filled.train_dataloaders.batch_size) == (2, 4)
    assert filled.train_dataloaders.dataset is loader.dataset
    assert filled.val_dataloaders is evaluator.val_dataloaders
    again = loads(dumps(filled))
    assert (again.trainer.max_epochs, again.train_dataloaders.batch_size) == (2, 4)


def test_nested_objects_and_partials() -> None:
    """What `serialize` made is made again with the chosen values."""
    schedule = serialize(Schedule, nn.ValueChoice([2, 3, 1], label="length"))
    step = functools.partial(max, 1, nn.ValueChoice([4, 5], label="most"))
    open_evaluator = OpenEvaluator(FunctionalEvaluator(score, names=schedule, step=step))
    assert list(open_evaluator.arguments) == ["evaluator.names.length", "evaluator.step[1]"]
    filled = open_evaluator.fill({"length": 3, "most": 5})
    assert (filled.arguments["names"].length, filled.arguments["step"]()) == (3, 5)
    with pytest.raises(EvaluationError, match=r"Schedule\(1\) cannot be made: ValueError: too short"):
        open_evaluator.fill({"length": 1, "most": 5})


class Own(Evaluator):
    """A user's evaluator."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def evaluate(self, model_cls: Callable[[], Any]) -> float:
        return self.rate


def test_an_evaluator_of_ones_own() -> None:
    """It needs no decorator; without choices it stays the same object, and a missing answer is named."""
    evaluator = Own(0.5)
    assert OpenEvaluator(evaluator).fill({}) is evaluator
    open_evaluator = OpenEvaluator(Own(nn.ValueChoice([0.5, 0.25], label="rate")))
    assert open_evaluator.fill({"rate": 0.25}) == Own(0.25)
    with pytest.raises(SpaceError, match="'rate' has no answer"):
        open_evaluator.fill({})


def test_classes_as_candidates() -> None:
    """An optimizer is chosen by its name."""
    optimizer = nn.ValueChoice([torch.optim.Adam, torch.optim.SGD], label="optimizer")
    evaluator = Classification(optimizer=optimizer, train_dataloaders=make_loader(), val_dataloaders=make_loader())
    open_evaluator = OpenEvaluator(evaluator)
    (decision,) = open_evaluator.arguments["evaluator.optimizer"].decisions()
    chosen = [open_evaluator.fill({"optimizer": name}).module.optimizer for name in decision.candidates]
    assert chosen == [torch.optim.Adam, torch.optim.SGD]
