from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from retix.errors import ConfigError, ExecutionError
from retix.execution import LocalEngine
from retix.trial import Cancelled, Failed, FailureKind, Finished, Halted, Reported, Verdict
from tests.execution import jobs
from tests.execution.jobs import MODEL, events_until, make_job
from tests.execution.processes import finish, is_running, start_hanging, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    """One engine for all tests: a worker takes seconds to start."""
    with LocalEngine(2, threads=1) as engine:
        yield engine


def test_surroundings_of_a_worker(engine: LocalEngine, tmp_path: Path) -> None:
    """A worker leads a session of its own, sees no GPU and uses as many threads as it may."""
    last = finish(engine, make_job(tmp_path, jobs.report_from))
    assert isinstance(last, Finished)
    assert last.metrics["pid"] != os.getpid()
    assert last.metrics["alone"] == 1
    assert last.metrics["threads"] == last.metrics["OMP_NUM_THREADS"] == last.metrics["MKL_NUM_THREADS"] == 1


def test_workers_stay_warm(engine: LocalEngine, tmp_path: Path) -> None:
    """One trial after another runs in the same process."""
    lasts = [finish(engine, make_job(tmp_path, jobs.report_from, trial=trial)) for trial in (1, 2)]
    assert len({last.metrics["pid"] for last in lasts if isinstance(last, Finished)}) == 1


def test_surroundings_are_restored(engine: LocalEngine, tmp_path: Path) -> None:
    """A trial that changes the working directory and sys.path does not harm the next one."""
    assert isinstance(finish(engine, make_job(tmp_path, jobs.wander)), Finished)
    assert isinstance(finish(engine, make_job(tmp_path, jobs.report_three, trial=2)), Finished)


def test_output_goes_to_the_trial(engine: LocalEngine, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What Python, C code and children print lands in the files of its own trial, and nowhere else."""
    first, second = (make_job(tmp_path, jobs.print_lines, trial=trial) for trial in (1, 2))
    finish(engine, first)
    finish(engine, second)
    for job in (first, second):
        lines = (job.directory / "stdout.log").read_text().splitlines()
        assert sorted(lines) == ["from C", "from Python", "from a child"]
        assert (job.directory / "stderr.log").read_text() == "to stderr\n"
    assert capfd.readouterr() == ("", "")


def test_a_forked_child_has_no_voice(engine: LocalEngine, tmp_path: Path) -> None:
    """A child that the trial forked neither reports nor takes the place of its parent."""
    engine.submit(make_job(tmp_path, jobs.fork_and_leave))
    events = events_until(engine, lambda events: any(isinstance(event, Finished) for event in events))
    assert not any(isinstance(event, Reported) for event in events)
    assert isinstance(finish(engine, make_job(tmp_path, jobs.report_three, trial=2)), Finished)


def test_two_trials_at_a_time(engine: LocalEngine, tmp_path: Path) -> None:
    """Two trials that each wait for the other both finish."""
    here, there = tmp_path / "here", tmp_path / "there"
    engine.submit(make_job(tmp_path, jobs.meet, trial=1, arguments={"mine": here, "theirs": there}))
    engine.submit(make_job(tmp_path, jobs.meet, trial=2, arguments={"mine": there, "theirs": here}))
    events = events_until(engine, lambda events: sum(isinstance(e, Finished | Failed) for e in events) == 2)
    assert sum(isinstance(event, Finished) for event in events) == 2


@pytest.mark.parametrize(
    ("function", "arguments", "end"),
    [
        (jobs.die, {"number": signal.SIGKILL}, "was killed by SIGKILL, as the system does when memory runs out"),
        (jobs.die, {"number": signal.SIGSEGV}, "was killed by SIGSEGV"),
        (jobs.vanish, {}, "exited with status 5"),
    ],
)
def test_a_dying_worker(
    engine: LocalEngine, tmp_path: Path, function: Callable[..., None], arguments: dict[str, int], end: str
) -> None:
    """A worker that dies costs its trial; the failure says how it died, and the next trial gets a worker."""
    job = make_job(tmp_path, function, arguments=arguments)
    last = finish(engine, job)
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.KILLED
    assert f"{end} while it ran trial 1" in last.failure.message
    if function is jobs.die:
        assert (job.directory / "stdout.log").read_text() == "last words\n"
    if arguments.get("number") == signal.SIGSEGV:
        assert "Segmentation fault" in last.failure.traceback
        assert "in die" in last.failure.traceback
    assert engine.free == 2


def test_a_hanging_trial(engine: LocalEngine, tmp_path: Path) -> None:
    """Past its time limit a trial is ended with everything it started, and the engine goes on."""
    worker, child = start_hanging(engine, tmp_path, time_limit=1.0)
    last = events_until(engine, bool)[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.TIMEOUT
    assert "time limit of 1 s" in last.failure.message
    assert "in hang" in last.failure.traceback  # where it hung
    wait_until(lambda: not is_running(worker) and not is_running(child))
    assert isinstance(finish(engine, make_job(tmp_path, jobs.report_three, time_limit=60.0)), Finished)


def test_cancelling_a_running_trial(engine: LocalEngine, tmp_path: Path) -> None:
    """A cancelled trial ends at once, with everything it started."""
    worker, child = start_hanging(engine, tmp_path)
    with pytest.raises(ExecutionError, match="running already"):
        engine.submit(make_job(tmp_path, jobs.report_three))
    engine.cancel(1)
    assert [type(event) for event in engine.events(0.0)] == [Cancelled]
    wait_until(lambda: not is_running(worker) and not is_running(child))


def test_an_idle_worker_that_died(engine: LocalEngine, tmp_path: Path) -> None:
    """A worker that died between two trials costs no trial; a job larger than any pipe reaches its successor."""
    last = finish(engine, make_job(tmp_path, jobs.report_from))
    assert isinstance(last, Finished)
    worker = int(last.metrics["pid"])
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not is_running(worker))
    large = make_job(tmp_path, jobs.report_from, trial=2, source=MODEL + "# " + "x" * 3_000_000)
    last = finish(engine, large)
    assert isinstance(last, Finished)
    assert last.metrics["pid"] != worker


def test_a_directory_that_cannot_be_made(engine: LocalEngine, tmp_path: Path) -> None:
    """The error names the trial, and the slot stays free."""
    (tmp_path / "1").write_text("in the way")
    with pytest.raises(ExecutionError, match="directory of trial 1"):
        engine.submit(make_job(tmp_path, jobs.report_three))
    assert engine.free == 2


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_that_cannot_start(
    method: Literal["fork", "spawn"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If workers cannot import what they need, the trial's failure shows why."""
    (tmp_path / "torch.py").write_text("raise ImportError('a broken torch')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with LocalEngine(1, start_method=method) as engine:
        last = finish(engine, make_job(tmp_path, jobs.report_three))
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.WORKER_LOST
    assert "no worker came up for trial 1" in last.failure.message
    assert "a broken torch" in last.failure.traceback


@pytest.mark.parametrize(
    "numbers",
    [
        *({"concurrency": 0}, {"threads": 0}, {"gpus_per_trial": -1}, {"trials_per_gpu": 0}, {"recycle_after": 0}),
        *({"frozen_after": 0}, {"isolation": "cold"}, {"start_method": "forkserver"}),
    ],
)
def test_settings_without_meaning(numbers: dict[str, Any]) -> None:
    """A number that is too small, or a word that is unknown, is named."""
    with pytest.raises(ConfigError, match=f"{next(iter(numbers))} is "):
        LocalEngine(**{"concurrency": 1, **numbers})


def test_too_few_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs are counted among those that the driver's environment leaves visible."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    with pytest.raises(ConfigError, match="need 4 GPUs, and there are 3"):
        LocalEngine(2, gpus_per_trial=2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.device_count(), reason="needs a GPU")
@pytest.mark.parametrize("isolation", ["warm", "fresh"])
def test_two_trials_share_a_gpu(tmp_path: Path, isolation: Literal["warm", "fresh"]) -> None:
    """Two trials that each wait for the other use one GPU at the same time, from processes that were forked."""
    here, there = tmp_path / "here", tmp_path / "there"
    with LocalEngine(2, gpus_per_trial=0.5, gpu_indices=[0], isolation=isolation) as engine:
        engine.submit(make_job(tmp_path, jobs.use_gpu, trial=1, arguments={"mine": here, "theirs": there}))
        engine.submit(make_job(tmp_path, jobs.use_gpu, trial=2, arguments={"mine": there, "theirs": here}))
        events = events_until(engine, lambda events: sum(isinstance(e, Finished | Failed) for e in events) == 2)
    assert sum(isinstance(event, Finished) for event in events) == 2


def test_a_script_without_guard(tmp_path: Path) -> None:
    """A plain script runs once, its neighbours import in the worker, nothing is printed, and no process stays."""
    (tmp_path / "neighbour.py").write_text("import os\n\ndef score():\n    return float(os.getpid())\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nimport neighbour\nfrom retix.execution import LocalEngine\n"
        "from tests.execution.jobs import events_until, make_job\n\n"
        "def evaluate(model_cls):\n    print('in the worker', sys.argv[1])\n    return neighbour.score()\n\n"
        "engine = LocalEngine(1)\nengine.submit(make_job(Path('out'), evaluate))\n"
        "events = events_until(engine, lambda events: len(events) == 2)\nprint(int(events[-1].metrics['default']))\n"
    )
    command = [sys.executable, "-W", "error", str(script), "--flag"]
    ended = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not is_running(int(ended.stdout))
    assert (tmp_path / "out" / "1" / "stdout.log").read_text() == "in the worker --flag\n"


def test_a_killed_driver(tmp_path: Path) -> None:
    """If the driver is killed, its busy workers and their children end, also one that waits or holds a lock."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom retix.execution import LocalEngine\n"
        "from tests.execution.jobs import hang, make_job\n"
        "here = Path(sys.argv[1])\nengine = LocalEngine(3)\n"
        "for trial in (1, 2, 3):\n"
        "    arguments = {'note': here / f'note{trial}', 'holding': trial == 2}\n"
        "    engine.submit(make_job(here, hang, trial=trial, arguments=arguments, asks=trial == 3))\n"
        "while True:\n    engine.events()\n"
    )
    notes = [tmp_path / f"note{trial}" for trial in (1, 2, 3)]
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT) as driver:
        try:
            wait_until(lambda: all(note.exists() for note in notes))
            processes = [int(word) for note in notes for word in note.read_text().split()]
            assert all(is_running(process) for process in processes)
        finally:
            driver.kill()
    wait_until(lambda: not any(is_running(process) for process in processes))


def test_a_trial_that_dies_while_it_waits(engine: LocalEngine, tmp_path: Path) -> None:
    """The end of its worker is told without an answer, and one that comes too late is nobody's."""
    engine.submit(make_job(tmp_path, jobs.die_waiting, asks=True))
    last = events_until(engine, lambda events: any(isinstance(event, Failed) for event in events))[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.KILLED
    engine.answer(1, Verdict.GO_ON)
    assert isinstance(finish(engine, make_job(tmp_path, jobs.report_three)), Finished)


def test_two_trials_wait_at_the_same_time(engine: LocalEngine, tmp_path: Path) -> None:
    """Each gets its own answer, in whatever order they come."""
    for trial in (1, 2):
        engine.submit(make_job(tmp_path, jobs.report_three, trial=trial, asks=True))
    events_until(engine, lambda events: sum(isinstance(event, Reported) for event in events) == 2)
    engine.answer(2, Verdict.STOP)
    assert [type(event) for event in events_until(engine, bool)] == [Halted]
    engine.answer(1, Verdict.GO_ON)
    assert [type(event) for event in events_until(engine, bool)] == [Reported]
    engine.answer(1, Verdict.GO_ON)
    assert [type(event) for event in events_until(engine, bool)] == [Finished]


def test_an_engine_needs_no_torch() -> None:
    """What runs engines on the nodes of a cluster, one process per slot, does not pay for torch; its workers do."""
    script = "import sys, retix.execution.ray.host; sys.exit(not {'torch', 'numpy'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
