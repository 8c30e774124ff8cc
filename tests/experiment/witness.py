"""What the tests of hyper-parameters train with: digits, a network, and a callback that says how it was trained."""

from __future__ import annotations

import functools
from typing import Any

import torch
from pytorch_lightning import Callback
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import retix.nn.pytorch as nn


class Net(nn.Module):
    """Twelve networks for digits."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueRange(8, 32, log=True, points=3, label="width")
        self.stem = nn.Linear(64, width)
        self.act = nn.LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()}, label="act")
        self.dropout = nn.Dropout(nn.ValueRange(0.0, 0.2, points=2, label="regularization"))
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.dropout(self.act(self.stem(x))))


class Witness(Callback):
    """Logs with what settings a network is trained."""

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Look at the real optimizer, loader and trainer."""
        if trainer.sanity_checking:
            return
        (optimizer,) = trainer.optimizers
        seen = {
            "rate": optimizer.param_groups[0]["lr"],
            "decay": optimizer.param_groups[0]["weight_decay"],
            "sgd": isinstance(optimizer, torch.optim.SGD),
            "batch": trainer.train_dataloader.batch_size,
            "epochs": trainer.max_epochs,
            "clip": trainer.gradient_clip_val or 0.0,
            "dropout": pl_module.model.dropout.p,
            "width": pl_module.model.stem.out_features,
        }
        for name, value in seen.items():
            pl_module.log(f"val_{name}", float(value))


def load(count: int) -> TensorDataset:
    """The first digits."""
    digits = load_digits()
    return TensorDataset(
        torch.tensor(digits.data[:count], dtype=torch.float32) / 16, torch.tensor(digits.target[:count])
    )


def make_sgd(parameters: Any, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """An optimizer with settings of one's own."""
    return torch.optim.SGD(parameters, lr, momentum=0.9, weight_decay=weight_decay)


def make_optimizer(name: str, momentum: float) -> Any:
    """What makes the optimizer of that name."""
    return functools.partial(torch.optim.SGD, momentum=momentum) if name == "sgd" else torch.optim.Adam


def train(model_cls: Any, settings: Any, scale: float = 1.0) -> dict[str, float]:
    """Stands for training; says what it was given."""
    return {"default": settings.rate * scale, "steps": settings.steps, "scale": scale}
