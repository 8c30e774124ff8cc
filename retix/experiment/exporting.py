"""Models of an experiment, taken out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from retix.errors import ConfigError
from retix.experiment.weight_keeper import WEIGHTS
from retix.model_space import ModelSpace
from retix.trial import Trial

SOURCE_FILE = "model.py"

Export = Callable[[ModelSpace, Trial, Path], Any]


def find_export(formatter: str) -> Export:
    """What makes of a trial what ``formatter`` names.

    Raises:
        ConfigError: There is no such formatter.
    """
    exports: dict[str, Export] = {"code": _export_code, "dict": _export_dict, "instance": _export_instance}
    if formatter not in exports:
        raise ConfigError(f"there is no formatter {formatter!r}", fix="use 'code', 'dict' or 'instance'")
    return exports[formatter]


def _export_code(space: ModelSpace, trial: Trial, directory: Path) -> str:
    return (directory / SOURCE_FILE).read_text(encoding="utf-8")


def _export_dict(space: ModelSpace, trial: Trial, directory: Path) -> dict[str, Any]:
    return trial.sample.to_json()


def _export_instance(space: ModelSpace, trial: Trial, directory: Path) -> torch.nn.Module:
    """The model with the weights that the trial trained, if they were kept, else with fresh ones."""
    model = space.instantiate(trial.sample)
    if (directory / WEIGHTS).is_file():
        model.load_state_dict(load_file(directory / WEIGHTS))
    return model
