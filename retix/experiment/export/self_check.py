"""Whether an exported folder holds the model that was trained: it is loaded in a clean interpreter and compared."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retix.experiment.export import clean_check
from retix.weights import save_weights

# Seconds for an interpreter to import torch, build a model and run it once.
_LIMIT = 600.0

# Characters of an error's message that are kept.
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What a self-check found.

    Attributes:
        ok: Whether the folder holds a whole model that computes what the driver's does.
        text: What was found, in words.
        needs_retix: Whether the source, or a module of the user's that it imports, imports retix.
        tensors: How many tensors of weights were loaded.
        compared: How many outputs were compared; 0 where no input is known.
        difference: The greatest difference between two outputs.
    """

    ok: bool
    text: str
    needs_retix: bool = False
    tensors: int = 0
    compared: int = 0
    difference: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        return asdict(self)


def check_folder(folder: Path, entry: str, model: torch.nn.Module, inputs: Any, python_path: list[str]) -> CheckOutcome:
    """Load an exported folder in a clean interpreter, and compare its outputs in eval mode with those of ``model``.

    Args:
        folder: Where ``model.py`` and, if weights were kept, ``model.safetensors`` lie.
        entry: The name of the model's class.
        model: The same model, built in this process.
        inputs: What it can be called with: a tensor, or a tuple of arguments; None if that is not known.
        python_path: Where modules of the user's may be found.
    """
    with tempfile.TemporaryDirectory(prefix="retix-check-") as directory:
        task = {"folder": str(folder.absolute()), "entry": entry, "python_path": python_path, "data": None}
        try:
            has_weights = (folder / "model.safetensors").is_file()
            # Fresh weights are drawn anew by each interpreter.
            if has_weights and inputs is not None:
                task |= _write_data(model, inputs, Path(directory) / "data.safetensors")
        except Exception as error:
            return CheckOutcome(False, f"the driver's own model fails: {type(error).__name__}: {error}")
        outcome = _run({**task, "with_retix": False})
        if not outcome.ok and "retix" in outcome.text:
            again = _run({**task, "with_retix": True})
            return again if again.ok else outcome
        return outcome


def _write_data(model: torch.nn.Module, inputs: Any, path: Path) -> dict[str, Any]:
    """Compute the outputs, write them and the inputs to ``path``, and return what the task says of them."""
    tensors: dict[str, Tensor] = {}
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    outline = [_outline(value, tensors) for value in given]
    training = model.training
    with torch.no_grad():
        made = clean_check.list_tensors(model.eval()(*given))
    model.train(training)
    tensors |= {f"output.{i}": tensor for i, tensor in enumerate(made)}
    save_weights(tensors, path)
    return {"inputs": outline, "outputs": len(made), "data": str(path)}


def _outline(value: Any, tensors: dict[str, Tensor]) -> Any:
    """``value`` as JSON values, its tensors put into ``tensors`` by name."""
    if isinstance(value, Tensor):
        name = f"input.{len(tensors)}"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": {key: _outline(item, tensors) for key, item in value.items()}}
    if isinstance(value, (tuple, list)):
        return {"tuple" if isinstance(value, tuple) else "list": [_outline(item, tensors) for item in value]}
    return value


def _run(task: dict[str, Any]) -> CheckOutcome:
    command = [sys.executable, "-I", "-c", inspect.getsource(clean_check)]
    try:
        done = subprocess.run(
            command, cwd=task["folder"], input=json.dumps(task), capture_output=True, text=True, timeout=_LIMIT
        )
    except subprocess.TimeoutExpired:
        return CheckOutcome(False, f"it did not end within {_LIMIT:.0f} s")
    if done.returncode != 0:
        return CheckOutcome(False, f"in a clean interpreter: {_find_error(done.stderr)}")
    found = json.loads(done.stdout.splitlines()[-1])
    return CheckOutcome(True, _describe(found), task["with_retix"], **found)


def _find_error(said: str) -> str:
    """The error in what an interpreter said at its end, in one line."""
    _, _, last = said.rpartition("Traceback (most recent call last):")
    lines = last.splitlines()
    begin = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith(" ")), len(lines))
    return " ".join(" ".join(lines[begin:]).split())[:_LONGEST] or "it was killed"


def _describe(found: dict[str, Any]) -> str:
    loaded = f"{found['tensors']} tensors loaded" if found["tensors"] else "it can be built; no weights were kept"
    if found["compared"]:
        return f"{loaded}, outputs equal to within {found['difference']:.1e}"
    return f"{loaded}, outputs not compared" if found["tensors"] else loaded
