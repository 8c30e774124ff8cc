"""Pausing a Lightning training, and going on with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch
import numpy
import pytest
import pytorch_lightning
import torch
from torch import Tensor, nn

import retix.evaluator.pytorch.lightning as pl
from retix.evaluator import report_final_result, report_intermediate_result
from retix.recipe import serialize
from retix.trial import Verdict
from tests.evaluator.pausing import Judge, run, run_in_parts
from tests.evaluator.samples import make_loader


class Dropping(nn.Module):
    """A network with buffers, and with chance in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))

    def forward(self, x: Tensor) -> Any:
        return self.layers(x)


class Momentum(pl.ClassificationModule):
    """An optimizer with a state, and two schedulers' worth of learning rates."""

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)]


class Speaking(Momentum):
    """Reports by itself twice per epoch, in hooks of NNI's scripts, and a final result when all is done."""

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == 0:
            report_intermediate_result(float(outputs["loss"]))

    def on_train_epoch_end(self) -> None:
        report_intermediate_result(float(self.trainer.callback_metrics["val_loss"]))

    def on_fit_end(self) -> None:
        report_final_result(float(next(self.parameters()).detach().sum()))


def make_evaluator(module: Any = None, own_generator: bool = False, **trainer_kwargs: Any) -> pl.Lightning:
    """Five epochs, in which chance decides the order of the data and what is dropped."""
    generator = torch.Generator().manual_seed(3) if own_generator else None
    trainer = pl.Trainer(**{"max_epochs": 5, "accelerator": "cpu", **trainer_kwargs})
    loaders = make_loader(16, shuffle=True, generator=generator), make_loader(8)
    return pl.Lightning(module or Momentum(), trainer, *loaders)


def train(evaluator: pl.Lightning, states: list[dict[str, Tensor]]) -> Callable[[], None]:
    """What a trial does: it trains one network, whose state at the end of each attempt is kept in ``states``."""

    def go() -> None:
        for seed in (random.seed, numpy.random.seed, torch.manual_seed):
            seed(1)
        models: list[Dropping] = []

        def make() -> nn.Module:
            models.append(Dropping())
            return models[-1]

        try:
            evaluator.evaluate(make)
        finally:
            states.append({name: tensor.clone() for name, tensor in models[-1].state_dict().items()})

    return go


def compare(evaluator: pl.Lightning, directory: Path, *pauses: int) -> Judge:
    """Holds a training that is paused against one that is not: results and weights are equal, bit for bit."""
    states: list[dict[str, Tensor]] = []
    whole, verdict = run(train(evaluator, states), directory / "whole.pt")
    parts = run_in_parts(train(evaluator, states), directory / "parts.pt", *pauses)
    assert verdict is None
    assert parts.intermediates == whole.intermediates
    assert parts.finals == whole.finals
    assert len(whole.finals) == 1
    assert all(torch.equal(states[0][name], states[-1][name]) for name in states[0])
    return parts


@pytest.mark.parametrize("pauses", [(1, 3), (5,)])
@pytest.mark.parametrize("own_generator", [False, True])
def test_a_paused_training_equals_another(tmp_path: Path, pauses: tuple[int, ...], own_generator: bool) -> None:
    """Optimizer, schedules, buffers, dropout and the order of the data go on; also where nothing is left to train."""
    heard = compare(make_evaluator(own_generator=own_generator), tmp_path, *pauses)
    assert len(heard.intermediates) == 5


@pytest.mark.parametrize("pauses", [(3, 4, 6), (10,)])
def test_a_module_that_reports_by_itself(tmp_path: Path, pauses: tuple[int, ...]) -> None:
    """What it reports in the middle of an epoch may pause it too: the epoch goes on, its results are held back."""
    assert len(compare(make_evaluator(Speaking()), tmp_path, *pauses).intermediates) == 10


def test_validation_that_is_rarer_than_epochs(tmp_path: Path) -> None:
    """The final result may come from a validation before the pause."""
    assert len(compare(make_evaluator(check_val_every_n_epoch=4), tmp_path, 1).intermediates) == 1


def test_a_training_that_ends_by_itself(tmp_path: Path) -> None:
    """Where a callback of the user's ends the training, it is over, also if it is paused at that very moment."""
    stopping = pytorch_lightning.callbacks.EarlyStopping("val_loss", min_delta=9.0, patience=2)
    heard = compare(make_evaluator(callbacks=[stopping]), tmp_path, 1, 3)
    assert len(heard.intermediates) == 3


@pytest.mark.parametrize("package", [pytorch_lightning, lightning.pytorch])
def test_both_packages(tmp_path: Path, package: Any) -> None:
    """A plain module and a serialized trainer of either package go on too."""

    class Plain(package.LightningModule):  # type: ignore[misc]  # the base is a parameter
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("default", self.training_step(batch, batch_idx))

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters())

    trainer = serialize(package.Trainer, max_epochs=3, logger=False, accelerator="cpu")
    compare(pl.Lightning(Plain(), trainer, make_loader(16, shuffle=True), make_loader(8)), tmp_path, 2)


def test_stopping_ends_at_once(tmp_path: Path) -> None:
    """A stopped trial trains no further, whatever the least number of epochs, and keeps nothing."""
    states: list[dict[str, Tensor]] = []
    judge, verdict = run(train(make_evaluator(Speaking(), min_epochs=4), states), tmp_path / "c.pt", at_3=Verdict.STOP)
    assert verdict is Verdict.STOP
    assert (len(judge.intermediates), judge.finals) == (3, [])
    assert states[0]["layers.1.num_batches_tracked"] == 5  # four of the first epoch, and the one that was reported
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read means beginning anew, without reporting again, and the log says so."""
    go = train(make_evaluator(), [])
    path = tmp_path / "c.pt"
    whole, _ = run(go, tmp_path / "whole.pt")
    run(go, path, at_2=Verdict.PAUSE)
    path.write_bytes(path.read_bytes()[:2000])
    judge, _ = run(go, path, first_step=2)
    assert judge.intermediates == whole.intermediates[2:]
    assert "cannot be read, so that the trial begins anew" in capsys.readouterr().out


def test_a_checkpoint_that_is_ahead(tmp_path: Path) -> None:
    """A checkpoint with more results than the trial is known to have come to is not used: nothing is left out."""
    go = train(make_evaluator(), [])
    run(go, tmp_path / "c.pt", at_3=Verdict.PAUSE)
    assert len(run(go, tmp_path / "c.pt", first_step=1)[0].intermediates) == 4
    assert len(run(go, tmp_path / "c.pt")[0].intermediates) == 5


def test_the_second_training_of_a_trial_is_paused(tmp_path: Path) -> None:
    """The checkpoint is that of the training which ran when the trial was paused; those before it run again."""
    evaluator = make_evaluator(max_epochs=2)
    go = train(evaluator, [])

    def twice() -> None:
        go()
        go()

    whole, _ = run(twice, tmp_path / "whole.pt")
    assert run_in_parts(twice, tmp_path / "parts.pt", 3).intermediates == whole.intermediates


def test_checkpoints_of_the_users_are_left_alone(tmp_path: Path) -> None:
    """A callback of the user's writes Lightning's own checkpoints."""
    saving = pytorch_lightning.callbacks.ModelCheckpoint(tmp_path, "own")
    run(train(make_evaluator(callbacks=[saving]), []), tmp_path / "c.pt", at_2=Verdict.PAUSE)
    assert "retix" not in torch.load(tmp_path / "own.ckpt")
    assert "retix" in torch.load(tmp_path / "c.pt")
