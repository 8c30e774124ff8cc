"""Experiments to look at, and the command to look with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from retix.cli import main
from retix.model_space import write_inputs
from retix.space import Sample
from retix.store import ExperimentState, Store
from retix.trial import Failure, FailureKind, Trial, TrialState
from retix.weights import WeightStore

SOURCE = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, {width})

    def forward(self, x):
        return self.layer(x)
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command ``retix`` with arguments, in a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return Result(caught.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty directory of experiments."""
    return tmp_path / "experiments"


@pytest.fixture
def id(root: Path) -> str:
    """An experiment that is done: two results, a duplicate, a failure; the better model kept its weights."""
    versions = {"python": "3.11.7", "retix": "0.1.0", "torch": "2.13.0"}
    with Store.create(root, name="digits", optimize_mode="maximize", config={"seed": 7}, versions=versions) as store:
        samples = [Sample({"conv": str(i % 3), "width": 16 * i}) for i in range(1, 5)]
        failure = Failure(FailureKind.RAISED, "no kernel of 7", "ValueError", "Traceback")
        store.add_trial(Trial(1, samples[0], TrialState.SUCCEEDED, {"default": 0.75, "loss": 0.5}, created=1.0))
        store.add_trial(Trial(2, samples[1], TrialState.SUCCEEDED, {"default": 0.875}, parent=1, created=2.0))
        store.add_trial(Trial(3, samples[2], TrialState.DUPLICATE, {"default": 0.875}, duplicate_of=2, created=3.0))
        store.add_trial(Trial(4, samples[3], TrialState.FAILED, failure=failure, created=4.0))
        for trial in (1, 2):
            store.write_file(f"trials/{trial}/model.py", SOURCE.format(width=trial).encode())
        store.write_file("inputs.json", json.dumps(write_inputs((torch.zeros(3, 4),))).encode())
        layer = torch.nn.Linear(4, 2)
        state = {f"layer.{name}": tensor for name, tensor in layer.state_dict().items()}
        WeightStore(store.directory).put("trials/2/model", state)
        store.set_state(ExperimentState.DONE)
    return store.id
