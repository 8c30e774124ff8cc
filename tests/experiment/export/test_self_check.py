"""Exported folders, checked in a clean interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from retix.experiment.export.self_check import check_folder
from retix.weights import save_weights

SOURCE = """\
import torch
from torch import nn
{imports}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.drop = nn.Dropout(0.5)

    def forward(self, x, pair, *, scale=1):
        a, b = pair
        return {{"sum": self.drop(self.layer(x + a)), "rest": [b["c"], x * 2]}}
"""

INPUTS = (torch.ones(3, 4), (torch.zeros(4), {"c": torch.arange(3)}))


def write(folder: Path, *, imports: str = "") -> Any:
    """Write a folder; returns the model, as the driver has it."""
    text = SOURCE.format(imports=imports)
    (folder / "model.py").write_text(text)
    names: dict[str, Any] = {}
    exec(SOURCE.format(imports=""), names)
    model = names["Net"]()
    save_weights(model.state_dict(), folder / "model.safetensors")
    return model


def test_a_whole_model_passes(tmp_path: Path) -> None:
    """Nested inputs and outputs are compared in eval mode, and the driver's model stays in its own."""
    model = write(tmp_path)
    outcome = check_folder(tmp_path, "Net", model, INPUTS, [])
    assert (outcome.ok, outcome.tensors, outcome.compared, outcome.needs_retix) == (True, 2, 3, False), outcome.text
    assert model.training
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.py", "model.safetensors"]


def test_modules_of_the_users_and_retix_are_found_where_they_are_needed(tmp_path: Path) -> None:
    """A module of the user's comes from the recorded path; that retix is needed is said."""
    folder, modules = tmp_path / "out", tmp_path / "modules"
    folder.mkdir()
    modules.mkdir()
    (modules / "my_layers.py").write_text("import retix.nn.pytorch\n")
    model = write(folder, imports="import my_layers")
    assert "No module named 'my_layers'" in check_folder(folder, "Net", model, INPUTS, []).text
    root = str(Path(__file__).parents[3])
    outcome = check_folder(folder, "Net", model, INPUTS, [str(modules), root])
    assert (outcome.ok, outcome.needs_retix) == (True, True), outcome.text


@pytest.mark.parametrize("what", ["missing", "other"])
def test_wrong_weights_are_found(tmp_path: Path, what: str) -> None:
    """Weights that lack a tensor, and those of another training, do not pass."""
    model = write(tmp_path)
    state = model.state_dict()
    changed = {"layer.weight": state["layer.weight"]} if what == "missing" else {k: v + 1 for k, v in state.items()}
    save_weights(changed, tmp_path / "model.safetensors")
    outcome = check_folder(tmp_path, "Net", model, INPUTS, [])
    assert not outcome.ok
    assert ("Missing key" in outcome.text) if what == "missing" else ("not close" in outcome.text), outcome.text


def test_without_inputs_the_model_is_built_and_loaded(tmp_path: Path) -> None:
    """The outcome says that outputs were not compared."""
    outcome = check_folder(tmp_path, "Net", write(tmp_path), None, [])
    assert (outcome.ok, outcome.text) == (True, "2 tensors loaded, outputs not compared")
