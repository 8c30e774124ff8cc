"""Experiments whose models are built by the graph, by Python, and with choices in their evaluators."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix import FunctionalEvaluator, Mutator, RetiariiExeConfig, RetiariiExperiment
from retix.errors import ConfigError, InvalidMutation
from retix.execution import InlineEngine
from retix.experiment import debug_mutated_model
from retix.experiment.search.loop import EndReason, Limits
from retix.ir import Model
from retix.model_space import ModelSpace
from retix.space import constraint
from retix.store import Store
from retix.strategy import GridSearch, Random, RegularizedEvolution
from retix.trial import FailureKind, TrialState
from tests.experiment.nets import INPUTS, Chain
from tests.experiment.scores import score_width
from tests.experiment.searching import Listener, make_search, make_space, make_store, never
from tests.model_space.nets import DataDependent, Unwrapped

ROOT = Path(__file__).parents[2]


def train(model_cls: Callable[[], Any], rate: float = 1.0) -> float:
    """Runs the model once; the result tells its activation and the rate."""
    model = model_cls()
    model(INPUTS)
    return rate + (10 if type(model.act).__name__ == "Tanh" else 0)


def make_config(root: Path, **settings: Any) -> RetiariiExeConfig:
    """Settings for an experiment below ``root``."""
    return RetiariiExeConfig("local", experiment_working_directory=root, **settings)


@pytest.mark.parametrize("make", [DataDependent, Unwrapped], ids=["by-name", "by-value"])
def test_models_built_by_python(make: Callable[[], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model without a graph is searched all the same: in workers, with its source, weights and exports."""
    experiment = RetiariiExperiment(make(), FunctionalEvaluator(train), None, GridSearch(seed=0), example_inputs=INPUTS)
    experiment.run(make_config(tmp_path))
    assert "models are built by Python" in capsys.readouterr().out
    assert {trial.sample["act"]: trial.metric for trial in experiment.trials()} == {"relu": 1.0, "tanh": 11.0}
    assert experiment.export_top_models() == [{"act": "tanh"}]
    (source,) = experiment.export_top_models(formatter="code")
    assert '"act": "tanh"' in source
    (model,) = experiment.export_top_models(formatter="instance")
    assert isinstance(model.act, torch.nn.Tanh)
    assert model(INPUTS).shape == (2, 2)
    assert ("from tests.model_space.nets import DataDependent" in source) == (make is DataDependent)
    assert (experiment.directory(experiment.top_trials()[0]) / "base.pkl").exists() == (make is Unwrapped)
    assert experiment.local_debug_run({"act": "relu"}) == {"default": 1.0}


@pytest.mark.parametrize("engine", ["base", "py"])
def test_classes_of_a_script(engine: str, tmp_path: Path) -> None:
    """A model in ``__main__`` runs by both engines."""
    script = str(ROOT / "tests/experiment/main_script.py")
    run = subprocess.run(
        [sys.executable, script, engine, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert '{"0": 10.0, "1": 8.0}' in run.stdout or '{"1": 8.0, "0": 10.0}' in run.stdout
    assert '[{"layer": "0"}]' in run.stdout
    assert "Linear(in_features=4, out_features=2" in run.stdout


def test_an_engine_that_does_not_fit(tmp_path: Path) -> None:
    """The engine of the config is the engine of the space; a ModelSpace keeps its own."""
    evaluator = FunctionalEvaluator(score_width)
    experiment = RetiariiExperiment(Chain(), evaluator, None, GridSearch(seed=0), example_inputs=INPUTS)
    assert experiment.space.engine == "graph"
    experiment.run(make_config(tmp_path, execution_engine="py", max_trial_number=1))
    assert experiment.space.engine == "py"
    space = ModelSpace(Chain(), example_inputs=INPUTS)
    with pytest.raises(ConfigError, match="the ModelSpace has the engine 'graph'"):
        RetiariiExperiment(space, evaluator).run(make_config(tmp_path, execution_engine="py"))


def test_a_space_of_the_users(tmp_path: Path) -> None:
    """An experiment takes a ModelSpace, with its rules, and gives it an evaluator; nothing may be said twice."""
    rule = constraint(nn.ValueChoice([1, 2, 3, 4, 5, 6], label="width") > 4)
    space = ModelSpace(Chain(), example_inputs=INPUTS, constraints=[rule])
    experiment = RetiariiExperiment(space, FunctionalEvaluator(score_width), None, GridSearch(seed=0))
    experiment.run(make_config(tmp_path))
    assert {trial.sample["width"] for trial in experiment.trials()} == {5, 6}
    for arguments in ({"constraints": [rule]}, {"example_inputs": INPUTS}, {"applied_mutators": [Picky()]}):
        with pytest.raises(ConfigError, match="both a ModelSpace and"):
            RetiariiExperiment(space, FunctionalEvaluator(score_width), **arguments)
    with pytest.raises(ConfigError, match="has no evaluator"):
        RetiariiExperiment(space)
    with pytest.raises(ConfigError, match="has no base model"):
        RetiariiExperiment(evaluator=FunctionalEvaluator(score_width))


def test_choices_of_the_evaluator(tmp_path: Path) -> None:
    """Each trial has its evaluator; the same network under other settings is no duplicate."""
    evaluator = FunctionalEvaluator(train, rate=nn.ValueChoice([1.0, 2.0], label="rate"))
    experiment = RetiariiExperiment(DataDependent(), evaluator, None, GridSearch(seed=0), example_inputs=INPUTS)
    experiment.run(make_config(tmp_path))
    found = {(trial.sample["act"], trial.sample["rate"]): trial.metric for trial in experiment.trials()}
    assert found == {("relu", 1.0): 1.0, ("relu", 2.0): 2.0, ("tanh", 1.0): 11.0, ("tanh", 2.0): 12.0}
    assert len({trial.digest for trial in experiment.trials()}) == 4
    assert experiment.local_debug_run({"act": "tanh", "rate": 2.0}) == {"default": 12.0}


def test_start_and_wait(tmp_path: Path) -> None:
    """A search runs in a thread of its own; what it raises comes with `wait`."""
    evaluator = FunctionalEvaluator(score_width)
    experiment = RetiariiExperiment(Chain(), trainer=evaluator, strategy=Random(seed=0), example_inputs=INPUTS)
    with pytest.raises(ConfigError, match="was not started"):
        experiment.wait()
    experiment.start(make_config(tmp_path, max_trial_number=1))
    with pytest.raises(ConfigError, match="was started already"):
        experiment.start()
    experiment.wait()
    assert len(experiment.trials()) == 1
    broken = RetiariiExperiment(torch.nn.Linear, evaluator)
    broken.start(make_config(tmp_path))
    with pytest.raises(Exception, match="is a class"):
        broken.wait()


def test_two_at_a_time(tmp_path: Path) -> None:
    """Experiments in threads do not disturb each other."""
    experiments = [
        RetiariiExperiment(Chain(), FunctionalEvaluator(score_width), None, GridSearch(seed=i), example_inputs=INPUTS)
        for i in range(2)
    ]
    threads = [
        threading.Thread(target=experiment.run, args=(make_config(tmp_path, max_trial_number=3),))
        for experiment in experiments
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(experiment.trials()) for experiment in experiments] == [3, 3]
    assert all(trial.state is TrialState.SUCCEEDED for experiment in experiments for trial in experiment.trials())
    assert experiments[0].id != experiments[1].id


class Fixed(nn.Module):
    """A model without choices."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.Tanh()

    def forward(self, x: torch.Tensor) -> Any:
        return self.act(x)


@pytest.mark.parametrize(
    "strategy", [GridSearch(seed=0), Random(seed=0), RegularizedEvolution(seed=0)], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize("engine", ["graph", "py"])
def test_a_model_without_choices_runs_once(strategy: Any, engine: Any, tmp_path: Path) -> None:
    """There is one sample, and the search ends after it."""
    with make_store(tmp_path) as store:
        space = make_space(Fixed(), engine=engine)
        strategy = type(strategy)(seed=0)
        search, reader = make_search(space, strategy, InlineEngine(), store, train, limits=Limits(patience=20))
        search.run(never)
        assert [trial.metric for trial in reader.trials() if trial.duplicate_of is None] == [11.0]


def test_debugging_a_mutated_model() -> None:
    """One model is evaluated here."""
    assert debug_mutated_model(Fixed(), FunctionalEvaluator(train), []) == {"default": 11.0}


# -- samples that make no model ---------------------------------------------------------------------------------------


class Picky(Mutator):
    """Accepts one choice of three."""

    def mutate(self, model: Model) -> None:
        if self.choice([0, 1, 2]) != 2:
            raise InvalidMutation("only 2 makes a model")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store for one experiment."""
    with make_store(tmp_path / "experiments") as store:
        yield store


def test_invalid_mutations_cost_nothing(store: Store) -> None:
    """The strategy is asked again until the budget is spent on models that exist."""
    space, listener = make_space(Chain(), mutators=[Picky()]), Listener()
    search, reader = make_search(
        space,
        GridSearch(shuffle=False, seed=0),
        InlineEngine(),
        store,
        score_width,
        listener=listener,
        limits=Limits(4),
    )
    assert search.run(never) is EndReason.BUDGET
    run = [trial for trial in reader.trials() if trial.state is TrialState.SUCCEEDED]
    assert [trial.sample["Picky/0"] for trial in run] == [2, 2, 2, 2]
    failures = [trial.failure for trial in reader.trials() if trial.failure is not None]
    assert {failure.kind for failure in failures} == {FailureKind.INVALID}
    assert failures[0].message == "only 2 makes a model"


def test_a_space_of_invalid_mutations_ends(store: Store) -> None:
    """A strategy that finds no model that exists does not go on for ever."""

    class Never(Mutator):
        def mutate(self, model: Model) -> None:
            raise InvalidMutation("there is no such model")

    search, _ = make_search(
        make_space(Chain(), mutators=[Never()]),
        Random(dedup=False, seed=0),
        InlineEngine(),
        store,
        score_width,
        limits=Limits(patience=10),
    )
    assert search.run(never) is EndReason.REPEATING


def test_the_choices_of_a_sample_are_json(tmp_path: Path) -> None:
    """What is exported can be written, and read back by `local_debug_run`."""
    experiment = RetiariiExperiment(
        Chain(), FunctionalEvaluator(score_width), None, GridSearch(seed=0), example_inputs=INPUTS
    )
    experiment.run(make_config(tmp_path, max_trial_number=1))
    (exported,) = json.loads(json.dumps(experiment.export_top_models()))
    assert experiment.local_debug_run(exported)["width"] == exported["width"]
