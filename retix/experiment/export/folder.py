"""Models written to folders: source, weights, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retix.errors import RetixError, StoreError
from retix.experiment.export.onnx_file import write_onnx
from retix.experiment.export.self_check import CheckOutcome, check_folder
from retix.experiment.record.earlier import read_python_path
from retix.experiment.record.recorded_model import (
    BASE_FILE,
    SOURCE_FILE,
    WEIGHTS_FILE,
    RecordedModel,
    RecordedModels,
    describe_state,
)
from retix.experiment.search.seeding import seed_of_trial
from retix.store import StoreReader, describe_trial
from retix.trial import Trial
from retix.weights import save_weights

META_FILE = "meta.json"
ONNX_FILE = "model.onnx"


@dataclass(frozen=True, slots=True)
class Folder:
    """A model that was written.

    Attributes:
        path: The folder.
        trial: The id of its trial.
        check: What the self-check found; None if none was made.
    """

    path: Path
    trial: int
    check: CheckOutcome | None


def export_folders(
    reader: StoreReader, trials: Sequence[Trial], out: Path, *, onnx: bool, check: bool, force: bool
) -> list[Folder]:
    """Write each trial to ``<out>/<rank>-trial-<id>/``.

    Each folder has the model's source ``model.py``, with ``base.pkl`` if it reads that, its weights
    ``model.safetensors`` if they were kept, ``model.onnx`` if it is asked for, and ``meta.json``: the choices, the
    metrics, versions, seeds, the names of the state, and what the self-check found.

    Args:
        reader: The experiment.
        trials: What to write, the best first.
        out: The directory to write to; created where it is missing.
        onnx: Whether to write ONNX files.
        check: Whether to check each folder in a clean interpreter, which runs the model's source.
        force: Whether folders that exist already are replaced.

    Raises:
        StoreError: There is no trial, a source is missing, somebody else could have written what would be run, or a
            folder is there already and holds something.
        ConfigError: A model has no ONNX form.
    """
    if not trials:
        raise StoreError(f"no trial of the experiment {reader.id!r} has succeeded: there is nothing to export")
    models = RecordedModels(reader)
    targets = [(models.read(t), out / f"{rank}-trial-{t.id}") for rank, t in enumerate(trials, start=1)]
    for model, target in targets:
        _check_target(target, force=force)
        model.weights()  # damaged ones are found before anything is written
        if check or onnx:
            model.check_trusted()
    return [_export(model, target, onnx=onnx, check=check) for model, target in targets]


def _check_target(target: Path, *, force: bool) -> None:
    if target.is_dir():
        if any(target.iterdir()) and not force:
            raise StoreError(f"{target} is there already", fix="use --force to replace it, or another --out")
    elif target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already and is no directory", fix="use another --out")


def _export(model: RecordedModel, target: Path, *, onnx: bool, check: bool) -> Folder:
    weights = model.weights()
    target.mkdir(parents=True, exist_ok=True)
    # Of a folder that is replaced, weights must not stay beside the source of another model.
    for name in (SOURCE_FILE, BASE_FILE, WEIGHTS_FILE, ONNX_FILE, META_FILE):
        (target / name).unlink(missing_ok=True)
    (target / SOURCE_FILE).write_text(model.text, encoding="utf-8")
    if model.base is not None:
        (target / BASE_FILE).write_bytes(model.base)
    if weights is not None:
        save_weights(weights, target / WEIGHTS_FILE)
    if onnx:
        write_onnx(model.build(), model.models.inputs, target / ONNX_FILE)
    outcome = _check(model, target) if check else None
    meta = {**_describe(model), "state": describe_state(model, weights), "check": outcome and outcome.to_json()}
    (target / META_FILE).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")
    return Folder(target, model.trial.id, outcome)


def _check(model: RecordedModel, target: Path) -> CheckOutcome:
    """Check a folder; a model that cannot be built here is one that fails the check."""
    try:
        built = model.build()
    except RetixError as error:
        return CheckOutcome(False, f"not checked: {error.what}")
    except Exception as error:
        return CheckOutcome(False, f"it cannot be built: {type(error).__name__}: {error}")
    return check_folder(target, model.source.entry, built, model.models.inputs, read_python_path(model.models.reader))


def _describe(model: RecordedModel) -> dict[str, Any]:
    info = model.models.reader.info()
    document = describe_trial(model.trial)
    seed = info.config.get("seed")
    return {
        "experiment": info.id,
        "name": info.name,
        "trial": model.trial.id,
        "optimize_mode": info.optimize_mode,
        **{key: document[key] for key in ("sample", "metric", "metrics", "parent")},
        "entry": model.source.entry,
        "seeds": {"strategy": seed, "trial": None if seed is None else seed_of_trial(seed, model.id)},
        "versions": dict(info.versions),
    }
