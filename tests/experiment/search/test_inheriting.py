"""Children of a search start from their parents' weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from retix.execution import InlineEngine
from retix.experiment.search.inheriting import make_inheritance
from retix.experiment.search.limits import Limits
from retix.model_space import ModelSpace
from retix.space import Sample
from retix.strategy import RegularizedEvolution
from retix.trial import Trial, TrialState, WeightsAddress
from retix.weights import apply_inheritance, current
from tests.experiment.nets import INPUTS, Chain
from tests.experiment.scores import ModelClass
from tests.experiment.searching import make_search, make_space, make_store, never

ADDRESS = WeightsAddress("memory://weights", "trials/1/model")


def make_trial(number: int, width: int) -> Trial:
    """A trial of a chain."""
    return Trial(number, Sample({"width": width}), TrialState.SUCCEEDED)


def measure_output(model_cls: ModelClass) -> dict[str, float]:
    """A number that tells what the model computes, and whether it has a parent; nothing is trained."""
    model = model_cls()
    output = model(torch.ones(1, 4)).detach().double()
    return {"default": float(output[0, 0]), "heir": float(current().parent is not None)}


def test_plans_from_graphs() -> None:
    """A wider child computes what its parent computes."""
    space = make_space(Chain())
    inheritance = make_inheritance(space, make_trial(1, 2), make_trial(2, 5), ADDRESS)
    assert inheritance is not None
    assert (inheritance.parent, inheritance.weights) == (1, ADDRESS)
    assert inheritance.plan is not None
    plan = json.loads(json.dumps(inheritance.plan))
    parent, child = space.instantiate({"width": 2}), space.instantiate({"width": 5})
    assert apply_inheritance(child, parent.state_dict(), plan).preserves
    given = torch.randn(3, 4)
    assert torch.allclose(parent(given), child(given), atol=1e-6)


def test_plans_by_names() -> None:
    """Where the Python engine builds the models, what has an equal name and shape is copied."""
    space = ModelSpace(Chain(), example_inputs=INPUTS, engine="py")
    inheritance = make_inheritance(space, make_trial(1, 2), make_trial(2, 5), ADDRESS)
    assert inheritance is not None
    assert inheritance.plan is not None
    parent, child = space.instantiate({"width": 2}), space.instantiate({"width": 5})
    report = apply_inheritance(child, parent.state_dict(), inheritance.plan)
    assert not report.preserves
    assert torch.equal(child.get_parameter("last.bias"), parent.get_parameter("last.bias"))
    assert set(report.left) == {"first.weight", "first.bias", "last.weight"}


@pytest.mark.parametrize("inherit", [True, False])
def test_search(tmp_path: Path, inherit: bool) -> None:
    """In a search that inherits, a wider child computes what its parent computed; in another, nothing is."""
    strategy = RegularizedEvolution(
        population_size=2, sample_size=1, mutation_prob=0, dedup=True, seed=1, inherit_weights=inherit
    )
    store = make_store(tmp_path)
    with store, InlineEngine() as engine:
        search, reader = make_search(
            make_space(Chain()), strategy, engine, store, measure_output, limits=Limits(trials=6)
        )
        search.run(never)
        trials = {trial.id: trial for trial in reader.trials()}
    children = [trial for trial in trials.values() if trial.parent is not None]
    assert len(children) == 4
    for child in children:
        parent = trials[child.parent or 0]
        wider = child.sample["width"] > parent.sample["width"]
        same = child.metric == pytest.approx(parent.metric, abs=1e-6)
        assert child.inherit == inherit
        assert child.metrics["heir"] == float(inherit)
        assert same == (inherit and wider)
    assert any(child.sample["width"] > trials[child.parent or 0].sample["width"] for child in children)
