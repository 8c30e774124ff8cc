"""An experiment whose classes live in ``__main__``, as in a notebook; run by `test_engines`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

import retix.nn.pytorch as nn
from retix import FunctionalEvaluator, RetiariiExeConfig, RetiariiExperiment, model_wrapper
from retix.strategy import GridSearch


@model_wrapper
class Net(nn.Module):
    """Two networks."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layer = nn.LayerChoice([nn.Linear(4, outputs), Half(outputs)], label="layer")

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x)


class Half(nn.Module):
    """A module of the script's own."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(4, outputs, bias=False)

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x) * 0.5


def count(model_cls: Any) -> float:
    """The number of parameters."""
    return float(sum(parameter.numel() for parameter in model_cls().parameters()))


if __name__ == "__main__":
    experiment = RetiariiExperiment(
        Net(2), FunctionalEvaluator(count), None, GridSearch(seed=0), example_inputs=torch.zeros(1, 4)
    )
    root = Path(sys.argv[2])
    experiment.run(RetiariiExeConfig("local", sys.argv[1], experiment_working_directory=root, max_trial_number=2))
    print(json.dumps({trial.sample["layer"]: trial.metric for trial in experiment.trials()}))
    print(json.dumps(experiment.export_top_models()))
    print(experiment.export_top_models(formatter="instance")[0])
