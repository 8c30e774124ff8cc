"""Whole experiments, as a user runs them."""

from __future__ import annotations

import json
import socket
import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import retix.nn.pytorch as nn
from retix import Evaluator, FunctionalEvaluator, RetiariiExeConfig, RetiariiExperiment
from retix.errors import ConfigError, ConversionError, RecipeError, RetixError, SpaceError, StoreError
from retix.store import ExperimentState, StoreReader, list_experiments, list_ids
from retix.strategy import GridSearch, Random
from retix.trial import Proposal, TrialState
from tests.experiment.nets import INPUTS, Chain
from tests.experiment.scores import raise_in_model, score_width, width_of
from tests.experiment.searching import Scripted, count_most_at_once


def make_experiment(module: Any, evaluator: Any = score_width, strategy: Any = None, **arguments: Any) -> Any:
    """An experiment whose evaluator is ``evaluator``, or calls it."""
    if not isinstance(evaluator, Evaluator):
        evaluator = FunctionalEvaluator(evaluator, **arguments)
    return RetiariiExperiment(module, evaluator, None, strategy, example_inputs=INPUTS)


def make_config(root: Path, **settings: Any) -> RetiariiExeConfig:
    """Settings for an experiment below ``root``."""
    return RetiariiExeConfig("local", experiment_working_directory=root, **settings)


def find_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch_status(port: int) -> dict[str, Any]:
    """What the page answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=10) as answer:
        status: dict[str, Any] = json.load(answer)
        return status


@dataclass(frozen=True, slots=True)
class Ended:
    """An experiment that has run, and what was seen of it."""

    experiment: RetiariiExperiment
    root: Path
    port: int
    while_running: dict[str, Any]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A grid of six networks on two workers, with a page; looked at while its first trials ran."""
    root, gate, port = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("gate") / "open", find_port()
    experiment = make_experiment(Chain(), score_width, GridSearch(seed=5), gate=gate)
    config = make_config(root, max_trial_number=5, trial_concurrency=2, keep_weights=2, experiment_name="widths")
    thread = threading.Thread(target=experiment.run, args=(config, port))
    thread.start()
    try:
        while_running = poll_until_running(port)
    finally:
        gate.touch()
        thread.join()
    return Ended(experiment, root, port, while_running)


def poll_until_running(port: int) -> dict[str, Any]:
    """The status as the page gives it once two trials run."""
    for _ in range(1200):
        try:
            status = fetch_status(port)
        except urllib.error.URLError:
            status = {}
        if status.get("counts", {}).get("running") == 2:
            return status
        threading.Event().wait(0.1)
    raise TimeoutError("the page did not show two running trials")


def test_the_page_answers_while_the_search_runs(ended: Ended) -> None:
    """It knows the experiment and its counts, and is gone afterwards."""
    status = ended.while_running
    assert (status["id"], status["name"], status["state"]) == (ended.experiment.id, "widths", "running")
    assert status["counts"]["succeeded"] == 0
    assert status["budget"]["max_trial_number"] == 5
    with pytest.raises(urllib.error.URLError, match="refused"):
        fetch_status(ended.port)


def test_the_experiment_is_recorded(ended: Ended) -> None:
    """The store knows its name, settings, versions and state, and keeps the captured base model."""
    (info,) = list_experiments(ended.root)
    assert (info.id, info.name, info.state) == (ended.experiment.id, "widths", ExperimentState.DONE)
    assert (info.config["trial_concurrency"], info.config["strategy"], info.config["seed"]) == (2, "GridSearch", 5)
    assert info.versions["torch"] == torch.__version__
    assert ended.experiment.directory() == ended.root / info.id
    assert "first" in (ended.experiment.directory() / "model.json").read_text()


def test_trials_and_the_best_of_them(ended: Ended) -> None:
    """All trials come in order, the best come best first, in both senses of best."""
    trials = ended.experiment.trials()
    assert [trial.id for trial in trials] == [1, 2, 3, 4, 5]
    assert all(trial.state is TrialState.SUCCEEDED for trial in trials)
    assert count_most_at_once(trials) == 2
    metrics = sorted(trial.metric for trial in trials if trial.metric is not None)
    assert [trial.metric for trial in ended.experiment.top_trials(9)] == metrics[::-1]
    assert [trial.metric for trial in ended.experiment.top_trials(2, "maximize")] == metrics[:-3:-1]
    assert [trial.metric for trial in ended.experiment.top_trials(2, "minimize")] == metrics[:2]
    assert [r.metrics["default"] for r in StoreReader(ended.experiment.directory()).reports(3)] == [0.0, 0.5]


def test_the_best_models_are_exported(ended: Ended) -> None:
    """As choices or as source, whose class takes the weights that were kept; other weights are deleted."""
    experiment = ended.experiment
    assert experiment.export_top_models() == [trial.sample.to_json() for trial in experiment.top_trials(1)]
    sources = experiment.export_top_models(top_k=2, formatter="code")
    for trial, source in zip(experiment.top_trials(2), sources, strict=True):
        namespace: dict[str, Any] = {}
        exec(source, namespace)
        model = namespace["Chain"]()
        model.load_state_dict(load_file(experiment.directory(trial) / "model.safetensors"))
        assert width_of(model) == trial.sample["width"]
        assert "retix" not in source
    (worst,) = experiment.export_top_models(optimize_mode="minimize")
    assert worst == experiment.top_trials(5)[-1].sample.to_json()
    kept = {trial.id for trial in experiment.trials() if (experiment.directory(trial) / "model.safetensors").exists()}
    assert kept == {trial.id for trial in experiment.top_trials(2)}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"formatter": "onnx"}, "there is no formatter 'onnx'"),
        ({"optimize_mode": "best"}, "there is no optimize_mode 'best'"),
        ({"top_k": 0}, "top_k is 0"),
    ],
)
def test_wrong_arguments_of_export(ended: Ended, arguments: dict[str, Any], what: str) -> None:
    """Each is named."""
    with pytest.raises(ConfigError, match=what):
        ended.experiment.export_top_models(**arguments)


def test_an_experiment_runs_once(ended: Ended) -> None:
    """Running again would mix two searches."""
    with pytest.raises(ConfigError, match="has run already"):
        ended.experiment.run(make_config(ended.root))


def test_before_the_run_there_is_nothing_to_see() -> None:
    """Whatever needs a run says so."""
    experiment = make_experiment(Chain())
    for ask in (
        lambda: experiment.id,
        experiment.trials,
        experiment.top_trials,
        experiment.export_top_models,
        experiment.directory,
    ):
        with pytest.raises(ConfigError, match="has not run yet"):
            ask()


class Announcing(Scripted):
    """Tells another thread that it was asked."""

    def __init__(self, *samples: dict[str, Any]) -> None:
        super().__init__(*samples)
        self.asked = threading.Event()

    def ask(self) -> Proposal | None:
        self.asked.set()
        return super().ask()


def test_stop_from_another_thread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What has begun is recorded as stopped, and so is the experiment."""
    strategy = Announcing({"width": 1}, {"width": 2})
    experiment = make_experiment(Chain(), strategy=strategy)

    def stop() -> None:
        strategy.asked.wait()
        experiment.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    experiment.run(make_config(tmp_path, max_trial_number=3))
    thread.join()
    assert [trial.state for trial in experiment.trials()] == [TrialState.STOPPED]
    assert StoreReader(experiment.directory()).info().state is ExperimentState.STOPPED
    assert "ended: it was stopped; 1/3 trials" in capsys.readouterr().out
    assert experiment.top_trials() == experiment.export_top_models() == []


def test_debugging_in_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    """One model is built, evaluated here, and its metrics are returned; open choices take their first answer."""
    experiment = make_experiment(Chain())
    assert experiment.local_debug_run() == {"default": -3.0, "width": 1.0}
    assert experiment.local_debug_run({"width": 4}) == {"default": 0.0, "width": 4.0}
    assert "final result: default=-0, width=4" in capsys.readouterr().out
    with pytest.raises(SpaceError, match="7 does not answer the choice 'width'"):
        experiment.local_debug_run({"width": 7})
    with pytest.raises(SpaceError, match="the sample answers 'widht'"):
        experiment.local_debug_run({"widht": 4})


def test_an_error_of_the_model_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its type, and its traceback shows the lines of the generated model."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as caught:
        make_experiment(Chain(), raise_in_model).local_debug_run()
    text = "".join(traceback.format_exception(caught.value))
    assert "return self.last(self.first(x))" in text


# -- what is wrong is said before anything runs ---------------------------------------------------------------------


class PlainLayer(nn.Module):
    """Gives a choice to a layer that cannot remember it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, nn.ValueChoice([1, 2], label="width"))  # the mistake

    def forward(self, x: torch.Tensor) -> Any:
        return self.first(x)


class TwoLists(nn.Module):
    """One label, two lists of candidates."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, nn.ValueChoice([1, 2], label="width"))
        self.last = nn.Linear(4, nn.ValueChoice([1, 3], label="width"))

    def forward(self, x: torch.Tensor) -> Any:
        return self.first(x).sum() + self.last(x).sum()


class Branching(nn.Module):
    """What it computes depends on its data."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, nn.ValueChoice([1, 2], label="width"))

    def forward(self, x: torch.Tensor) -> Any:
        if x.sum() > 0:
            x = x * 2
        return self.first(x)


class Empty(nn.Module):
    """A choice of nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LayerChoice([], label="layer")


class Forgetful(nn.Module):
    """Forgets to become a module."""

    def __init__(self) -> None:
        self.layer = nn.Linear(4, 4)


class Holding(Evaluator):
    """Holds what cannot be sent."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock

    def evaluate(self, model_cls: Callable[[], torch.nn.Module]) -> float:
        return 1.0


class Refusing(Scripted):
    """A strategy that cannot begin."""

    def ask(self) -> Proposal | None:
        raise SpaceError("nothing may be proposed", fix="widen the space")


@pytest.mark.parametrize(
    ("make", "kind", "what", "fix"),
    [
        (lambda: make_experiment(PlainLayer()), SpaceError, "ValueChoice([1, 2], label='width')", "retix.nn.pytorch"),
        (lambda: make_experiment(TwoLists()), SpaceError, "the label 'width' stands for two", "another label"),
        (lambda: make_experiment(Empty()), SpaceError, "the choice 'layer' has no candidates", "at least one"),
        (lambda: make_experiment(Forgetful()), SpaceError, "Forgetful assigns 'layer' before", "super().__init__()"),
        (lambda: make_experiment(Chain), ConversionError, "the base model is a class", "such as Chain()"),
        (lambda: make_experiment(Chain(), Holding(threading.Lock())), RecipeError, "Holding.args[0]", "serialize"),
    ],
    ids=["plain", "labels", "empty", "super", "class", "unpicklable"],
)
def test_wrong_input(
    make: Callable[[], RetiariiExperiment], kind: type[RetixError], what: str, fix: str, tmp_path: Path
) -> None:
    """The error names the thing and the fix, and no experiment is left behind."""
    with pytest.raises(kind) as caught:
        make().run(make_config(tmp_path))
    assert what in str(caught.value)
    assert caught.value.fix is not None
    assert fix in caught.value.fix
    assert list_ids(tmp_path) == []


def test_a_model_without_a_graph_and_the_engine_that_needs_one(tmp_path: Path) -> None:
    """Where the graph is asked for, the user's line is named, and no experiment is left behind."""
    with pytest.raises(ConversionError, match=r"test_experiment.py") as caught:
        make_experiment(Branching()).run(make_config(tmp_path, execution_engine="base"))
    assert "torch.where" in str(caught.value)
    assert list_ids(tmp_path) == []


def test_a_port_in_use(tmp_path: Path) -> None:
    """It is named before anything begins; the experiment can still run on another."""
    experiment = make_experiment(Chain())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"the port {port} cannot be used") as caught:
            experiment.run(make_config(tmp_path), port)
    assert caught.value.fix == "give another port, or none to run without the page"
    assert list_ids(tmp_path) == []
    experiment.run(make_config(tmp_path, max_experiment_duration=1e-6))
    assert experiment.trials() == []


def test_too_few_gpus(tmp_path: Path) -> None:
    """More GPUs than any machine has are refused, and nothing is left behind."""
    with pytest.raises(ConfigError, match="64 GPUs, and there are"):
        make_experiment(Chain()).run(make_config(tmp_path, trial_gpu_number=64))
    assert list_ids(tmp_path) == []


def test_a_strategy_of_another_experiment(tmp_path: Path) -> None:
    """What a strategy has learned holds for one space only."""
    strategy = Random(seed=1)
    make_experiment(Chain(), strategy=strategy).run(make_config(tmp_path / "a", max_experiment_duration=1e-6))
    with pytest.raises(ConfigError, match="already searches another space"):
        make_experiment(Chain(), strategy=strategy).run(make_config(tmp_path / "b"))
    assert list_ids(tmp_path / "b") == []


def test_a_root_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the place of the directory is named."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"the store cannot be written: .*file"):
        make_experiment(Chain()).run(make_config(tmp_path / "file"))


def test_an_error_on_the_way_is_recorded(tmp_path: Path) -> None:
    """An experiment that began and could not go on has failed; it does not seem to run."""
    with pytest.raises(SpaceError, match="nothing may be proposed"):
        make_experiment(Chain(), strategy=Refusing()).run(make_config(tmp_path))
    (info,) = list_experiments(tmp_path)
    assert info.state is ExperimentState.FAILED
    assert info.ended is not None
