"""The modules for supervised learning, by themselves."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn
from torchmetrics import MeanAbsoluteError

from retix.errors import EvaluationError
from retix.evaluator.pytorch.lightning import (
    ClassificationModule,
    LightningModule,
    RegressionModule,
    SupervisedLearningModule,
)
from tests.evaluator.samples import Net


def test_the_model_comes_as_a_class_or_as_it_is() -> None:
    """`set_model` makes a model of a class, and takes one that exists."""
    module, net = LightningModule(), Net()
    module.set_model(Net)
    assert isinstance(module.model, Net)
    module.set_model(net)
    assert module.model is net


def test_forward_calls_the_model() -> None:
    """The module computes what its model does."""
    module = ClassificationModule()
    module.set_model(Net)
    x = torch.ones(3, 4)
    assert torch.equal(module(x), module.model(x))


def test_optimizer_settings_reach_the_optimizer() -> None:
    """The optimizer is made with the learning rate and the weight decay."""
    module = RegressionModule(
        learning_rate=0.5, weight_decay=0.25, optimizer=functools.partial(torch.optim.SGD, momentum=0.9)
    )
    module.set_model(Net)
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.SGD)
    assert {key: optimizer.param_groups[0][key] for key in ("lr", "weight_decay", "momentum")} == {
        "lr": 0.5,
        "weight_decay": 0.25,
        "momentum": 0.9,
    }
    assert module.hparams.learning_rate == 0.5  # type: ignore[attr-defined]  # an AttributeDict


def test_models_are_compared_by_the_first_metric() -> None:
    """The default metric is the first one's validation value."""
    metrics = {"mae": MeanAbsoluteError, "other": MeanAbsoluteError}
    assert SupervisedLearningModule(nn.MSELoss, metrics).default_metric == "val_mae"
    assert ClassificationModule().default_metric == "val_acc"
    assert RegressionModule().default_metric == "val_mse"


def test_a_criterion_may_exist_already() -> None:
    """A loss with arguments is taken as a copy, so that trials share nothing."""
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    module = ClassificationModule(criterion)
    assert module.criterion is not criterion
    assert module.criterion.label_smoothing == 0.1


def test_wrong_arguments_are_named() -> None:
    """A function for a criterion, an optimizer that exists and an absence of metrics are refused."""
    with pytest.raises(EvaluationError, match=r"criterion=.*makes no loss"):
        ClassificationModule(nn.functional.cross_entropy)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(EvaluationError, match="optimizer is a SGD that exists"):
        ClassificationModule(optimizer=torch.optim.SGD(Net().parameters()))  # type: ignore[arg-type]  # likewise
    with pytest.raises(EvaluationError, match="has no metrics"):
        SupervisedLearningModule(nn.MSELoss, {})


def test_export_onnx_is_accepted() -> None:
    """NNI's default passes silently; a file name, which asks for a file, gets a warning that none is written."""
    ClassificationModule(export_onnx=True)
    with pytest.warns(UserWarning, match=r"model\.onnx is written"):
        RegressionModule(export_onnx="model.onnx")
