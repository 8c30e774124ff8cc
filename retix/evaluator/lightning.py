"""Evaluators that train by PyTorch Lightning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn, optim

from retix.errors import EvaluationError
from retix.evaluator.evaluator import Evaluator
from retix.evaluator.fitting import fit
from retix.evaluator.framework import Framework, framework_of
from retix.evaluator.loader import read_batches, read_first_input, untouched_loaders
from retix.evaluator.module import ClassificationModule, RegressionModule, SupervisedLearningModule
from retix.evaluator.quiet import quiet
from retix.evaluator.trainer import Trainer, renew_trainer
from retix.recipe import dumps, loads


class Lightning(Evaluator):
    """Trains with any LightningModule and Trainer, of ``pytorch_lightning`` or of ``lightning.pytorch``.

    Every model gets a new module and a new trainer: made again from their arguments where these are remembered
    (`retix.evaluator.pytorch.lightning.Trainer`, ``@retix.trace``, ``retix.serialize``), else copied. The module
    receives the model by ``set_model(model_cls)`` if it has that method, else as its attribute ``model``.

    A module may report by itself. For one that does not, what it logged as ``default``, or a
    `SupervisedLearningModule` as its first validation metric, is reported after each validation and at the end,
    with everything logged as ``val_...`` beside it. No other name is guessed: it would not say which way is better.

    A trial that early stopping pauses finishes its epoch, and goes on later as if nothing had happened: with
    Lightning's checkpoint, the random numbers, and the generators by which loaders shuffle. What a module, a callback
    or a data set counts by itself is kept only if it has hooks for that, such as ``on_save_checkpoint``.

    Args:
        lightning_module: The module, without its model.
        trainer: The trainer.
        train_dataloaders: What to train on; not needed if the module or ``fit_kwargs`` brings its own data.
        val_dataloaders: What to validate on; likewise.
        train_dataloader: The name that ``train_dataloaders`` had in NNI up to 2.6.
        fit_kwargs: Further arguments of ``trainer.fit``, such as ``datamodule``.

    Raises:
        EvaluationError: The module or the trainer is none, or they are of different packages.
    """

    def __init__(
        self,
        lightning_module: Any,
        trainer: Any,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        train_dataloader: Any = None,
        fit_kwargs: Mapping[str, Any] | None = None,
    ):
        if train_dataloader is not None and train_dataloaders is not None:
            raise EvaluationError("both train_dataloaders and train_dataloader are given", fix="give the first alone")
        self.module = lightning_module
        self.trainer = trainer
        self.train_dataloaders = train_dataloader if train_dataloaders is None else train_dataloaders
        self.val_dataloaders = val_dataloaders
        self.fit_kwargs = dict(fit_kwargs or {})
        self._framework = _find_framework(lightning_module, trainer)

    def check(self) -> None:
        if "datamodule" not in self.fit_kwargs:
            self._check_loaders()

    def evaluate(self, model_cls: Callable[[], nn.Module]) -> None:
        self.check()
        loaders = self.train_dataloaders, self.val_dataloaders
        with quiet(), untouched_loaders(*loaders):
            module = loads(dumps(self.module))
            trainer = renew_trainer(self.trainer, self._framework)
            if hasattr(module, "set_model"):
                module.set_model(model_cls)
            else:
                module.model = model_cls()
            fit(trainer, module, self._framework, *loaders, **self.fit_kwargs)

    def example_inputs(self) -> tuple[Any, ...] | None:
        """The input part of the first training batch, cut to two samples, or None without such a batch."""
        return read_first_input(self.train_dataloaders)

    def sample_batches(self, count: int) -> list[Any]:
        return read_batches(self.train_dataloaders, count)

    @property
    def loss_function(self) -> Callable[[Any, Any], Any] | None:
        """The module's ``criterion``, if it has one."""
        criterion = getattr(self.module, "criterion", None)
        return criterion if callable(criterion) else None

    def _check_loaders(self) -> None:
        needed = {"train_dataloaders": "train_dataloader"}
        if isinstance(self.module, SupervisedLearningModule):
            needed["val_dataloaders"] = "val_dataloader"
        for argument, hook in needed.items():
            brings_own = getattr(type(self.module), hook) is not getattr(self._framework.module, hook)
            if getattr(self, argument) is None and not brings_own:
                raise EvaluationError(
                    f"{type(self).__name__} has no {argument}",
                    why="models are compared on the validation data" if hook == "val_dataloader" else None,
                    fix=f"pass {argument}=DataLoader(...)",
                )


class _Supervised(Lightning):
    """A module for supervised learning and a trainer, both made from plain arguments."""

    def __init__(
        self,
        module: SupervisedLearningModule,
        train_dataloaders: Any,
        val_dataloaders: Any,
        train_dataloader: Any,
        trainer_kwargs: Mapping[str, Any],
    ):
        trainer = Trainer(**trainer_kwargs)
        super().__init__(module, trainer, train_dataloaders, val_dataloaders, train_dataloader=train_dataloader)


class Classification(_Supervised):
    """Trains classifiers and compares them by their accuracy on the validation data.

    Logs ``train_loss``, ``train_acc``, ``val_loss`` and ``val_acc``. Batches are ``(x, y)``.

    Args:
        criterion: The class of the loss, or a loss.
        learning_rate: The step size of the optimizer.
        weight_decay: The weight decay of the optimizer.
        optimizer: The class of the optimizer.
        train_dataloaders: What to train on.
        val_dataloaders: What to validate on.
        export_onnx: Accepted for NNI's scripts; nothing is exported (see `SupervisedLearningModule`).
        train_dataloader: The name that ``train_dataloaders`` had in NNI up to 2.6.
        num_classes: Accepted for scripts of NNI 3.0, whose metric asked for it; here the outputs tell.
        **trainer_kwargs: The arguments of `Trainer`.

    Raises:
        EvaluationError: The trainer has no such argument.
    """

    optimize_mode = "maximize"

    def __init__(
        self,
        criterion: Callable[[], nn.Module] | nn.Module = nn.CrossEntropyLoss,
        learning_rate: float = 0.001,
        weight_decay: float = 0.0,
        optimizer: Callable[..., optim.Optimizer] = optim.Adam,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        export_onnx: Path | str | bool | None = False,
        train_dataloader: Any = None,
        num_classes: int | None = None,
        **trainer_kwargs: Any,
    ):
        module = ClassificationModule(criterion, learning_rate, weight_decay, optimizer, export_onnx, num_classes)
        super().__init__(module, train_dataloaders, val_dataloaders, train_dataloader, trainer_kwargs)


class Regression(_Supervised):
    """Trains regressors and compares them by their mean squared error on the validation data; lower is better.

    Logs ``train_loss``, ``train_mse``, ``val_loss`` and ``val_mse``. Batches are ``(x, y)``.

    Args:
        criterion: The class of the loss, or a loss.
        learning_rate: The step size of the optimizer.
        weight_decay: The weight decay of the optimizer.
        optimizer: The class of the optimizer.
        train_dataloaders: What to train on.
        val_dataloaders: What to validate on.
        export_onnx: Accepted for NNI's scripts; nothing is exported (see `SupervisedLearningModule`).
        train_dataloader: The name that ``train_dataloaders`` had in NNI up to 2.6.
        **trainer_kwargs: The arguments of `Trainer`.

    Raises:
        EvaluationError: The trainer has no such argument.
    """

    optimize_mode = "minimize"

    def __init__(
        self,
        criterion: Callable[[], nn.Module] | nn.Module = nn.MSELoss,
        learning_rate: float = 0.001,
        weight_decay: float = 0.0,
        optimizer: Callable[..., optim.Optimizer] = optim.Adam,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        export_onnx: Path | str | bool | None = False,
        train_dataloader: Any = None,
        **trainer_kwargs: Any,
    ):
        module = RegressionModule(criterion, learning_rate, weight_decay, optimizer, export_onnx)
        super().__init__(module, train_dataloaders, val_dataloaders, train_dataloader, trainer_kwargs)


def _find_framework(module: Any, trainer: Any) -> Framework:
    frameworks = []
    for role, obj in (("module", module), ("trainer", trainer)):
        framework = framework_of(obj)
        if framework is None or not isinstance(obj, getattr(framework, role)):
            kind = "LightningModule" if role == "module" else "Trainer"
            raise EvaluationError(
                f"the {role} is a {type(obj).__name__}, no {kind}",
                fix=f"give an instance of {kind}, of pytorch_lightning or of lightning.pytorch",
            )
        frameworks.append(framework)
    if frameworks[0] != frameworks[1]:
        raise EvaluationError(
            f"the module {type(module).__name__} is of {frameworks[0].name}, the trainer of {frameworks[1].name}",
            why="the two packages do not know each other's classes",
            fix=f"import both from {frameworks[0].name}",
        )
    return frameworks[0]
