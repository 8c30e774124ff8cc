"""Trainers: quiet unless asked, made again for every trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch
import pytest
import pytorch_lightning
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, ModelSummary
from pytorch_lightning.loggers import CSVLogger

from retix.errors import EvaluationError, RecipeError
from retix.evaluator.framework import framework_of
from retix.evaluator.pytorch.lightning import Trainer
from retix.evaluator.trainer import complete_arguments, renew_trainer
from retix.recipe import recipe_of, serialize


def renew(trainer: Any) -> Any:
    """A new trainer like this one."""
    framework = framework_of(trainer)
    assert framework is not None
    return renew_trainer(trainer, framework)


def test_trainers_are_quiet_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    """No logger, no callbacks with files or output, and no greeting."""
    trainer: Any = Trainer(max_epochs=2, accelerator="cpu")
    assert trainer.max_epochs == 2
    assert trainer.loggers == []
    assert trainer.callbacks == []
    assert isinstance(trainer, pytorch_lightning.Trainer)
    assert capfd.readouterr() == ("", "")


def test_what_is_asked_for_is_there(tmp_path: Path) -> None:
    """Arguments and callbacks that are given win over the quiet defaults."""
    checkpoint, summary = ModelCheckpoint(dirpath=tmp_path), ModelSummary()
    trainer: Any = Trainer(logger=CSVLogger(tmp_path), callbacks=[checkpoint, summary], enable_progress_bar=True)
    assert len(trainer.loggers) == 1
    assert trainer.checkpoint_callbacks == [checkpoint]
    assert summary in trainer.callbacks
    assert trainer.progress_bar_callback is not None
    assert Trainer(callbacks=ModelCheckpoint(dirpath=tmp_path)).checkpoint_callback is not None


def test_unknown_arguments_are_refused_with_the_likely_name() -> None:
    """A misspelled argument fails where the trainer is made."""
    with pytest.raises(EvaluationError, match="no argument 'max_epoch'") as caught:
        Trainer(max_epoch=2)
    assert "max_epochs" in str(caught.value)
    with pytest.raises(EvaluationError, match="qqq"):
        Trainer(qqq=2)


def test_arguments_of_lightning_1() -> None:
    """The spellings in NNI's scripts mean what they meant."""
    trainer: Any = Trainer(gpus=0, progress_bar_refresh_rate=0, checkpoint_callback=False, weights_summary=None)
    assert trainer.callbacks == []
    shown: Any = Trainer(gpus=None, progress_bar_refresh_rate=1, checkpoint_callback=True, weights_summary="top")
    assert shown.progress_bar_callback is not None
    assert shown.checkpoint_callback is not None


def test_a_new_trainer_shares_nothing_with_the_old_one() -> None:
    """Callbacks, which keep state, are new as well."""
    trainer: Any = Trainer(max_epochs=3, callbacks=[EarlyStopping("val_loss", patience=7)], accelerator="cpu")
    new = renew(trainer)
    assert new is not trainer
    assert new.max_epochs == 3
    (old_callback,), (new_callback,) = trainer.callbacks, new.callbacks
    assert new_callback is not old_callback
    assert new_callback.patience == 7
    assert type(new) is Trainer


@pytest.mark.parametrize("package", [pytorch_lightning, lightning.pytorch])
def test_a_serialized_trainer_becomes_quiet(package: Any) -> None:
    """A trainer of either package that remembers its arguments is renewed without files and output."""
    trainer = serialize(package.Trainer, max_epochs=2, logger=False, accelerator="cpu")
    assert trainer.checkpoint_callback is not None
    new = renew(trainer)
    assert type(new) is package.Trainer
    assert new.callbacks == []
    assert new.max_epochs == 2


@pytest.mark.parametrize("package", [pytorch_lightning, lightning.pytorch])
def test_a_plain_trainer_is_copied(package: Any) -> None:
    """A trainer that remembers nothing is copied as it is."""
    trainer = package.Trainer(max_epochs=2, logger=False, enable_progress_bar=False, accelerator="cpu")
    assert recipe_of(trainer) is None
    new = renew(trainer)
    assert new is not trainer
    assert new.max_epochs == 2
    assert len(new.callbacks) == len(trainer.callbacks)


def test_a_trainer_that_cannot_be_copied_is_refused() -> None:
    """A callback with a live resource is named."""
    callback = EarlyStopping("val_loss")
    callback.resource = (i for i in range(3))  # type: ignore[attr-defined]  # users do such things
    with pytest.raises(RecipeError, match="generator"):
        renew(Trainer(callbacks=[callback]))


@pytest.mark.parametrize(
    ("given", "devices"), [({}, 1), ({"devices": 4}, 4), ({"strategy": "ddp"}, None), ({"num_nodes": 2}, None)]
)
def test_a_trial_takes_one_device(given: dict[str, Any], devices: int | None) -> None:
    """Only who says so trains one model on several devices."""
    framework = framework_of(Trainer)
    assert framework is not None
    assert complete_arguments(given, framework).get("devices") == devices
