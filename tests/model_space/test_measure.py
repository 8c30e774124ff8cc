"""What a space knows of its models without training them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch

from retix.errors import ConfigError, SpaceError
from retix.evaluator.pytorch.lightning import DataLoader
from retix.measures import Latency, ProxyEvaluator, SynFlow
from retix.model_space import ModelSpace
from tests.evaluator.samples import Signs
from tests.measures.test_catalogue import Depth
from tests.model_space.nets import INPUTS, DataDependent, Net, make_built

EVALUATOR = ProxyEvaluator("naswot", DataLoader(Signs(12), batch_size=6))
SAMPLE = {"width": 5, "layer": "relu"}


def make_space(module: Any = None, **arguments: Any) -> ModelSpace:
    """A space with data."""
    return ModelSpace(Net() if module is None else module, example_inputs=INPUTS, evaluator=EVALUATOR, **arguments)


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_both_engines_measure_the_model(engine: Any) -> None:
    """Parameters are those of the model that is made, FLOPs those of its layers, and every measure is finite."""
    space = make_space(engine=engine)
    assert space.measure(SAMPLE, "parameters") == sum(p.numel() for p in space.instantiate(SAMPLE).parameters())
    assert space.measure(SAMPLE, "flops") == space.measure(SAMPLE, "flops") > 2 * 4 * 5
    assert all(math.isfinite(space.measure(SAMPLE, name)) for name in space.measures)


def test_the_engines_agree() -> None:
    """A model has the same costs by both engines."""
    graph, py = make_space(engine="graph"), make_space(engine="py")
    for name in ("parameters", "flops", "memory"):
        assert graph.measure(SAMPLE, name) == py.measure(SAMPLE, name)


def test_costs_are_those_of_the_summary() -> None:
    """The graph's own summary counts the same."""
    space = make_space()
    summary = space.build(SAMPLE).summary()
    assert space.measure(SAMPLE, "parameters") == summary.n_parameters
    assert space.measure(SAMPLE, "flops") * len(INPUTS) == summary.flops


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_constructors_that_decide(engine: Any) -> None:
    """Where a constructor decides the model, each of its answers has costs of its own."""
    space = make_space(make_built, engine=engine)
    samples = list(space.grid())
    counts = [space.measure(sample, "parameters") for sample in samples]
    assert counts == [sum(p.numel() for p in space.instantiate(sample).parameters()) for sample in samples]
    assert len(set(counts)) > 1


def test_models_that_need_python() -> None:
    """A model that no graph holds is measured as it runs."""
    space = make_space(DataDependent())
    assert space.engine == "py"
    sample = space.random(0)
    assert space.measure(sample, "flops") > 0


def test_names() -> None:
    """What is known is told without computing; what is not lists what is."""
    space = make_space(measures=[Depth()])
    assert space.knows_measure("depth")
    assert not space.knows_measure("accuracy")
    assert space.measures["naswot"].mode == "maximize"
    with pytest.raises(SpaceError, match="zico, depth"):
        space.measure(SAMPLE, "accuracy")
    with pytest.raises(ConfigError, match="is no measure"):
        make_space(measures=["naswot"])


def test_equal_networks_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample that was measured needs no source any more."""
    space = make_space()
    first = space.measure(SAMPLE, "zico")
    monkeypatch.setattr(space, "source", None)
    assert space.measure(dict(SAMPLE), "zico") == first
    space.remember({"width": 3, "layer": "relu"}, "latency", 0.5)
    assert space.measure({"width": 3, "layer": "relu"}, "latency") == 0.5


def test_measures_go_with_the_space() -> None:
    """By JSON, and to another evaluator, the space keeps its measures with their arguments."""
    space = make_space(measures=[Depth(2.0), Latency("cpu", repeats=3, name="quick")])
    restored = ModelSpace.from_json(json.loads(json.dumps(space.to_json())), EVALUATOR)
    other = space.with_evaluator(ProxyEvaluator("zico", DataLoader(Signs(8), batch_size=4)))
    for each in (restored, other):
        assert each.measure(SAMPLE, "depth") == space.measure(SAMPLE, "depth")
        assert each.measure(SAMPLE, "quick") > 0
    assert restored.measure(SAMPLE, "grad_norm") == space.measure(SAMPLE, "grad_norm")


def test_python_spaces_keep_their_inputs() -> None:
    """By JSON, a space without a graph still knows what its models take."""
    space = ModelSpace(Net(), example_inputs=INPUTS, engine="py")
    restored = ModelSpace.from_json(json.loads(json.dumps(space.to_json())))
    assert restored.measure(SAMPLE, "memory") == space.measure(SAMPLE, "memory")


def test_noise_where_there_is_no_data() -> None:
    """Without an evaluator's data, proxies look at noise, and say so; random numbers stay as they were."""
    space = ModelSpace(Net(), example_inputs=INPUTS)
    state = torch.get_rng_state()
    with pytest.warns(UserWarning, match="noise"):
        found = space.measure(SAMPLE, "naswot")
    assert math.isfinite(found)
    assert torch.equal(torch.get_rng_state(), state)
    assert space.measures["synflow"].__class__ is SynFlow
