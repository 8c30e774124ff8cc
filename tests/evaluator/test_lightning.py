"""The Lightning evaluators: what they refuse, and that every evaluation is as the first."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from pytorch_lightning.callbacks import EarlyStopping
from torch import Tensor, nn
from torchmetrics import MeanSquaredError

import retix.evaluator.pytorch.lightning as pl
from retix.errors import EvaluationError, RecipeError
from retix.evaluator import reporting
from retix.recipe import dumps, loads, serialize, trace
from tests.evaluator.samples import Listener, Net, Signs, make_classification, make_loader, make_regression_loader


@trace
class SmoothModule(pl.ClassificationModule):
    """A classification of a user's own, in the style of NNI's examples."""

    def __init__(self, smoothing: float, learning_rate: float = 0.1):
        self.smoothing = smoothing
        super().__init__(learning_rate=learning_rate, export_onnx=False)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = batch
        y_hat = self(x)
        loss = nn.functional.cross_entropy(y_hat, y, label_smoothing=self.smoothing)
        self.log("train_loss", loss, prog_bar=True)
        for name, metric in self.metrics.items():
            self.log("train_" + name, metric(y_hat, y), prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.learning_rate)  # type: ignore[attr-defined]  # an AttributeDict
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2)}


class OwnData(pl.ClassificationModule):
    """Brings its own data."""

    def train_dataloader(self) -> Any:
        return make_loader()

    def val_dataloader(self) -> Any:
        return make_loader()


class Data(pytorch_lightning.LightningDataModule):
    """Lightning's way to bundle loaders."""

    def train_dataloader(self) -> Any:
        return make_loader()

    def val_dataloader(self) -> Any:
        return make_loader()


def make_trainer() -> pl.Trainer:
    """One epoch on the CPU."""
    return pl.Trainer(max_epochs=1, accelerator="cpu")


def evaluate(evaluator: pl.Lightning, seed: int = 0) -> Listener:
    """What a listener hears of one evaluation from a seed."""
    torch.manual_seed(seed)
    listener = Listener()
    with reporting(listener):
        evaluator.evaluate(Net)
    return listener


def test_classification_learns() -> None:
    """An easy task is learnt, so that loss, metric and optimizer belong together."""
    loaders = {"train_dataloaders": make_loader(64, shuffle=True), "val_dataloaders": make_loader(64)}
    listener = evaluate(make_classification(**loaders, max_epochs=8, learning_rate=0.05))
    assert listener.finals[0]["default"] > 0.9
    assert listener.finals[0]["val_loss"] < listener.intermediates[0]["val_loss"]


def test_validation_accuracy_is_the_models_own() -> None:
    """The reported accuracy is that of the trained model over all samples, not a mean over batches."""
    made: list[Net] = []

    def make_net() -> Net:
        made.append(Net())
        return made[-1]

    evaluator = make_classification(val_dataloaders=make_loader(10))
    listener = Listener()
    with reporting(listener):
        evaluator.evaluate(make_net)
    data = Signs(10)
    with torch.no_grad():
        right = (made[0](data.x).argmax(1) == (data.x[:, 0] > 0)).float().mean().item()
    assert len(made) == 1
    assert listener.finals[0]["default"] == pytest.approx(right)


def test_regression_learns() -> None:
    """The mean squared error goes down."""
    loader = make_regression_loader(64)
    evaluator = pl.Regression(
        learning_rate=0.1, train_dataloaders=loader, val_dataloaders=loader, max_epochs=6, accelerator="cpu"
    )
    listener = evaluate(evaluator)
    assert listener.finals[0].keys() == {"default", "val_mse", "val_loss"}
    assert listener.finals[0]["default"] < 0.5 * listener.intermediates[0]["default"]


def test_metrics_are_of_the_whole_validation() -> None:
    """A metric that is no mean over batches, such as a root, is computed over all samples at once."""
    net = Net()
    module = pl.SupervisedLearningModule(nn.MSELoss, {"rmse": functools.partial(MeanSquaredError, squared=False)})
    evaluator = pl.Lightning(module, make_trainer(), make_regression_loader(), make_regression_loader(10))
    listener = Listener()
    with reporting(listener):
        evaluator.evaluate(lambda: net)
    data = Signs(10).x
    with torch.no_grad():
        error = nn.functional.mse_loss(net(data), data[:, :2]).sqrt().item()
    assert listener.finals[0]["default"] == pytest.approx(error)


def test_one_evaluator_serves_many_models() -> None:
    """A second evaluation in the same process reports exactly what the first did."""
    callbacks = [EarlyStopping("val_loss", patience=3)]
    generator = torch.Generator().manual_seed(1)
    evaluator = make_classification(
        train_dataloaders=make_loader(shuffle=True, generator=generator), max_epochs=3, callbacks=callbacks
    )
    first, second = evaluate(evaluator), evaluate(evaluator)
    assert first.intermediates == second.intermediates
    assert first.finals == second.finals
    assert evaluator.trainer.current_epoch == 0
    assert not hasattr(evaluator.module, "model")
    assert evaluate(evaluator, seed=1).finals != first.finals


@pytest.mark.parametrize("traced", [True, False])
def test_a_users_own_module_is_new_every_time(traced: bool) -> None:
    """A subclass in NNI's style trains again and again, remembered or copied."""
    module = SmoothModule(0.1) if traced else loads(dumps(SmoothModule(0.1)))
    if not traced:
        del module._retix_recipe
    evaluator = pl.Lightning(module, make_trainer(), train_dataloader=make_loader(), val_dataloaders=make_loader())
    assert evaluate(evaluator).finals == evaluate(evaluator).finals
    assert not hasattr(module, "model")


def test_execute_prints_the_results(capfd: pytest.CaptureFixture[str]) -> None:
    """The debugging entry shows the results and nothing of Lightning's own."""
    final = make_classification()._execute(Net)
    out, err = capfd.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()] == ["intermediate result", "final result"]
    assert err == ""
    assert final.keys() == {"default", "val_acc", "val_loss"}


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation writes no files, keeps the warning filters and warns of nothing."""
    monkeypatch.chdir(tmp_path)
    before = list(warnings.filters)
    evaluate(make_classification())
    assert list(tmp_path.iterdir()) == []
    assert warnings.filters == before


def test_files_that_are_asked_for_are_written(tmp_path: Path) -> None:
    """A root directory serves those who want checkpoints."""
    evaluate(make_classification(enable_checkpointing=True, default_root_dir=tmp_path))
    assert list(tmp_path.rglob("*.ckpt"))


def test_overfitting_on_one_batch() -> None:
    """Lightning may make the recorded loaders again with other samplers."""
    assert evaluate(make_classification(overfit_batches=1)).finals


def test_data_may_come_from_elsewhere() -> None:
    """A module with loaders of its own and a datamodule serve without loaders."""
    assert evaluate(pl.Lightning(OwnData(), make_trainer())).finals
    evaluator = pl.Lightning(pl.ClassificationModule(), make_trainer(), fit_kwargs={"datamodule": Data()})
    assert evaluate(evaluator).finals
    assert evaluator.example_inputs() is None


def test_example_inputs_come_from_the_training_data() -> None:
    """Two samples of the first batch, and the model accepts them."""
    inputs = make_classification().example_inputs()
    assert inputs is not None
    assert Net()(*inputs).shape == (2, 2)


def test_example_inputs_disturb_nothing() -> None:
    """An evaluation after a look is the same as one without."""

    def make() -> pl.Lightning:
        return make_classification(train_dataloaders=make_loader(shuffle=True))

    looked = make()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    assert looked.example_inputs() is not None
    assert torch.equal(torch.get_rng_state(), state)
    assert evaluate(looked).finals == evaluate(make()).finals


def test_missing_loaders_are_named() -> None:
    """Training needs data, and so does the metric of a supervised module."""
    with pytest.raises(EvaluationError, match="Classification has no train_dataloaders"):
        pl.Classification(val_dataloaders=make_loader()).check()
    with pytest.raises(EvaluationError, match="Regression has no val_dataloaders"):
        pl.Regression(train_dataloaders=make_loader()).check()
    without = pl.Lightning(pl.LightningModule(), make_trainer())
    with pytest.raises(EvaluationError, match="Lightning has no train_dataloaders"):
        without.check()
    with pytest.raises(EvaluationError, match="Lightning has no train_dataloaders"):
        evaluate(without)
    pl.Lightning(pl.LightningModule(), make_trainer(), make_loader()).check()


def test_the_number_of_classes_is_not_needed() -> None:
    """Scripts of NNI 3.0 give it; the result is the same without."""
    assert evaluate(make_classification(num_classes=2)).finals == evaluate(make_classification()).finals


def test_the_old_spelling() -> None:
    """`train_dataloader` is `train_dataloaders`, but not both at once."""
    loader = make_loader()
    evaluator = pl.Classification(train_dataloader=loader, val_dataloaders=loader)
    assert evaluator.train_dataloaders is loader
    with pytest.raises(EvaluationError, match="both train_dataloaders and train_dataloader"):
        make_classification(train_dataloader=loader)


def test_unknown_trainer_arguments_are_refused() -> None:
    """A misspelled argument fails where the evaluator is made."""
    with pytest.raises(EvaluationError, match="max_epoch'"):
        make_classification(max_epoch=3)


def test_modules_and_trainers_must_match() -> None:
    """The two packages do not mix, and other objects are named for what they are."""
    foreign = lightning.pytorch.Trainer(logger=False)
    with pytest.raises(EvaluationError, match=r"is of pytorch_lightning, the trainer of lightning\.pytorch"):
        pl.Lightning(pl.ClassificationModule(), foreign, make_loader(), make_loader())
    with pytest.raises(EvaluationError, match="the module is a Net, no LightningModule"):
        pl.Lightning(Net(), make_trainer(), make_loader(), make_loader())
    with pytest.raises(EvaluationError, match="the trainer is a ClassificationModule, no Trainer"):
        pl.Lightning(pl.ClassificationModule(), pl.ClassificationModule(), make_loader(), make_loader())


def test_equal_if_made_alike() -> None:
    """Evaluators of the same arguments are equal, those of others are not."""

    def make(size: int = 12, **kwargs: Any) -> pl.Classification:
        loader = pl.DataLoader(serialize(Signs, size), batch_size=4)
        return pl.Classification(train_dataloaders=loader, val_dataloaders=loader, **kwargs)

    assert make(max_epochs=1) == make(max_epochs=1)
    assert make(max_epochs=1) != make(max_epochs=2)
    assert make(12) != make(13)
    assert make(learning_rate=0.1) != make()
    assert make(criterion=nn.CrossEntropyLoss) != make(criterion=nn.NLLLoss)
    assert loads(dumps(make(max_epochs=1))) == make(max_epochs=1)
    loader = make_loader()
    assert pl.Regression(train_dataloaders=loader, val_dataloaders=loader) != pl.Classification(
        train_dataloaders=loader, val_dataloaders=loader
    )


def count_batches() -> Any:
    """A function that holds a generator."""
    counter = (i for i in range(3))
    return lambda batch: next(counter)


def test_an_evaluator_with_a_live_resource_is_refused_by_name() -> None:
    """The error leads from the evaluator to the part that cannot be sent."""
    evaluator = make_classification(train_dataloaders=make_loader(collate_fn=count_batches()))
    with pytest.raises(RecipeError, match="Classification cannot be sent") as caught:
        dumps(evaluator)
    assert caught.value.where == "Classification.train_dataloaders.collate_fn.counter, a generator"
