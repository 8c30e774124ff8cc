"""Lightning modules that train a model whose network is given later, one per trial."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytorch_lightning
from torch import Tensor, nn, optim
from torchmetrics import MeanSquaredError, Metric

from retix.errors import EvaluationError
from retix.evaluator.accuracy import AccuracyWithLogits
from retix.recipe import trace


class LightningModule(pytorch_lightning.LightningModule):
    """A Lightning module whose network comes from the search, as ``self.model``.

    Subclasses write the steps and the optimizers as always, and either report by `report_intermediate_result` and
    `report_final_result` or log the metric to compare models by as ``default``.
    """

    def set_model(self, model: Callable[[], nn.Module] | nn.Module) -> None:
        """Take the network to train.

        Args:
            model: The network, or what makes it when called without arguments.
        """
        self.model = model if isinstance(model, nn.Module) else model()


@trace
class SupervisedLearningModule(LightningModule):
    """Learns outputs from inputs; batches are ``(x, y)``.

    Logs ``train_loss`` and ``val_loss``, and every metric with the same prefixes.

    Args:
        criterion: The class of the loss, or any callable that makes one; a module that exists already is copied.
        metrics: Metric classes by name. Models are compared by the first one, measured on the validation data.
        learning_rate: The step size of the optimizer.
        weight_decay: The weight decay of the optimizer.
        optimizer: The class of the optimizer; called with the parameters, ``lr`` and ``weight_decay``.
        export_onnx: Accepted for NNI's scripts and not acted upon: NNI's page drew models from that file, whereas
            retix keeps every model as source, and a trial is not slowed by a second pass through its model.

    Raises:
        EvaluationError: There are no metrics, or the criterion or the optimizer is not what makes one.
    """

    def __init__(
        self,
        criterion: Callable[[], nn.Module] | nn.Module,
        metrics: Mapping[str, Callable[[], Metric]],
        learning_rate: float = 0.001,
        weight_decay: float = 0.0,
        optimizer: Callable[..., optim.Optimizer] = optim.Adam,
        export_onnx: Path | str | bool | None = False,
    ):
        super().__init__()
        if not metrics:
            raise EvaluationError(
                f"{type(self).__name__} has no metrics",
                fix="name one to compare by, such as {'acc': AccuracyWithLogits}",
            )
        if isinstance(cast("object", optimizer), optim.Optimizer):
            name = type(optimizer).__name__
            raise EvaluationError(f"optimizer is a {name} that exists already", fix=f"give its class: optimizer={name}")
        if isinstance(export_onnx, (str, Path)):
            warnings.warn(f"no file {export_onnx} is written: export the finished model instead", stacklevel=2)
        self.save_hyperparameters({"learning_rate": learning_rate, "weight_decay": weight_decay})
        self.criterion = _make_criterion(criterion)
        self.optimizer = optimizer
        self.metrics = _make_metrics(metrics)
        # Separate objects: the training metrics of an epoch are still open while its validation runs.
        self.val_metrics = _make_metrics(metrics)
        self.test_metrics = _make_metrics(metrics)

    @property
    def default_metric(self) -> str:
        """The logged name that models are compared by: the first metric, on the validation data."""
        return f"val_{next(iter(self.metrics))}"

    def forward(self, x: Any) -> Any:
        return self.model(x)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self._step(batch, "train", self.metrics)

    def validation_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self._step(batch, "val", self.val_metrics)

    def test_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self._step(batch, "test", self.test_metrics)

    def configure_optimizers(self) -> Any:
        hparams = cast("Mapping[str, float]", self.hparams)
        return self.optimizer(self.parameters(), lr=hparams["learning_rate"], weight_decay=hparams["weight_decay"])

    def _step(self, batch: Any, stage: str, metrics: nn.ModuleDict) -> Tensor:
        x, y = batch
        y_hat = self(x)
        loss = cast("Tensor", self.criterion(y_hat, y))
        self.log(f"{stage}_loss", loss, prog_bar=True, sync_dist=stage != "train", batch_size=len(y))
        for name, metric in metrics.items():
            metric(y_hat, y)
            self.log(f"{stage}_{name}", cast("Metric", metric), prog_bar=True, batch_size=len(y))
        return loss


@trace
class ClassificationModule(SupervisedLearningModule):
    """Classification; metric ``acc``, the accuracy in [0, 1]. See `SupervisedLearningModule` for the arguments.

    ``num_classes`` is accepted for scripts of NNI 3.0, whose metric asked for it; here the outputs tell.
    """

    def __init__(
        self,
        criterion: Callable[[], nn.Module] | nn.Module = nn.CrossEntropyLoss,
        learning_rate: float = 0.001,
        weight_decay: float = 0.0,
        optimizer: Callable[..., optim.Optimizer] = optim.Adam,
        export_onnx: Path | str | bool | None = False,
        num_classes: int | None = None,
    ):
        super().__init__(criterion, {"acc": AccuracyWithLogits}, learning_rate, weight_decay, optimizer, export_onnx)


@trace
class RegressionModule(SupervisedLearningModule):
    """Regression; metric ``mse``, the mean squared error. See `SupervisedLearningModule` for the arguments."""

    def __init__(
        self,
        criterion: Callable[[], nn.Module] | nn.Module = nn.MSELoss,
        learning_rate: float = 0.001,
        weight_decay: float = 0.0,
        optimizer: Callable[..., optim.Optimizer] = optim.Adam,
        export_onnx: Path | str | bool | None = False,
    ):
        super().__init__(criterion, {"mse": MeanSquaredError}, learning_rate, weight_decay, optimizer, export_onnx)


def _make_criterion(criterion: Callable[[], nn.Module] | nn.Module) -> nn.Module:
    if isinstance(criterion, nn.Module):
        return copy.deepcopy(criterion)
    try:
        return criterion()
    except TypeError as error:
        raise EvaluationError(
            f"criterion={criterion!r} makes no loss: {error}",
            why="it is called without arguments",
            fix="give the class of a loss, such as torch.nn.CrossEntropyLoss, or a loss with its arguments",
        ) from error


def _make_metrics(metrics: Mapping[str, Callable[[], Metric]]) -> nn.ModuleDict:
    return nn.ModuleDict({name: make() for name, make in metrics.items()})
