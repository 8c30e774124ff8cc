from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retix.execution import LocalEngine
from retix.trial import Failed, FailureKind, Finished
from tests.execution import jobs
from tests.execution.jobs import events_until, make_job
from tests.execution.processes import LAST, finish, start, wait_for_end


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    """One engine for all tests, which takes silence for death soon."""
    with LocalEngine(1, frozen_after=1.0) as engine:
        yield engine


@pytest.mark.parametrize("in_child", [False, True])
def test_too_much_memory(engine: LocalEngine, tmp_path: Path, in_child: bool) -> None:
    """A trial that takes more than it may is ended, whoever took it, and told how much it was."""
    arguments = {"megabytes": 1500, "in_child": in_child}
    last = finish(engine, make_job(tmp_path, jobs.take_memory, arguments=arguments, memory_limit=1_000_000_000))
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.OUT_OF_MEMORY
    assert re.search(r"had taken 1\.\d GB of memory, more than its limit of 1\.0 GB", last.failure.message)
    assert isinstance(finish(engine, make_job(tmp_path, jobs.return_metric, memory_limit=1_000_000_000)), Finished)


def test_a_long_log(engine: LocalEngine, tmp_path: Path) -> None:
    """A log that grows too long keeps its beginning and its end, and the trial goes on."""
    job = make_job(tmp_path, jobs.print_much, arguments={"lines": 300_000}, log_limit=50_000)
    assert isinstance(finish(engine, job), Finished)
    path = job.directory / "stdout.log"
    assert path.stat().st_size <= 50_000
    lines = path.read_text().splitlines()
    assert lines[:2] == ["line 00000000", "line 00000001"]
    assert lines[-1] == "line 00299999"
    note = next(re.search(r"(\d+) bytes are left out", line) for line in lines if "left out" in line)
    assert note is not None
    assert 300_000 * 14 - 100_000 <= int(note[1]) < 300_000 * 14


def test_a_log_of_a_trial_that_never_ends(engine: LocalEngine, tmp_path: Path) -> None:
    """A log is kept short while the trial runs, not only at its end."""
    job = make_job(tmp_path, jobs.print_much, arguments={"lines": 10**9}, log_limit=20_000, time_limit=2.0)
    last = finish(engine, job)
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.TIMEOUT
    assert (job.directory / "stdout.log").stat().st_size <= 20_000


@pytest.mark.parametrize(
    ("function", "words"),
    [(jobs.stop, "was stopped by a signal"), (jobs.hold_lock, "gave no sign of life and used no CPU time")],
)
def test_a_frozen_worker(engine: LocalEngine, tmp_path: Path, function: Callable[..., Any], words: str) -> None:
    """A worker that was stopped, or holds the interpreter's lock and does nothing, is found and replaced."""
    last = finish(engine, make_job(tmp_path, function))
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.WORKER_LOST
    assert words in last.failure.message
    assert isinstance(finish(engine, make_job(tmp_path, jobs.report_three)), Finished)


def test_a_worker_that_is_only_busy(engine: LocalEngine, tmp_path: Path) -> None:
    """A worker that holds the interpreter's lock for long, and works, is left alone."""
    assert isinstance(finish(engine, make_job(tmp_path, jobs.work_in_c, arguments={"count": 150_000_000})), Finished)


@pytest.mark.parametrize("limits", [{"time_limit": 1.0}, {"memory_limit": 10_000}])
def test_daemons_end_with_their_trial(engine: LocalEngine, tmp_path: Path, limits: dict[str, Any]) -> None:
    """A process that forked twice and went to a session of its own ends with the trial that a limit ends."""
    note = tmp_path / "note"
    engine.submit(make_job(tmp_path, jobs.leave_daemon, arguments={"note": note, "forever": True}, **limits))
    last = events_until(engine, lambda events: any(isinstance(event, LAST) for event in events))[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind in (FailureKind.TIMEOUT, FailureKind.OUT_OF_MEMORY)
    if note.exists():
        wait_for_end(map(int, note.read_text().split()))


def test_daemons_end_with_a_cancelled_trial(engine: LocalEngine, tmp_path: Path) -> None:
    """So does one of a trial that is cancelled."""
    processes = start(engine, tmp_path, jobs.leave_daemon, arguments={"forever": True})
    engine.cancel(1)
    wait_for_end(processes)
    engine.events(0.0)
