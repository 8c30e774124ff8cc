"""Experiments to look at, and the command to look with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from retix.cli import main
from retix.space import Sample
from retix.store import ExperimentState, Store
from retix.trial import Failure, FailureKind, Trial, TrialState


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
    with Store.create(root, name="digits", optimize_mode="maximize", config={}, versions=versions) as store:
        samples = [Sample({"conv": str(i % 3), "width": 16 * i}) for i in range(1, 5)]
        failure = Failure(FailureKind.RAISED, "no kernel of 7", "ValueError", "Traceback")
        store.add_trial(Trial(1, samples[0], TrialState.SUCCEEDED, {"default": 0.75, "loss": 0.5}, created=1.0))
        store.add_trial(Trial(2, samples[1], TrialState.SUCCEEDED, {"default": 0.875}, parent=1, created=2.0))
        store.add_trial(Trial(3, samples[2], TrialState.DUPLICATE, {"default": 0.875}, duplicate_of=2, created=3.0))
        store.add_trial(Trial(4, samples[3], TrialState.FAILED, failure=failure, created=4.0))
        for trial in (1, 2):
            store.write_file(f"trials/{trial}/model.py", f"model = {trial}\n".encode())
        store.write_file("trials/2/model.safetensors", b"weights of 2")
        store.set_state(ExperimentState.DONE)
    return store.id
