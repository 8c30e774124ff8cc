"""Experiments looked at and told what to do, by another process than the one that runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from retix.errors import ConfigError, StoreError
from retix.experiment import RecordedExperiment, RetiariiExperiment
from retix.space import Sample
from retix.store import ExperimentState, Store, list_ids
from retix.strategy import GridSearch
from retix.trial import Failure, FailureKind, Trial, TrialState
from tests.experiment.nets import Chain
from tests.experiment.scores import await_gate, score_width
from tests.experiment.test_experiment import find_port, make_config, make_experiment

ROOT = Path(__file__).parents[2]


def wait_for(condition: Callable[[], bool], limit: float = 90.0) -> None:
    """Return once ``condition`` holds."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Running:
    """A search whose trials wait for a gate, and the view that another process has of it."""

    search: RetiariiExperiment
    view: RecordedExperiment
    gate: Path

    def count(self, state: TrialState) -> int:
        """How many trials are in a state."""
        return sum(trial.state is state for trial in self.view.trials())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """One trial runs; it and all that follow end when the gate opens."""
    gate, root = tmp_path / "gate", tmp_path / "runs"
    search = make_experiment(Chain(), await_gate, GridSearch(seed=0), gate=gate)
    search.start(make_config(root, max_trial_number=4))
    try:
        wait_for(lambda: len(list_ids(root)) == 1)
        view = RetiariiExperiment.view(list_ids(root)[0], None, directory=root)
        running = Running(search, view, gate)
        wait_for(lambda: running.count(TrialState.RUNNING) == 1)
        yield running
    finally:
        gate.touch()
        search.stop()
        search.wait()


def test_a_search_is_told_what_to_do(running: Running) -> None:
    """Paused, it begins nothing; it takes a sample of the user's, another budget, and the end of a trial."""
    view = running.view
    assert "paused" in view.pause()
    assert view.info.state is ExperimentState.PAUSED
    assert "trial 1" in view.cancel(1)
    wait_for(lambda: running.count(TrialState.STOPPED) == 1)
    time.sleep(0.5)
    assert len(view.trials()) == 1
    assert "2" in view.set(max_trial_number=2)
    assert view.enqueue({"width": 6}) == 2
    running.gate.touch()
    view.unpause()
    running.search.wait()
    cancelled, enqueued = view.trials()
    assert (cancelled.state, enqueued.state, enqueued.sample["width"]) == (TrialState.STOPPED, TrialState.SUCCEEDED, 6)
    assert view.info.state is ExperimentState.DONE
    assert view.info.config["max_trial_number"] == 2


def test_what_makes_no_sense_is_refused(running: Running) -> None:
    """The search says why; values that no config takes do not get that far."""
    with pytest.raises(StoreError, match=r"refuses to cancel: .*9"):
        running.view.cancel(9)
    with pytest.raises(StoreError, match=r"refuses to enqueue: .*width"):
        running.view.enqueue({"width": 7})
    with pytest.raises(ConfigError, match="trial_concurrency = 0"):
        running.view.set(trial_concurrency=0)
    with pytest.raises(StoreError, match="refuses to set"):
        running.view.set(keep_weights=3)


def test_the_search_in_this_process_takes_the_same_commands(running: Running) -> None:
    """They may be called on the experiment itself, from another thread."""
    running.search.pause()
    assert running.search.info.state is ExperimentState.PAUSED
    assert running.search.set(trial_concurrency=2)
    running.view.stop()
    running.search.wait()
    assert running.search.info.state is ExperimentState.STOPPED


def test_commands_of_the_command_line(running: Running) -> None:
    """Each is one command in a process of its own, which prints what the search answers."""
    root = running.view.directory().parent

    def retix(*arguments: str) -> Any:
        command = [sys.executable, "-m", "retix", *arguments, "--dir", str(root), "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    id = running.view.id
    assert retix("pause", id)["command"] == "pause"
    assert retix("enqueue", id, '{"width": 5}')["answer"] == "2"
    assert retix("show", id)["state"] == "paused"
    assert retix("set", id, "--max-trials", "3", "--concurrency", "2")["command"] == "set"
    assert retix("resume", id)["command"] == "resume"
    assert retix("cancel", id, "1")["command"] == "cancel"
    assert retix("stop", id)["command"] == "stop"
    running.search.wait()
    assert running.view.info.state is ExperimentState.STOPPED


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> RetiariiExperiment:
    """A search that has ended."""
    experiment = make_experiment(Chain(), score_width, GridSearch(seed=5))
    experiment.run(make_config(tmp_path_factory.mktemp("runs"), max_trial_number=2))
    return experiment


def test_a_view_needs_no_search(ended: RetiariiExperiment) -> None:
    """What was found is there for any process: trials, the best, their models with their weights."""
    view = RetiariiExperiment.view(ended.id, None, directory=ended.directory().parent)
    assert view.trials() == ended.trials()
    assert view.top_trials(2) == ended.top_trials(2)
    for formatter in ("dict", "code"):
        assert view.export_top_models(2, formatter=formatter) == ended.export_top_models(2, formatter=formatter)
    (mine,), (theirs,) = (e.export_top_models(formatter="instance") for e in (view, ended))
    assert mine is not theirs
    torch.testing.assert_close(mine.state_dict(), theirs.state_dict())
    assert view.failures() == []


def test_a_view_has_a_page(ended: RetiariiExperiment) -> None:
    """It is shown until it is closed."""
    port = find_port()
    view = RetiariiExperiment.view(ended.id, port, non_blocking=True, directory=ended.directory().parent)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=10) as answer:
        assert json.load(answer)["id"] == ended.id
    view.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=10)


def test_a_view_commands_nobody(ended: RetiariiExperiment) -> None:
    """Where no process runs the experiment, a command says so."""
    view = RetiariiExperiment.view(ended.id, None, directory=ended.directory().parent)
    for command in (view.pause, view.unpause, view.stop, lambda: view.cancel(1), lambda: view.enqueue({})):
        with pytest.raises(StoreError, match=ended.id):
            command()


def test_the_export_of_a_search(ended: RetiariiExperiment, tmp_path: Path) -> None:
    """The folder holds the model, and what it computes was compared; its state has the names of the base model."""
    (folder,) = ended.export(tmp_path)
    assert folder.check is not None
    assert (folder.check.ok, folder.check.compared, folder.check.needs_retix) == (True, 1, False)
    meta = json.loads((folder.path / "meta.json").read_text())
    assert (meta["entry"], meta["seeds"]["strategy"]) == ("Chain", 5)
    assert meta["state"]["first.weight"]["base"] == "first.weight"


def test_failures_are_counted(tmp_path: Path) -> None:
    """By kind, with the last message."""
    with Store.create(tmp_path, name="", optimize_mode="maximize", config={}, versions={}) as store:
        for id in (1, 2):
            failure = Failure(FailureKind.TIMEOUT, f"message {id}")
            store.add_trial(Trial(id, Sample({"width": 1}), TrialState.FAILED, failure=failure))
    (count,) = RetiariiExperiment.view(store.id, None, directory=tmp_path).failures()
    assert (count.kind, count.trials, count.message) == (FailureKind.TIMEOUT, 2, "message 2")


def test_a_blocking_view_ends_by_ctrl_c(ended: RetiariiExperiment) -> None:
    """It shows the page until the user interrupts it, and then gives the experiment."""
    code = (
        "import sys; from retix import RetiariiExperiment\n"
        "view = RetiariiExperiment.view(sys.argv[1], int(sys.argv[2]), directory=sys.argv[3])\n"
        "print('over', view.id)"
    )
    arguments = [ended.id, str(find_port()), str(ended.directory().parent)]
    command = [sys.executable, "-u", "-c", code, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("page: http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, f"over {ended.id}\n")
