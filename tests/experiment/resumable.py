"""A search to be killed and gone on with: ``python -m tests.experiment.resumable ROOT LOG [ID]``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retix import FunctionalEvaluator, RetiariiExeConfig, RetiariiExperiment
from retix.strategy import RegularizedEvolution
from tests.experiment.nets import INPUTS, Chain
from tests.experiment.scores import width_of

TRIALS = 6


def train(model_cls: Callable[[], Any], log: Path, seconds: float = 0.3) -> float:
    """Best at a width of 4; leaves a line in ``log`` when it begins, and one when it ends."""
    model = model_cls()
    width = width_of(model)
    with log.open("a") as file:
        print(f"begin {width}", file=file)
    time.sleep(seconds)
    with log.open("a") as file:
        print(f"end {width}", file=file)
    return -abs(width - 4.0)


def make_experiment(log: Path, **settings: Any) -> RetiariiExperiment:
    """The search."""
    strategy = RegularizedEvolution(**{"population_size": 3, "sample_size": 2, "seed": 1, **settings})
    return RetiariiExperiment(Chain(), FunctionalEvaluator(train, log=log), None, strategy, example_inputs=INPUTS)


def make_config(root: Path, **settings: Any) -> RetiariiExeConfig:
    """Its settings."""
    return RetiariiExeConfig("local", experiment_working_directory=root, max_trial_number=TRIALS, **settings)


def main() -> None:
    """Run, or go on."""
    root, log, id = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None
    make_experiment(log).run(make_config(root), resume=id)


if __name__ == "__main__":
    main()
