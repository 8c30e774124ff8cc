"""Searches that are killed, and go on: by the command line, and from the script that began them."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError, StoreError
from retix.experiment import RetiariiExperiment, find_earlier
from retix.store import ExperimentState, Store, StoreReader, list_ids
from retix.strategy import Random
from retix.trial import Trial, TrialState
from tests.experiment.nets import INPUTS, Chain, Gated
from tests.experiment.resumable import TRIALS, make_config, make_experiment

ROOT = Path(__file__).parents[2]


def count_ended(log: Path) -> int:
    """How many trials have ended."""
    return log.read_text().count("end") if log.exists() else 0


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str], limit: float = 120.0) -> None:
    """Return once ``condition`` holds."""
    end = time.monotonic() + limit
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def tell_samples(trials: list[Trial]) -> list[tuple[Any, ...]]:
    """What was proposed, in order, and what became of it."""
    return [(t.id, t.sample.to_json(), t.state, t.metrics, t.parent, t.duplicate_of) for t in trials]


@dataclass(frozen=True, slots=True)
class Killed:
    """A search whose driver was killed after two of its trials, before it was gone on with."""

    root: Path
    log: Path
    id: str
    refusal: str


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """What the search does if nobody disturbs it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    experiment = make_experiment(folder / "log")
    experiment.run(make_config(folder / "runs"))
    return tell_samples(experiment.trials())


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Killed by SIGKILL while its third trial ran; a second driver had been refused."""
    folder = tmp_path_factory.mktemp("killed")
    root, log = folder / "runs", folder / "log"
    command = [sys.executable, "-m", "tests.experiment.resumable", str(root), str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as driver:
        wait_until(lambda: count_ended(log) == 2, driver)
        (id,) = list_ids(root)
        with pytest.raises(StoreError) as caught:
            Store.open(root, id)
        wait_until(lambda: log.read_text().count("begin") == 3, driver)
        driver.kill()
    shutil.copytree(root, folder / "pristine")
    return Killed(root, log, id, str(caught.value))


@pytest.fixture
def copied(killed: Killed, tmp_path: Path) -> Killed:
    """A copy of the killed search, to do with as one likes."""
    root = tmp_path / "runs"
    shutil.copytree(killed.root.with_name("pristine"), root)
    return Killed(root, killed.log, killed.id, killed.refusal)


def test_a_second_driver_is_refused(killed: Killed) -> None:
    """Who holds the experiment is named by process id and host."""
    assert "drives it" in killed.refusal
    assert os.uname().nodename in killed.refusal


def test_the_command_goes_on(killed: Killed, undisturbed: list[tuple[Any, ...]], tmp_path: Path) -> None:
    """``retix resume`` runs what is left, nothing twice, and proposes what an undisturbed run proposes."""
    assert StoreReader(killed.root / killed.id).info().state is ExperimentState.INTERRUPTED
    command = [sys.executable, "-m", "retix", "resume", killed.id[:6], "--dir", str(killed.root), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"retix: in {ROOT}, where the search began" in done.stderr
    assert "search.pkl, which this user wrote" in done.stderr
    reader = StoreReader(killed.root / killed.id)
    assert reader.info().state is ExperimentState.DONE
    assert tell_samples(reader.trials()) == undisturbed
    begins = [line for line in killed.log.read_text().splitlines() if line.startswith("begin")]
    # Only the trial that ran when the driver was killed was begun again.
    assert Counter(begins).most_common() == [(begins[2], 2), *((line, 1) for line in begins if line != begins[2])]
    assert len(begins) == TRIALS + 1
    with closing(sqlite3.connect(reader.directory / "experiment.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_finished_search_takes_more_trials(undisturbed: list[tuple[Any, ...]], tmp_path: Path) -> None:
    """What two runs of three trials propose is what one run of six proposes; settings that changed are recorded."""
    log = tmp_path / "log"
    begun = make_experiment(log)
    begun.run(make_config(tmp_path, max_trial_duration="5m").model_copy(update={"max_trial_number": 3}))
    resumed = RetiariiExperiment.resume(begun.id, None, directory=tmp_path, max_trial_number=TRIALS)
    assert tell_samples(resumed.trials()) == undisturbed
    info = StoreReader(tmp_path / begun.id).info()
    assert (info.config["max_trial_number"], info.config["max_trial_duration"]) == (TRIALS, 300.0)
    assert count_ended(log) == TRIALS
    assert resumed.export_top_models() == [{"width": 4}]


def test_the_script_goes_on(copied: Killed) -> None:
    """With its own objects a script goes on with what it began, with other limits if it likes."""
    experiment = make_experiment(copied.root / "log")
    experiment.run(make_config(copied.root, trial_concurrency=2), resume=copied.id)
    states = Counter(trial.state for trial in experiment.trials())
    assert states[TrialState.SUCCEEDED] == TRIALS
    assert experiment.info.config["trial_concurrency"] == 2
    assert count_ended(copied.root / "log") == TRIALS - 2


@pytest.mark.parametrize(
    ("make", "settings", "what"),
    [
        (lambda log: RetiariiExperiment(Gated(), evaluator(log), example_inputs=INPUTS), {}, "the space is another"),
        (lambda log: RetiariiExperiment(Chain(), evaluator(log), example_inputs=INPUTS), {}, "the class was"),
        (lambda log: make_experiment(log, population_size=4), {}, "population_size was 3 and is 4"),
        (make_experiment, {"optimize_mode": "minimize"}, "would go the wrong way"),
        (make_experiment, {"deterministic": True}, "deterministic was False and is True"),
        (make_experiment, {"weights_url": "memory://w"}, "weights_url was None and is 'memory://w'"),
    ],
    ids=["space", "strategy", "settings", "mode", "deterministic", "weights"],
)
def test_another_search_is_refused(
    copied: Killed, make: Callable[[Path], RetiariiExperiment], settings: dict[str, Any], what: str
) -> None:
    """What contradicts the trials that ran is named, and the experiment stays as it was."""
    before = StoreReader(copied.root / copied.id).trials()
    with pytest.raises(ConfigError) as caught:
        make(copied.root / "log").run(make_config(copied.root, **settings), resume=copied.id)
    assert what in str(caught.value)
    reader = StoreReader(copied.root / copied.id)
    assert reader.trials() == before
    assert reader.info().state is ExperimentState.INTERRUPTED


def evaluator(log: Path) -> Any:
    """The evaluator of the search."""
    return make_experiment(log)._base.evaluator


def test_what_others_could_have_written_is_not_unpickled(copied: Killed) -> None:
    """A pickle that somebody else may write to is not opened, nor one that was changed."""
    path = copied.root / copied.id / "search.pkl"
    path.chmod(0o666)
    with pytest.raises(StoreError, match="cannot be trusted"):
        RetiariiExperiment.resume(copied.id, None, directory=copied.root)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(StoreError, match="is not what was written"):
        RetiariiExperiment.resume(copied.id, None, directory=copied.root)


class Unpicklable(Random):
    """A strategy that holds something which cannot be pickled."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self._held = (i for i in range(3))


def test_what_cannot_be_pickled_is_said_on_resume(tmp_path: Path) -> None:
    """The search runs all the same; going on from the store says why it cannot, and what can."""
    experiment = RetiariiExperiment(Chain(), evaluator(tmp_path / "log"), strategy=Unpicklable(), example_inputs=INPUTS)
    experiment.run(make_config(tmp_path, max_experiment_duration=1e-6))
    with pytest.raises(ConfigError, match="could not be written down when it began") as caught:
        RetiariiExperiment.resume(experiment.id, None, directory=tmp_path)
    assert f"exp.run(config, resume='{experiment.id}')" in str(caught.value)


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    """An id that is none, and an experiment that an earlier retix recorded."""
    with pytest.raises(StoreError, match="there is no experiment 'absent'"):
        RetiariiExperiment.resume("absent", None, directory=tmp_path)
    with Store.create(tmp_path, name="", optimize_mode="maximize", config={}, versions={}) as store:
        pass
    with pytest.raises(ConfigError, match="cannot go on"):
        find_earlier(tmp_path, store.id)


def test_ctrl_c_and_on(tmp_path: Path) -> None:
    """After Ctrl-C the search is stopped, and goes on where it was."""
    log = tmp_path / "log"
    command = [sys.executable, "-m", "tests.experiment.resumable", str(tmp_path / "runs"), str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as driver:
        wait_until(lambda: count_ended(log) == 1, driver)
        driver.send_signal(signal.SIGINT)
        said, _ = driver.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    (id,) = list_ids(tmp_path / "runs")
    assert StoreReader(tmp_path / "runs" / id).info().state is ExperimentState.STOPPED
    make_experiment(log).run(make_config(tmp_path / "runs"), resume=id)
    counts = StoreReader(tmp_path / "runs" / id).counts()
    assert counts[TrialState.SUCCEEDED] + counts[TrialState.STOPPED] == TRIALS
