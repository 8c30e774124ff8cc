"""Spaces of models, without a search."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix import FunctionalEvaluator, Mutator
from retix.errors import ConfigError, ConversionError, RecipeError, SpaceError
from retix.ir import Model
from retix.model_space import ModelSpace
from retix.model_space.loading import build_from_source
from retix.space import Sample, constraint
from tests.model_space.nets import INPUTS, Built, DataDependent, Net, Unwrapped, make_built

ROOT = Path(__file__).parents[2]


def score(model_cls: Callable[[], Any], rate: float = 0.1) -> float:
    """Stands for training."""
    return rate


def make_space(module: Any = None, **arguments: Any) -> ModelSpace:
    """A space of ``Net``, or of another model."""
    return ModelSpace(Net() if module is None else module, example_inputs=INPUTS, **arguments)


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_size_and_samples(engine: Any) -> None:
    """What is counted is what there is: a rate without its layer counts in no engine."""
    space = make_space(engine=engine)
    samples = list(space.grid())
    assert space.engine == engine
    assert space.size == len(samples) == len(set(samples)) == 8
    assert space.random(seed=3) == space.random(seed=3)
    assert {space.random(seed) for seed in range(60)} == set(samples)
    assert len({space.fingerprint(sample) for sample in samples}) == 8


def test_the_engines_make_equal_models() -> None:
    """Each sample computes the same by its graph, by Python, and by its generated source, with the base weights.

    A width of 5 has no base weights; there the models agree once all their weights are the same.
    """
    base = Net().eval()
    graph, python = make_space(base, engine="graph"), make_space(base, engine="py")
    for sample in graph.grid():
        models = [
            graph.python(sample),
            python.python(sample),
            build_from_source(graph.source(sample), base),
        ]
        if sample["width"] == 5:
            for parameter in [parameter for model in models for parameter in model.parameters()]:
                torch.nn.init.constant_(parameter, 0.5)
        results = [model.eval()(INPUTS) for model in models]
        assert torch.equal(results[0], results[1])
        assert torch.equal(results[0], results[2])
        assert base.training is False
        assert graph.build(sample).digest() == graph.digest(sample)


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_decisions(engine: Any) -> None:
    """Each comes with its candidates, with what uses it, and with when it is alive."""
    by_label = {decision.label: decision for decision in make_space(engine=engine).decisions}
    assert set(by_label) == {"width", "layer", "rate"}
    assert by_label["width"].candidates == (3, 5)
    assert any("first" in place for place in by_label["width"].dependents)
    assert by_label["width"].condition is None
    assert "layer" in str(by_label["rate"].condition)
    assert "drop" in str(by_label["rate"].condition)


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_print(engine: Any) -> None:
    """The table has every decision and the exact size."""
    text = str(make_space(engine=engine, constraints=[constraint(nn.ValueChoice([3, 5], label="width") > 0, "wide")]))
    assert "ModelSpace of Net" in text
    assert "3 decisions, 8 samples" in text
    assert f"engine: {engine}" in text
    assert "wide" in text
    for word in ("width", "layer", "rate", "'linear', 'drop', 'relu'", "always"):
        assert word in text
    assert repr(make_space()) == "<ModelSpace of Net: 3 decisions, 8 samples>"


def test_html_is_escaped() -> None:
    """A label of the user's cannot become markup."""

    class Marked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LayerChoice({"<b>": nn.ReLU(), "&": nn.Tanh()}, label="<script>")

        def forward(self, x: torch.Tensor) -> Any:
            return self.layer(x)

    page = make_space(Marked())._repr_html_()
    assert "<table>" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "<b>" not in page


# -- engines ----------------------------------------------------------------------------------------------------------


def test_what_cannot_be_captured_is_built_by_python() -> None:
    """By default; the reason is kept, shown, and given where a graph is asked for."""
    space = make_space(DataDependent())
    assert space.engine == "py"
    assert space.reason is not None
    assert "DataDependent cannot be captured" in space.reason
    assert "engine: py, because DataDependent cannot be captured" in str(space)
    for ask in (lambda: space.build(space.complete({})), lambda: space.base_model, lambda: space.mutation_space):
        with pytest.raises(ConfigError, match="cannot be captured"):
            ask()
    model = space.python({"act": "tanh"})
    assert isinstance(model.act, torch.nn.Tanh)
    with pytest.raises(ConversionError):
        make_space(DataDependent(), engine="graph")


class Widening(Mutator):
    """Changes nothing, by a choice."""

    def mutate(self, model: Model) -> None:
        self.choice([1, 2])


def test_mutators_need_a_graph() -> None:
    """They are refused by the Python engine, and a model without a graph is refused with them."""
    assert make_space(mutators=[Widening()]).size is None
    with pytest.raises(ConfigError, match="cannot apply mutators"):
        make_space(mutators=[Widening()], engine="py")
    with pytest.raises(ConversionError):
        make_space(DataDependent(), mutators=[Widening()])
    with pytest.raises(ConfigError, match="there is no engine 'cgo'"):
        make_space(engine="cgo")


def test_a_model_after_mutators_comes_from_its_source() -> None:
    """It has the weights of the base model too."""
    base = Net().eval()
    space = make_space(base, mutators=[Widening()])
    model = space.python(space.complete({"layer": "relu"})).eval()
    plain = make_space(base).python({"width": 3, "layer": "relu"})
    assert torch.equal(model(INPUTS), plain(INPUTS))


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_wrong_samples(engine: Any) -> None:
    """A missing answer, one too many and a wrong one are named."""
    space = make_space(engine=engine)
    for sample, what in (
        ({"width": 3}, "'layer'"),
        ({"width": 3, "layer": "relu", "rate": 0.5}, "'rate'"),
        ({"width": 4, "layer": "relu"}, "4 does not answer"),
    ):
        for make in (space.source, space.python):
            with pytest.raises(SpaceError, match=what):
                make(sample)


# -- decisions of the constructor -------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_decisions_of_the_constructor(engine: Any) -> None:
    """Each assignment has a model of its own, and what is asked may depend on earlier answers."""
    space = make_space(Built(), engine=engine)
    samples = list(space.grid())
    assert space.size == len(samples) == len(set(samples)) == (1 + 3) * 2
    assert [decision.label for decision in space.decisions] == ["depth", "rate", "act"]
    assert space.decisions[0].dependents == ("constructor",)
    deep = space.python({"depth": 2, "rate": 0.3, "act": "1"})
    assert [type(layer).__name__ for layer in deep.body] == ["Linear", "Linear", "Dropout"]
    assert deep.body[2].p == 0.3
    assert "build_model" in space.source(samples[0]).text or engine == "graph"
    built = space.instantiate({"depth": 1, "act": "0"})
    assert built(INPUTS).shape == (2, 4)
    assert space.random(seed=1) in samples
    with pytest.raises(SpaceError, match="'depth'"):
        space.source({"act": "0"})


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_a_factory(engine: Any) -> None:
    """A function that makes the model stands for a decorated class."""
    space = ModelSpace(make_built, example_inputs=INPUTS, engine=engine)
    assert space.size == 3
    assert space.instantiate({"width": 2})(INPUTS).shape == (2, 2)


# -- beside the model -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_choices_of_the_evaluator(engine: Any) -> None:
    """They are decisions of the space; a label of the model's is asked once, and other settings are another trial."""
    evaluator = FunctionalEvaluator(score, rate=nn.ValueChoice([1.0, 2.0]) * nn.ValueChoice([3, 5], label="width"))
    space = make_space(evaluator=evaluator, engine=engine)
    assert space.size == 16
    by_label = {decision.label: decision for decision in space.decisions}
    assert by_label["evaluator.rate"].dependents == ("evaluator.rate",)
    assert "evaluator.rate" in by_label["width"].dependents
    sample = Sample({"width": 5, "layer": "relu", "evaluator.rate": 2.0})
    other = Sample({"width": 5, "layer": "relu", "evaluator.rate": 1.0})
    assert space.fill_evaluator(sample).arguments == {"rate": 10.0}  # type: ignore[attr-defined]  # a FunctionalEvaluator
    assert space.digest(sample) != space.digest(other)
    assert space.source(sample) == space.source(other) or engine == "py"
    assert len(set(space.grid())) == 16
    assert "evaluator.rate" in str(space)
    swapped = space.with_evaluator(FunctionalEvaluator(score))
    assert (swapped.size, space.size, swapped.engine) == (8, 16, engine)
    with pytest.raises(ConfigError, match="has no evaluator"):
        make_space().fill_evaluator({})


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_constraints(engine: Any) -> None:
    """No sample breaks a rule, and the size counts those that keep them."""
    width, rate = nn.ValueChoice([3, 5], label="width"), nn.ValueChoice([0.25, 0.5], label="rate")
    space = make_space(constraints=[constraint(width * rate < 2)], engine=engine)
    samples = list(space.grid())
    assert len(samples) == space.size == 7
    assert all(sample["width"] * sample.get("rate", 0) < 2 for sample in samples)
    assert {space.random(seed) for seed in range(60)} == set(samples)


def test_constraints_on_the_constructor() -> None:
    """A rule may speak of what the constructor decides, alone or with others."""
    depth, act = nn.ValueChoice([1, 2], label="depth"), nn.ValueChoice(["0", "1"], label="act")
    space = make_space(Built(), constraints=[constraint(depth > 1)])
    assert {sample["depth"] for sample in space.grid()} == {2}
    assert space.size == 6
    mixed = make_space(Built(), constraints=[constraint((depth > 1) | (act == "1"))])
    assert mixed.size == len(list(mixed.grid())) == 7


# -- JSON -------------------------------------------------------------------------------------------------------------

READ = """
import json, sys
from retix.model_space import ModelSpace
space = ModelSpace.from_json(json.load(sys.stdin))
print(json.dumps([[sample.to_json(), space.digest(sample), space.source(sample).text] for sample in space.grid()]))
"""


@pytest.mark.parametrize(
    ("make", "engine"),
    [(Net, "graph"), (Net, "py"), (Built, "graph"), (Built, "py"), (DataDependent, "auto")],
    ids=["graph", "python", "built-graph", "built-python", "data"],
)
def test_json_in_another_process(make: Callable[[], Any], engine: Any) -> None:
    """Every sample has the same digest and source there."""
    rule = constraint(nn.ValueChoice([3, 5], label="width") > 3)
    evaluator = FunctionalEvaluator(score, rate=nn.ValueChoice([1.0, 2.0], label="rate of learning"))
    space = make_space(make(), engine=engine, evaluator=evaluator, constraints=[rule] if make is Net else [])
    text = json.dumps(space.to_json())
    run = subprocess.run(
        [sys.executable, "-c", READ], input=text, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    expected = [[sample.to_json(), space.digest(sample), space.source(sample).text] for sample in space.grid()]
    assert json.loads(run.stdout) == expected
    assert len(expected) == space.size


def test_json_with_mutators() -> None:
    """A mutator is written by its class and attributes."""
    space = make_space(mutators=[Widening("wide")])
    again = ModelSpace.from_json(json.loads(json.dumps(space.to_json())))
    assert list(again.grid()) == list(space.grid())
    assert [mutator.label for mutator in again.mutators] == ["wide"]


def test_what_has_no_json() -> None:
    """A class that cannot be imported is refused with advice, where its graph does not tell all."""

    class Local(DataDependent):
        pass

    with pytest.raises(RecipeError, match="space of Unwrapped cannot be written as JSON"):
        make_space(Unwrapped()).to_json()
    with pytest.raises(RecipeError, match="Local cannot be written as JSON"):
        make_space(Local()).to_json()

    class Nameless(Mutator):
        def mutate(self, model: Model) -> None:
            """Change nothing."""

    with pytest.raises(RecipeError, match="the mutator 'Nameless' cannot be written as JSON"):
        make_space(mutators=[Nameless()]).to_json()
    with pytest.raises(ConfigError, match="no model space of version"):
        ModelSpace.from_json({"model_space": 99})


class Misfit(nn.Module):
    """Its second layer does not take what the first one gives."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, nn.ValueChoice([3, 5], label="width"))
        self.second = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


def test_a_model_that_fails_has_no_engine() -> None:
    """What Python cannot run either is refused at once, instead of being left to the Python engine."""
    with pytest.raises(ConversionError, match="shapes cannot be multiplied"):
        ModelSpace(Misfit(), example_inputs=torch.zeros(1, 4))
