"""Whatever is killed or stopped, the engine goes on, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from retix.execution import LocalEngine
from retix.trial import Cancelled, Failed, FailureKind, Finished
from tests.execution import jobs
from tests.execution.jobs import events_until, make_job
from tests.execution.processes import LAST, finish, keeper_of, server_of, start, start_hanging, wait_for_end

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    """One engine for all tests, which takes silence for death soon."""
    with LocalEngine(2, frozen_after=1.0) as engine:
        yield engine


def end_of(engine: LocalEngine) -> Failed:
    """How the trial that runs fails."""
    last = events_until(engine, lambda events: any(isinstance(event, LAST) for event in events))[-1]
    assert isinstance(last, Failed)
    return last


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_keeper(engine: LocalEngine, tmp_path: Path, number: int) -> None:
    """A keeper that is killed or stopped costs its trial, and all that the trial had started ends, daemons too."""
    processes = start(engine, tmp_path, jobs.leave_daemon, arguments={"forever": True})
    keeper_of(processes[0]).send_signal(number)
    failure = end_of(engine).failure
    assert failure.kind is FailureKind.WORKER_LOST
    assert "the worker of trial 1 was lost: the process that minds its worker" in failure.message
    wait_for_end(processes)
    assert isinstance(finish(engine, make_job(tmp_path, jobs.report_three, trial=2)), Finished)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_server(engine: LocalEngine, tmp_path: Path, number: int) -> None:
    """A fork server that is killed or stopped costs no trial, and is replaced when a worker is needed."""
    worker, child = start_hanging(engine, tmp_path)
    server = server_of(worker)
    server.send_signal(number)
    second = tmp_path / "second"
    engine.submit(make_job(second, jobs.die, trial=2))  # takes the other slot's worker, if there is one
    events_until(engine, lambda events: any(isinstance(event, LAST) for event in events))
    last = finish(engine, make_job(second, jobs.report_three, trial=3))
    assert isinstance(last, Finished)
    wait_for_end([server.pid])
    assert psutil.pid_exists(worker)
    engine.cancel(1)
    assert [type(event) for event in engine.events(0.0)] == [Cancelled]
    wait_for_end([worker, child])


def test_a_lost_server_and_then_a_lost_keeper(engine: LocalEngine, tmp_path: Path) -> None:
    """Without a server to adopt it, a killed keeper's daemon is found and ended too."""
    processes = start(engine, tmp_path, jobs.leave_daemon, arguments={"forever": True})
    keeper, server = keeper_of(processes[0]), server_of(processes[0])
    server.kill()
    wait_for_end([server.pid])
    keeper.kill()
    assert end_of(engine).failure.kind is FailureKind.WORKER_LOST
    assert isinstance(finish(engine, make_job(tmp_path, jobs.report_three, trial=2)), Finished)
    wait_for_end(processes)


def test_an_idle_worker_that_is_stopped(engine: LocalEngine, tmp_path: Path) -> None:
    """A worker that was stopped between two trials costs none, however large the next job is."""
    last = finish(engine, make_job(tmp_path, jobs.report_from))
    assert isinstance(last, Finished)
    worker = int(last.metrics["pid"])
    os.kill(worker, signal.SIGSTOP)
    large = make_job(tmp_path, jobs.report_from, trial=2, source=jobs.MODEL + "# " + "x" * 3_000_000)
    last = finish(engine, large)
    assert isinstance(last, Finished)
    assert last.metrics["pid"] != worker
    wait_for_end([worker])


@pytest.mark.parametrize("stopped", ["nobody", "all"])
def test_a_killed_driver_leaves_nothing(tmp_path: Path, stopped: str) -> None:
    """When the driver is killed, everything ends: workers, keepers, the server, and daemons; also who is stopped."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom retix.execution import LocalEngine\n"
        "from tests.execution.jobs import leave_daemon, make_job\n"
        "here = Path(sys.argv[1])\nengine = LocalEngine(1)\n"
        "engine.submit(make_job(here, leave_daemon, arguments={'note': here / 'note', 'forever': True}))\n"
        "while True:\n    print(engine.events()[-1], flush=True)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        while "Reported" not in driver.stdout.readline():
            pass
        worker, daemon = map(int, (tmp_path / "note").read_text().split())
        keeper, server = keeper_of(worker).pid, server_of(worker).pid
        for process in [] if stopped == "nobody" else [keeper, server, worker]:
            os.kill(process, signal.SIGSTOP)
        driver.kill()
    wait_for_end([worker, daemon, keeper, server])


def test_a_killed_driver_whose_server_was_stopped_as_it_began(tmp_path: Path) -> None:
    """A fork server that was stopped before it had imported anything ends with its driver too."""
    script = (
        "from retix.execution import LocalEngine\nimport time\n"
        "engine = LocalEngine(1)\nprint(engine._launcher.list_keepers()[0], flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        server = int(driver.stdout.readline())
        os.kill(server, signal.SIGSTOP)
        driver.kill()
    wait_for_end([server])


def test_nothing_is_left_over(tmp_path: Path) -> None:
    """After many trials, good and bad, the driver has as many files, threads and children as before; then none."""
    driver = psutil.Process()
    others = driver.children(recursive=True)
    with LocalEngine(1, recycle_after=3) as engine:
        finish(engine, make_job(tmp_path, jobs.report_three))
        before = None
        for trial in range(40):
            finish(engine, make_job(tmp_path, jobs.die if trial % 5 == 4 else jobs.return_metric, trial=trial))
            if trial == 19:
                before = (driver.num_fds(), driver.num_threads())
        engine.events(0.3)
        assert before is not None
        assert (driver.num_fds(), driver.num_threads()) <= (before[0] + 3, before[1])
        started = [process for process in driver.children(recursive=True) if process not in others]
    assert len(started) >= 3
    assert not [process for process in started if process.is_running()]
