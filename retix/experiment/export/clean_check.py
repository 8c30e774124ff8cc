"""Builds an exported model where nothing of retix is, and compares what it computes; run by `python -I -c`.

`self_check` hands the text of this file to a new interpreter, with a task as JSON on stdin. It imports nothing but the
standard library, torch, safetensors, and what the model itself needs.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


def check(task: dict[str, Any]) -> dict[str, Any]:
    """Build the model in ``task["folder"]``, load its weights strictly, run it, and compare.

    Returns:
        How many tensors were loaded and compared, and the greatest difference; ``compared`` is 0 without inputs.
    """
    folder = Path(task["folder"])
    # Modules of the user's, which the source may import; never in front of what is installed.
    sys.path += task["python_path"]
    if not task["with_retix"]:
        sys.modules["retix"] = None  # type: ignore[assignment]  # Python's word for a module that is not to be found
    model = _build(folder / "model.py", task["entry"])
    weights = folder / "model.safetensors"
    loaded = load_file(weights) if weights.is_file() else {}
    if loaded:
        model.load_state_dict(loaded, strict=True)
    outcome: dict[str, Any] = {"tensors": len(loaded), "compared": 0, "difference": 0.0}
    if task["data"] is None:
        return outcome
    tensors = load_file(Path(task["data"]))
    inputs = [_put_tensors(value, tensors) for value in task["inputs"]]
    with torch.no_grad():
        found = list_tensors(model.eval()(*inputs))
    wanted = [tensors[f"output.{i}"] for i in range(task["outputs"])]
    if [t.shape for t in found] != [t.shape for t in wanted]:
        raise ValueError(f"outputs of {[list(t.shape) for t in found]}, not of {[list(t.shape) for t in wanted]}")
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)
        if one.numel():
            gap = (one.double() - other.double()).abs().nan_to_num().max().item()
            outcome["difference"] = max(outcome["difference"], gap)
    outcome["compared"] = len(found)
    return outcome


def _build(path: Path, entry: str) -> Any:
    spec = importlib.util.spec_from_file_location("model", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return getattr(module, entry)()


def _put_tensors(value: Any, tensors: dict[str, Any]) -> Any:
    """An input of its outline, in which ``{"tensor": name}`` stands for each tensor."""
    if isinstance(value, dict) and "tensor" in value:
        return tensors[value["tensor"]]
    if isinstance(value, dict) and "dict" in value:
        return {key: _put_tensors(item, tensors) for key, item in value["dict"].items()}
    if isinstance(value, dict):
        ((kind, items),) = value.items()
        made = [_put_tensors(item, tensors) for item in items]
        return tuple(made) if kind == "tuple" else made
    return value


def list_tensors(value: Any) -> list[torch.Tensor]:
    """The tensors in what a model returns, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for item in value for t in list_tensors(item)] if isinstance(value, (list, tuple)) else []


if __name__ == "__main__":
    print(json.dumps(check(json.load(sys.stdin))))
