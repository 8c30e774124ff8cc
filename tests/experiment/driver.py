"""A driver to be ended from outside: ``python -m tests.experiment.driver ROOT NOTE`` runs trials that never end."""

from __future__ import annotations

import sys
from pathlib import Path

from retix import FunctionalEvaluator, RetiariiExeConfig, RetiariiExperiment
from tests.experiment.nets import INPUTS, Chain
from tests.experiment.scores import hang


def main() -> None:
    """Run."""
    root, note = Path(sys.argv[1]), Path(sys.argv[2])
    experiment = RetiariiExperiment(Chain(), FunctionalEvaluator(hang, note=note), example_inputs=INPUTS)
    experiment.run(RetiariiExeConfig("local", experiment_working_directory=root))


if __name__ == "__main__":
    main()
