from __future__ import annotations

from pathlib import Path

from retix.execution import LocalEngine
from retix.trial import Finished
from tests.execution import jobs
from tests.execution.jobs import make_job
from tests.execution.processes import finish, wait_for_end


def run(engine: LocalEngine, directory: Path, count: int) -> list[dict[str, float]]:
    """The results of so many trials that draw numbers by chance."""
    lasts = [finish(engine, make_job(directory, jobs.draw, trial=trial)) for trial in range(count)]
    assert all(isinstance(last, Finished) for last in lasts)
    return [dict(last.metrics) for last in lasts if isinstance(last, Finished)]


def test_a_fresh_process_for_each_trial(tmp_path: Path) -> None:
    """No two trials share a process, none stays, and none draws another one's numbers."""
    with LocalEngine(1, isolation="fresh") as engine:
        results = run(engine, tmp_path, 4)
        workers = [int(result["pid"]) for result in results]
        wait_for_end(workers[:-1])
    for name in ("default", "numpy", "torch", "pid"):
        assert len({result[name] for result in results}) == 4


def test_recycled_workers(tmp_path: Path) -> None:
    """A worker runs as many trials as it may, and then another one does."""
    with LocalEngine(1, recycle_after=2) as engine:
        workers = [result["pid"] for result in run(engine, tmp_path, 5)]
    assert workers[0] == workers[1]
    assert workers[2] == workers[3]
    assert len(set(workers)) == 3
