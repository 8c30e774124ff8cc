"""One model of a space, built and evaluated in this process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retix.execution import building
from retix.experiment.record.recorded_model import SOURCE_FILE
from retix.model_space import ModelSpace


def evaluate_here(space: ModelSpace, sample: Mapping[str, Any]) -> dict[str, float]:
    """Build one model and evaluate it in this process; what it raises comes through with the generated lines.

    Args:
        space: The space, with its evaluator.
        sample: The answers to the choices; where some are left out, the first answer of each.

    Returns:
        The final metrics by name.

    Raises:
        SpaceError: ``sample`` answers a choice wrongly, or one that the model does not have.
    """
    answers = dict(sample)
    # Completing leaves out what no choice asks for; building refuses it.
    whole = {**space.complete(answers), **answers}
    space.digest(whole)
    source = space.source(whole)
    directory = Path(tempfile.mkdtemp(prefix="retix-debug-"))
    for name, data in space.files.items():
        (directory / name).write_bytes(data)
    with building(source.text, source.entry, directory / SOURCE_FILE, f"retix_{directory.name}") as factory:
        metrics = space.fill_evaluator(whole)._execute(factory.model_class)
    # After an error the file stays: a traceback shows its lines only as long as it is there.
    shutil.rmtree(directory)
    return metrics
