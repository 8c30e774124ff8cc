"""What `export_top_models` makes of a trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from retix.errors import ConfigError
from retix.experiment.record.recorded_model import RecordedModel
from retix.model_space import ModelSpace

Export = Callable[[RecordedModel, ModelSpace | None], Any]


def find_export(formatter: str) -> Export:
    """What makes of a model, and the space it comes from if that is here, what ``formatter`` names.

    Raises:
        ConfigError: There is no such formatter.
    """
    exports: dict[str, Export] = {"code": _export_code, "dict": _export_dict, "instance": _export_instance}
    if formatter not in exports:
        raise ConfigError(f"there is no formatter {formatter!r}", fix="use 'code', 'dict' or 'instance'")
    return exports[formatter]


def _export_code(model: RecordedModel, space: ModelSpace | None) -> str:
    return model.text


def _export_dict(model: RecordedModel, space: ModelSpace | None) -> dict[str, Any]:
    return model.trial.sample.to_json()


def _export_instance(model: RecordedModel, space: ModelSpace | None) -> torch.nn.Module:
    """The model with the weights that the trial trained, if they were kept, else with fresh ones."""
    if space is None:
        return model.build()
    made = space.instantiate(model.trial.sample)
    weights = model.weights()
    if weights is not None:
        made.load_state_dict(weights)
    return made
