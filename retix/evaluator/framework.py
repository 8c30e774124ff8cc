"""Lightning comes as two packages, ``pytorch_lightning`` and ``lightning.pytorch``, whose classes do not mix."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning


@dataclass(frozen=True, slots=True)
class Framework:
    """The classes of one of the packages.

    Attributes:
        name: The package's name, as it is imported.
        module: Its LightningModule.
        trainer: Its Trainer.
        callback: Its Callback.
        own_output: Its callbacks that a trainer has only if the matching argument is not False, by that argument.
    """

    name: str
    module: type
    trainer: type
    callback: type
    own_output: Mapping[str, type]


def framework_of(obj: Any) -> Framework | None:
    """The package that a module or a trainer, or their class, belongs to; None if it is neither."""
    cls = obj if isinstance(obj, type) else type(obj)
    # The second package is optional: an object of it can only exist if somebody has imported it.
    for package in (pytorch_lightning, sys.modules.get("lightning.pytorch")):
        if package is not None and issubclass(cls, (package.LightningModule, package.Trainer)):
            return _describe(package)
    return None


def _describe(package: Any) -> Framework:
    own_output = {
        "enable_checkpointing": package.callbacks.Checkpoint,
        "enable_progress_bar": package.callbacks.ProgressBar,
        "enable_model_summary": package.callbacks.ModelSummary,
    }
    return Framework(package.__name__, package.LightningModule, package.Trainer, package.Callback, own_output)
