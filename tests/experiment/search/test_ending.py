"""Drivers that are ended from outside, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from retix.cli import main
from retix.store import ExperimentInfo, ExperimentState, StoreReader, list_experiments
from retix.trial import Trial, TrialState
from tests.experiment.scores import wait_for

ROOT = Path(__file__).parent.parent.parent.parent


def is_alive(process: int) -> bool:
    """Whether there is such a process, other than one that has ended and was not waited for."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (ProcessLookupError, FileNotFoundError):
        return False


def await_end(processes: list[int]) -> None:
    """Return once none of the processes is alive."""
    end = time.monotonic() + 30
    while any(map(is_alive, processes)):
        assert time.monotonic() < end, "a process was left behind"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver that was started, and where its experiment and its trial leave their traces."""

    process: subprocess.Popen[str]
    root: Path
    note: Path

    def await_trial(self) -> list[int]:
        """The processes of its first trial, once that runs and is recorded so."""
        wait_for(self.note)
        while read_only_experiment(self.root)[1][0].state is not TrialState.RUNNING:
            assert self.process.poll() is None, "the driver has ended"
            time.sleep(0.05)
        return [int(process) for process in self.note.read_text().split()]


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Driver]]:
    """Two drivers, started at once to save time."""
    with ExitStack() as stack:
        drivers = []
        for name in ("interrupted", "killed"):
            directory = tmp_path_factory.mktemp(name)
            root, note = directory / "runs", directory / "note"
            command = [sys.executable, "-m", "tests.experiment.driver", str(root), str(note)]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            drivers.append(Driver(process, root, note))
        yield drivers


def read_only_experiment(root: Path) -> tuple[ExperimentInfo, list[Trial]]:
    """The one experiment below ``root``."""
    (info,) = list_experiments(root)
    return info, StoreReader(root / info.id).trials()


def test_an_interrupt_stops_the_search(drivers: list[Driver]) -> None:
    """After Ctrl-C what ran is recorded as stopped, no process is left, and the interrupt comes out."""
    driver = drivers[0]
    processes = driver.await_trial()
    driver.process.send_signal(signal.SIGINT)
    out, err = driver.process.communicate(timeout=60)
    await_end(processes)
    assert driver.process.returncode == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "ended: it was stopped" in out
    info, trials = read_only_experiment(driver.root)
    assert info.state is ExperimentState.STOPPED
    assert [trial.state for trial in trials] == [TrialState.STOPPED]


def test_a_driver_that_is_killed_leaves_no_process(drivers: list[Driver], capsys: pytest.CaptureFixture[str]) -> None:
    """Its experiment is listed as interrupted."""
    driver = drivers[1]
    processes = driver.await_trial()
    driver.process.kill()
    driver.process.communicate(timeout=60)
    await_end(processes)
    info, trials = read_only_experiment(driver.root)
    assert info.state is ExperimentState.INTERRUPTED
    assert [trial.state for trial in trials] == [TrialState.RUNNING]
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["list", "--json", "--dir", str(driver.root)])
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["interrupted"]
