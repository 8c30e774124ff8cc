"""One fit: what is reported of what is logged."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from torch import Tensor, nn

import retix.evaluator.pytorch.lightning as pl
from retix.errors import EvaluationError
from retix.evaluator import report_final_result, report_intermediate_result, reporting
from retix.recipe import serialize
from tests.evaluator.samples import Listener, Net, make_classification, make_loader


class Logging(pl.LightningModule):
    """Logs a validation metric under a name."""

    def __init__(self, name: str = "default"):
        super().__init__()
        self.name = name

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log(self.name, 0.5)
        self.log("val_other", 2.0)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Reporting(Logging):
    """Reports as modules for NNI do, and logs what would be reported otherwise."""

    def on_validation_epoch_end(self) -> None:
        report_intermediate_result(self.trainer.callback_metrics["default"].item() + 1)

    def on_fit_end(self) -> None:
        report_final_result(7)


class ReportingInTraining(Logging):
    """Reports in the training epoch, with validation logged under another name."""

    def __init__(self) -> None:
        super().__init__("score")

    def on_train_epoch_end(self) -> None:
        report_intermediate_result(self.current_epoch)

    def on_fit_end(self) -> None:
        report_final_result(self.current_epoch)


class Interrupted(Logging):
    """The user presses Ctrl-C while it trains."""

    def on_train_epoch_start(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def make_lightning(module: Any, **trainer_kwargs: Any) -> pl.Lightning:
    """An evaluator of two epochs, unless the arguments say otherwise."""
    trainer = pl.Trainer(**{"max_epochs": 2, "accelerator": "cpu", **trainer_kwargs})
    return pl.Lightning(module, trainer, make_loader(), make_loader())


def evaluate(evaluator: pl.Lightning, patience: int | None = None, net: Callable[[], nn.Module] = Net) -> Listener:
    """What a listener hears of one evaluation."""
    listener = Listener(patience)
    with reporting(listener):
        evaluator.evaluate(net)
    return listener


def defaults(listener: Listener) -> tuple[list[float], list[float]]:
    """The intermediate and the final defaults."""
    return [m["default"] for m in listener.intermediates], [m["default"] for m in listener.finals]


def test_one_intermediate_per_validation_and_one_final() -> None:
    """The accuracy is the default, and everything else of the validation stands beside it."""
    listener = evaluate(make_classification(max_epochs=3))
    assert len(listener.intermediates) == 3
    assert len(listener.finals) == 1
    assert listener.finals[0].keys() == {"default", "val_acc", "val_loss"}
    assert listener.finals[0] == listener.intermediates[-1]
    assert listener.finals[0]["default"] == listener.finals[0]["val_acc"]


@pytest.mark.parametrize("sanity_steps", [0, 2, -1])
@pytest.mark.parametrize("module", [pl.ClassificationModule(), Reporting()])
def test_the_sanity_check_is_not_reported(sanity_steps: int, module: Any) -> None:
    """The validation before the first epoch counts for nobody, whoever reports."""
    listener = evaluate(make_lightning(module, num_sanity_val_steps=sanity_steps))
    assert len(listener.intermediates) == 2


def test_intermediates_follow_the_validation() -> None:
    """Validation every other epoch, or twice per epoch, is reported as often."""
    assert len(evaluate(make_classification(max_epochs=4, check_val_every_n_epoch=2)).intermediates) == 2
    assert len(evaluate(make_classification(val_check_interval=1)).intermediates) == 3


@pytest.mark.parametrize("make", [make_classification, lambda **k: make_lightning(ReportingInTraining(), **k)])
def test_stopping_early(make: Callable[..., pl.Lightning]) -> None:
    """The answer False ends the training after the epoch, with a final result, whoever reports."""
    listener = evaluate(make(max_epochs=50), patience=2)
    assert len(listener.intermediates) == 2
    assert len(listener.finals) == 1


def test_a_logged_default_is_reported() -> None:
    """A module of the user's own says by the name `default` what counts."""
    listener = evaluate(make_lightning(Logging()))
    assert listener.intermediates == [{"default": 0.5, "val_other": 2.0}] * 2
    assert listener.finals == [{"default": 0.5, "val_other": 2.0}]


def test_a_module_that_reports_is_not_spoken_for() -> None:
    """What the module reports by itself counts, although it logs a default too."""
    assert defaults(evaluate(make_lightning(Reporting()))) == ([1.5, 1.5], [7.0])
    assert defaults(evaluate(make_lightning(ReportingInTraining()))) == ([0.0, 1.0], [2.0])


def test_a_silent_module_is_told_what_to_do() -> None:
    """No other logged name is guessed; the error lists what was logged."""
    with pytest.raises(EvaluationError, match="logged: val_acc, val_other") as caught:
        evaluate(make_lightning(Logging("val_acc")))
    assert "self.log('default', metric)" in str(caught.value)


def test_training_without_validation_is_explained() -> None:
    """Where validation never runs, the error names the metric that is missing."""
    with pytest.raises(EvaluationError, match="without val_acc") as caught:
        evaluate(make_classification(check_val_every_n_epoch=5, num_sanity_val_steps=0))
    assert "check_val_every_n_epoch" in str(caught.value)


@pytest.mark.parametrize("package", [pytorch_lightning, lightning.pytorch])
def test_modules_and_trainers_of_both_packages(package: Any) -> None:
    """A plain module gets the model as an attribute, and a serialized trainer of its package trains it."""

    class Plain(package.LightningModule):  # type: ignore[misc]  # the base is a parameter
        training_step = Logging.training_step
        validation_step = Logging.validation_step
        configure_optimizers = Logging.configure_optimizers
        name = "default"

    trainer = serialize(package.Trainer, max_epochs=1, logger=False, accelerator="cpu")
    listener = evaluate(pl.Lightning(Plain(), trainer, make_loader(), make_loader()))
    assert defaults(listener) == ([0.5], [0.5])


def test_an_interrupt_stays_an_interrupt() -> None:
    """Ctrl-C ends the evaluation as such, and the next one still works."""
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        evaluate(make_lightning(Interrupted()))
    assert signal.getsignal(signal.SIGINT) is handler


def test_errors_of_the_model_come_through() -> None:
    """A model that does not fit its data fails with torch's own error."""
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        evaluate(make_classification(), net=lambda: nn.Linear(3, 2))
