from __future__ import annotations

import re
from pathlib import Path

import psutil
import pytest
from ray.cluster_utils import Cluster

from retix.errors import ConfigError
from retix.execution import RayEngine
from retix.execution.ray import link
from retix.trial import (
    Cancelled,
    Failed,
    FailureKind,
    Finished,
    Inheritance,
    Job,
    Reported,
    Started,
    Verdict,
    WeightsAddress,
)
from retix.weights import WeightStore
from tests.execution import jobs
from tests.execution.jobs import events_until, make_job
from tests.execution.processes import is_running, wait_until
from tests.execution.ray import ray_jobs
from tests.execution.ray.conftest import add_node
from tests.execution.ray.running import fill, finish

ROOT = Path(__file__).parents[3]


def start_hanging(engine: RayEngine, directory: Path, trials: int) -> tuple[dict[int, int], dict[int, str]]:
    """Submit trials that hang; the process id and the name of the worker of each."""
    notes = {trial: directory / f"note{trial}" for trial in range(1, trials + 1)}
    for trial, note in notes.items():
        engine.submit(make_job(directory, jobs.hang, trial=trial, arguments={"note": note}))
    events = events_until(engine, lambda events: sum(isinstance(e, Reported) for e in events) == trials)
    workers = {event.trial: event.worker for event in events if isinstance(event, Started)}
    return {trial: int(note.read_text().split()[0]) for trial, note in notes.items()}, workers


def host_of(process: int) -> psutil.Process:
    """The actor above a worker process."""
    return next(parent for parent in psutil.Process(process).parents() if parent.name().startswith("ray::"))


def node_of(worker: str) -> str:
    """The node in a worker's name."""
    return worker.split(":")[1]


def test_one_trial_per_node(engine: RayEngine, tmp_path: Path) -> None:
    """Three trials run at a time, on three nodes, in processes that the driver did not start."""
    processes, workers = start_hanging(engine, tmp_path, 3)
    assert len({node_of(worker) for worker in workers.values()}) == 3
    assert all(str(process) == workers[trial].rpartition(":")[2] for trial, process in processes.items())
    assert engine.free == 0
    for trial in processes:
        engine.cancel(trial)
    assert [type(event) for event in engine.events(0.0)] == [Cancelled] * 3
    wait_until(lambda: not any(is_running(process) for process in processes.values()))


def test_hosts_are_reused(engine: RayEngine, tmp_path: Path) -> None:
    """One trial after another runs in the same process."""
    lasts = [finish(engine, make_job(tmp_path, jobs.report_from, trial=trial))[0] for trial in (1, 2)]
    assert len({last.metrics["pid"] for last in lasts}) == 1
    assert lasts[0].metrics["threads"] == lasts[0].metrics["OMP_NUM_THREADS"] == 1


def test_a_time_limit(engine: RayEngine, tmp_path: Path) -> None:
    """Limits are those of the engine on the node, and its words come through."""
    (last,) = finish(engine, make_job(tmp_path, jobs.hang, time_limit=1.0))
    assert last.failure.kind is FailureKind.TIMEOUT
    assert "time limit of 1 s" in last.failure.message


def test_a_dying_worker(engine: RayEngine, tmp_path: Path) -> None:
    """A worker that takes itself down is told apart from a lost node, and its host goes on."""
    (last,) = finish(engine, make_job(tmp_path, jobs.die))
    assert last.failure.kind is FailureKind.KILLED
    assert "SIGKILL" in last.failure.message
    assert (tmp_path / "1" / "stdout.log").read_text() == "last words\n"


def test_a_trial_that_dies_while_it_waits(engine: RayEngine, tmp_path: Path) -> None:
    """Its end is told when the answer comes, which is nobody's then."""
    engine.submit(make_job(tmp_path, jobs.die_waiting, asks=True))
    reported = events_until(engine, lambda events: any(isinstance(event, Reported) for event in events))
    process = int(next(event.worker for event in reported if isinstance(event, Started)).rpartition(":")[2])
    wait_until(lambda: not is_running(process))
    engine.answer(1, Verdict.GO_ON)
    (last,) = events_until(engine, bool)
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.KILLED
    assert all(isinstance(last, Finished) for last in finish(engine, *_quick(tmp_path, 1)))


def test_a_killed_host(engine: RayEngine, tmp_path: Path) -> None:
    """If an actor is killed, its trial is lost, its worker ends, and the next trial gets another actor."""
    processes, workers = start_hanging(engine, tmp_path, 1)
    host_of(processes[1]).kill()
    (last,) = events_until(engine, bool)
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.WORKER_LOST
    assert f"the host of trial 1 on node {node_of(workers[1])} was lost" in last.failure.message
    assert "\n" not in last.failure.message
    wait_until(lambda: not is_running(processes[1]))
    assert all(isinstance(last, Finished) for last in finish(engine, *_quick(tmp_path, 1)))


@pytest.mark.parametrize("seconds", [2.0, None], ids=["noticed", "unnoticed"])
def test_an_idle_host_that_died(
    engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float | None
) -> None:
    """An actor that died between two trials costs no trial, whether or not events were asked for in between."""
    (last,) = finish(engine, make_job(tmp_path, jobs.report_from))
    host = host_of(int(last.metrics["pid"]))
    host.kill()
    wait_until(lambda: not is_running(host.pid))
    if seconds is None:
        monkeypatch.setattr(link, "STALE", 0.0)
    else:
        engine.events(seconds)
    assert all(isinstance(last, Finished) for last in finish(engine, *_quick(tmp_path, 1)))


def test_a_frozen_host(engine: RayEngine, tmp_path: Path) -> None:
    """An actor that is stopped gives no sign of life: its trial is lost, and another actor takes the next."""
    processes, _ = start_hanging(engine, tmp_path, 1)
    host = host_of(processes[1])
    host.suspend()
    (last,) = events_until(engine, bool)
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.WORKER_LOST
    assert "no sign of life" in last.failure.message
    assert all(isinstance(last, Finished) for last in finish(engine, *_quick(tmp_path, 1)))
    wait_until(lambda: not is_running(host.pid) and not is_running(processes[1]))


def test_files_come_back(apart: RayEngine, tmp_path: Path) -> None:
    """A node on its own disk sends back logs, weights and other files, and speaks of the driver's folders."""
    job = make_job(tmp_path, ray_jobs.leave_files, weights=WeightsAddress(str(tmp_path / "w"), "trials/1/model"))
    (last,) = finish(apart, job)
    assert isinstance(last, Finished), last
    assert last.metrics["far"] == 1
    assert (job.directory / "stdout.log").read_text() == "as a node prints\n"
    assert (job.directory / "deep" / "large").stat().st_size == 20_000_000
    assert (job.directory / "deep" / "empty").stat().st_size == 0
    assert WeightStore(tmp_path / "w").get("trials/1/model").keys() == {"fc.weight", "fc.bias"}
    (last,) = finish(apart, make_job(tmp_path, jobs.die, trial=2))
    assert (tmp_path / "2" / "stdout.log").read_text() == "last words\n"
    assert str(tmp_path / "2") in last.failure.message


@pytest.mark.parametrize("name", ["together", "apart"])
def test_a_parents_weights_reach_its_child(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    """A child reads what its parent left, also where no folder is shared; nothing of it is sent back as its own."""
    engine: RayEngine = request.getfixturevalue(name)
    weights = {trial: WeightsAddress(str(tmp_path / "w"), f"trials/{trial}/model") for trial in (1, 2)}
    father = make_job(tmp_path, ray_jobs.leave_note, weights=weights[1], arguments={"size": 10_000_000})
    (last,) = finish(engine, father)
    assert isinstance(last, Finished), last
    below = tmp_path / "w" / "trials" / "1"
    written = {path: path.stat().st_mtime_ns for path in below.rglob("*")}
    assert sum(path.is_file() for path in written) == 2
    inheritance = Inheritance(1, weights[1])
    child = make_job(tmp_path, ray_jobs.read_note, trial=2, weights=weights[2], inheritance=inheritance)
    (last,) = finish(engine, child)
    assert isinstance(last, Finished), last
    assert last.metrics == {"default": 1.0, "size": 10_000_000.0}
    assert written == {path: path.stat().st_mtime_ns for path in below.rglob("*")}


def test_a_node_dies(engine: RayEngine, cluster: Cluster, tmp_path: Path) -> None:
    """One of three nodes is killed in the middle of a run: its trial is lost, and all others finish."""
    homes = {node_of(worker).partition("/")[2] for worker in fill(engine, tmp_path)}
    node = next(node for node in cluster.worker_nodes if node.node_id[:6] in homes)
    waiting, done, lost = list(range(1, 31)), set[int](), list[Failed]()
    while len(done) < 30:
        while engine.free and waiting:
            trial = waiting.pop(0)
            engine.submit(make_job(tmp_path, ray_jobs.take_time, trial=trial, arguments={"seconds": 0.2}))
        for event in events_until(engine, bool):
            if isinstance(event, Finished):
                done.add(event.trial)
            if isinstance(event, Failed):
                assert event.failure.kind is FailureKind.WORKER_LOST, event
                lost.append(event)
                waiting.insert(0, event.trial)
        if len(done) >= 6 and node is not None:
            cluster.remove_node(node, allow_graceful=False)
            node = None
    assert len(lost) == 1
    assert engine.free == 3
    add_node(cluster)


def test_other_sizes(engine: RayEngine, tmp_path: Path) -> None:
    """A trial without room says so, and takes the first idle host; with fewer slots, trials that run stay."""
    engine.resize(4)
    processes, _ = start_hanging(engine, tmp_path, 3)
    engine.submit(make_job(tmp_path, jobs.return_metric, trial=4))
    assert engine.events(1.2) == []
    words = engine.waits()
    assert words.keys() == {4}
    assert re.fullmatch(r"waits for the cluster for \d+ s: 1 CPU \(free now: 0 CPU\)", words[4])
    engine.cancel(1)
    last = events_until(engine, lambda events: any(isinstance(event, Finished) for event in events))[-1]
    assert last.trial == 4
    assert engine.waits() == {}
    engine.resize(1)
    assert (engine.capacity, engine.free) == (1, 0)
    engine.cancel(2)
    assert engine.free == 0
    engine.cancel(3)
    assert engine.free == 1
    assert [type(event) for event in engine.events(0.0)] == [Cancelled] * 2
    wait_until(lambda: not any(is_running(process) for process in processes.values()))
    with pytest.raises(ConfigError, match="capacity is 0"):
        engine.resize(0)
    engine.resize(3)


def _quick(directory: Path, count: int) -> list[Job]:
    return [make_job(directory, jobs.return_metric, trial=trial) for trial in range(11, 11 + count)]
