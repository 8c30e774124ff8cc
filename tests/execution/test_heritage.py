"""What a trial takes over from its parent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from retix.execution.runner import run_job
from retix.trial import Failed, Finished, Inheritance, Job, WeightsAddress
from retix.weights import WeightStore, current
from tests.execution import jobs
from tests.execution.jobs import make_job

PLAN = {
    "version": 1,
    "tensors": {"fc.weight": {"rule": "copy", "from": "fc.weight"}, "fc.bias": {"rule": "fill", "value": 0.5}},
    "preserves": False,
    "modules": [],
    "by_name": False,
    "report": [],
}


def look(model_cls: Callable[[], Any]) -> dict[str, float]:
    """What two models that are built in a row begin with, and what the trial knows of its parent."""
    first, second = model_cls(), model_cls()
    weights = current()
    return {
        "default": float(first.fc.weight.detach().unique().sum()),
        "second": float(second.fc.weight.detach().unique().sum()),
        "bias": float(first.fc.bias.detach().unique().sum()),
        "parent": float(weights.parent_trial or 0),
        "loaded": float(weights.load_parent()["fc.weight"].unique().sum()) if weights.parent else -1.0,
        "random": float(torch.rand(())),
    }


def read_weight(model_cls: Callable[[], Any]) -> float:
    """What the model begins with."""
    return float(model_cls().fc.weight.detach().unique().sum())


def make_heir(directory: Path, plan: dict[str, Any] | None, function: Callable[..., Any] = look, **fields: Any) -> Job:
    """Trial 2, whose parent is trial 1."""
    inheritance = Inheritance(1, WeightsAddress(str(directory / "w"), "trials/1/model"), plan)
    own = WeightsAddress(str(directory / "w"), "trials/2/model")
    return make_job(directory, function, trial=2, seed=5, weights=own, inheritance=inheritance, **fields)


@pytest.fixture
def parent(tmp_path: Path) -> WeightStore:
    """A store with the weights of trial 1, all 7."""
    own = WeightsAddress(str(tmp_path / "w"), "trials/1/model")
    assert isinstance(run_job(make_job(tmp_path, jobs.fill_weights, weights=own), [].append), Finished)
    return WeightStore(tmp_path / "w")


def run(job: Job) -> dict[str, float]:
    """The result of a job that succeeds."""
    outcome = run_job(job, [].append)
    assert isinstance(outcome, Finished), outcome
    return dict(outcome.metrics)


def test_every_model_inherits(parent: WeightStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each model begins as the plan says; the record and one line of the log say what was done, once."""
    found = run(make_heir(tmp_path, PLAN))
    assert (found["default"], found["second"], found["bias"]) == (7.0, 7.0, 0.5)
    record = json.loads((tmp_path / "2/inherited.json").read_text())
    assert (record["parent"], record["counts"]) == (1, {"copy": 1, "fill": 1})
    assert capsys.readouterr().out.count("inherited from trial 1: ") == 1
    assert parent.get("trials/2/model")["fc.weight"].unique().tolist() == [7.0]


def test_the_seed_means_the_same(parent: WeightStore, tmp_path: Path) -> None:
    """Inheriting draws no random numbers, so what follows is as random as without."""
    fresh = make_job(tmp_path, look, trial=3, seed=5)
    assert run(make_heir(tmp_path, PLAN))["random"] == run(fresh)["random"]


def test_without_a_plan(parent: WeightStore, tmp_path: Path) -> None:
    """Nothing is taken over, but the trial may read its parent's weights by itself."""
    found = run(make_heir(tmp_path, None))
    assert found["default"] != 7.0
    assert (found["parent"], found["loaded"]) == (1.0, 7.0)
    assert not (tmp_path / "2/inherited.json").exists()


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_parent_that_is_lost(
    parent: WeightStore, tmp_path: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights that are gone or damaged fail nobody: the trial starts fresh, as its record and its log say."""
    file = tmp_path / "w/trials/1/model.safetensors"
    file.unlink() if harm == "gone" else file.write_bytes(file.read_bytes()[:-1])
    found = run(make_heir(tmp_path, PLAN, read_weight))
    assert found["default"] != 7.0
    record = json.loads((tmp_path / "2/inherited.json").read_text())
    assert (record["parent"], record["fresh"]) == (1, True)
    assert ("no weights" if harm == "gone" else "damaged") in record["why"]
    assert capsys.readouterr().out.count("starts fresh, not from the weights of trial 1") == 1


def test_nobody_outside_sees_the_weights(parent: WeightStore, tmp_path: Path) -> None:
    """When the trial has ended, however it did, there is no current one."""
    assert isinstance(run_job(make_heir(tmp_path, PLAN, jobs.leave), [].append), Failed)
    with pytest.raises(Exception, match="outside of a trial"):
        current()
