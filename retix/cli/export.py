"""The best models of an experiment, taken out of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from retix.errors import StoreError
from retix.store import ExperimentInfo, StoreReader, describe_trial
from retix.trial import Trial

MODEL = "model.py"
WEIGHTS = "model.safetensors"
BASE = "base.pkl"
"""What the source of a model that Python builds reads beside itself, if it does."""

META = "meta.json"


def export_best(reader: StoreReader, k: int, out: Path, *, force: bool) -> list[Path]:
    """Copy the ``k`` best trials to ``<out>/<rank>-trial-<id>/``.

    Each folder has the model's source ``model.py``, with ``base.pkl`` if it reads that, its weights
    ``model.safetensors`` if they were kept, and ``meta.json``: the sample, the metrics, the versions, and where it
    comes from.

    Args:
        reader: The experiment.
        k: How many; fewer are written if fewer succeeded.
        out: The directory to write to; created where it is missing.
        force: Whether folders that exist already are replaced.

    Returns:
        The folders, the best first.

    Raises:
        StoreError: No trial has succeeded, a source is missing, or a folder is there already and holds something.
    """
    best = reader.best(k)
    if not best:
        raise StoreError(f"no trial of the experiment {reader.id!r} has succeeded: there is nothing to export")
    info = reader.info()
    targets = [(trial, out / f"{rank}-trial-{trial.id}") for rank, trial in enumerate(best, start=1)]
    for trial, target in targets:
        _check(reader, trial, target, force=force)
    for trial, target in targets:
        _export(reader, info, trial, target)
    return [target for _, target in targets]


def _check(reader: StoreReader, trial: Trial, target: Path, *, force: bool) -> None:
    if not (reader.trial_directory(trial.id) / MODEL).is_file():
        raise StoreError(f"the source of trial {trial.id} is gone: {reader.trial_directory(trial.id) / MODEL}")
    if target.is_dir():
        if any(target.iterdir()) and not force:
            raise StoreError(f"{target} is there already", fix="use --force to replace it, or another --out")
    elif target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already and is no directory", fix="use another --out")


def _export(reader: StoreReader, info: ExperimentInfo, trial: Trial, target: Path) -> None:
    source = reader.trial_directory(trial.id)
    target.mkdir(parents=True, exist_ok=True)
    for name in (MODEL, BASE, WEIGHTS):
        # Of a folder that is replaced, weights must not stay beside the source of another model.
        (target / name).unlink(missing_ok=True)
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    document = describe_trial(trial)
    meta = {
        "experiment": info.id,
        "name": info.name,
        "trial": trial.id,
        "optimize_mode": info.optimize_mode,
        **{key: document[key] for key in ("sample", "metric", "metrics")},
        "versions": dict(info.versions),
    }
    (target / META).write_text(json.dumps(meta, indent=2) + "\n")
