"""The engine without a fork server, and without what only Linux has."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from retix.execution import LocalEngine
from retix.execution.launcher import Launcher
from retix.execution.message import Care, Welcome
from retix.execution.spawn_launcher import SpawnLauncher
from retix.trial import Failed, FailureKind, Finished
from tests.execution import jobs
from tests.execution.jobs import events_until, make_job
from tests.execution.processes import LAST, finish, keeper_of, start, wait_for_end


class PlainEngine(LocalEngine):
    """An engine as on a system that is not Linux: no adopted orphans, no descriptors of processes, no `/proc`."""

    def _make_launcher(self, forks: bool, environment: Mapping[str, str], welcome: Welcome, care: Care) -> Launcher:
        return SpawnLauncher(environment, welcome, Care(care.driver, care.frozen_after, is_plain=True))


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    """One engine for all tests, without Linux' help."""
    with PlainEngine(1, frozen_after=2.0) as engine:
        yield engine


def end_of(engine: LocalEngine) -> Failed:
    """How the trial that runs fails."""
    last = events_until(engine, lambda events: any(isinstance(event, LAST) for event in events))[-1]
    assert isinstance(last, Failed)
    return last


def test_on_linux(tmp_path: Path) -> None:
    """Trials run in a warm worker; one that leaves a daemon and takes its worker down costs only itself."""
    with LocalEngine(1, start_method="spawn") as engine:
        lasts = [finish(engine, make_job(tmp_path, jobs.draw, trial=trial)) for trial in (1, 2)]
        assert len({last.metrics["pid"] for last in lasts if isinstance(last, Finished)}) == 1
        processes = start(engine, tmp_path, jobs.leave_daemon, trial=3, arguments={"forever": True})
        os.kill(processes[0], signal.SIGKILL)
        assert end_of(engine).failure.kind is FailureKind.KILLED
        wait_for_end(processes)


def test_a_dying_worker(engine: LocalEngine, tmp_path: Path) -> None:
    """A worker that dies costs its trial; the failure says how it died."""
    assert isinstance(finish(engine, make_job(tmp_path, jobs.report_three)), Finished)
    failure = finish(engine, make_job(tmp_path, jobs.die))
    assert isinstance(failure, Failed)
    assert failure.failure.kind is FailureKind.KILLED
    assert "was killed by SIGKILL" in failure.failure.message


def test_a_hanging_trial(engine: LocalEngine, tmp_path: Path) -> None:
    """Past its time limit a trial is ended with what it started."""
    processes = start(engine, tmp_path, jobs.hang, time_limit=1.0)
    assert end_of(engine).failure.kind is FailureKind.TIMEOUT
    wait_for_end(processes)


def test_a_frozen_worker(engine: LocalEngine, tmp_path: Path) -> None:
    """A worker that was stopped is found."""
    last = finish(engine, make_job(tmp_path, jobs.stop))
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.WORKER_LOST


def test_a_stopped_keeper(engine: LocalEngine, tmp_path: Path) -> None:
    """A keeper that was stopped costs its trial, whose processes end."""
    processes = start(engine, tmp_path, jobs.hang)
    keeper_of(processes[0]).send_signal(signal.SIGSTOP)
    assert end_of(engine).failure.kind is FailureKind.WORKER_LOST
    engine.events(0.5)  # no keeper is there to clean up: the engine does when it is next asked
    wait_for_end(processes)
