"""The contract of `Engine`, held against every engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from retix.errors import ExecutionError
from retix.execution import Engine, InlineEngine, LocalEngine
from retix.trial import Cancelled, Event, Failed, FailureKind, Finished, Job, Reported, Started, WeightsAddress
from retix.weights import load_weights
from tests.execution import jobs
from tests.execution.jobs import MODEL, events_until, make_job

LAST = (Finished, Failed, Cancelled)


@pytest.fixture(scope="module", params=[InlineEngine, lambda: LocalEngine(2)], ids=["inline", "local"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Every engine in turn, each used by all tests."""
    with request.param() as engine:
        yield engine


def run(engine: Engine, job: Job) -> list[Event]:
    """The events of one job, after checking that they keep the contract."""
    engine.submit(job)
    events = events_until(engine, lambda events: any(isinstance(event, LAST) for event in events))
    assert all(event.trial == job.trial for event in events)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], LAST)
    assert all(isinstance(event, Reported) for event in events[1:-1])
    assert [event.step for event in events[1:-1] if isinstance(event, Reported)] == list(range(len(events) - 2))
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert engine.free == engine.capacity
    return events


def fail(engine: Engine, job: Job) -> Failed:
    """How a job failed, in one line."""
    last = run(engine, job)[-1]
    assert isinstance(last, Failed)
    assert "\n" not in last.failure.message
    return last


def test_events_of_a_trial(engine: Engine, tmp_path: Path) -> None:
    """Started, every intermediate result in order, then the final one."""
    events = run(engine, make_job(tmp_path, jobs.report_three))
    assert [event.metrics for event in events if isinstance(event, Reported)] == [
        {"default": 0.1},
        {"default": 0.2, "loss": 1.5},
    ]
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.metrics == {"default": 0.3}


def test_many_trials_on_one_engine(engine: Engine, tmp_path: Path) -> None:
    """One trial after another; each has its own result."""
    for trial in range(1, 6):
        last = run(engine, make_job(tmp_path, jobs.return_metric, trial=trial, arguments={"metric": trial}))[-1]
        assert isinstance(last, Finished)
        assert last.metrics == {"default": float(trial)}


def test_a_returned_metric_is_the_result(engine: Engine, tmp_path: Path) -> None:
    """What the evaluator returns counts if it reported nothing."""
    last = run(engine, make_job(tmp_path, jobs.return_metric, arguments={"metric": {"default": 2, "size": 5}}))[-1]
    assert isinstance(last, Finished)
    assert last.metrics == {"default": 2.0, "size": 5.0}


def test_weights_of_the_last_model(engine: Engine, tmp_path: Path) -> None:
    """The weights of the model that was built last are on the disk when Finished comes."""
    job = make_job(tmp_path, jobs.fill_weights, weights=WeightsAddress(str(tmp_path), "1/model"))
    run(engine, job)
    weights = load_weights(job.directory / "model.safetensors")
    assert weights.keys() == {"fc.weight", "fc.bias"}
    assert all((tensor == 7).all() for tensor in weights.values())


def test_weights_only_if_asked(engine: Engine, tmp_path: Path) -> None:
    """Without an address no file is written, and the source is there all the same."""
    job = make_job(tmp_path, jobs.fill_weights)
    run(engine, job)
    assert not (job.directory / "model.safetensors").exists()
    assert (job.directory / "model.py").read_text() == MODEL


def test_a_raising_model(engine: Engine, tmp_path: Path) -> None:
    """The failure names the error and the generated line, and its traceback starts at the user's code."""
    failure = fail(engine, make_job(tmp_path, jobs.call_model, arguments={"width": 5})).failure
    assert failure.kind is FailureKind.SHAPE
    assert failure.error == "RuntimeError"
    assert failure.message.startswith("RuntimeError: mat1 and mat2 shapes cannot be multiplied")
    assert failure.message.endswith("(model.py:11: return self.fc(x))")
    frames = [line for line in failure.traceback.splitlines() if line.startswith("  File ")]
    assert "jobs.py" in frames[0]
    assert "    return self.fc(x)" in failure.traceback


def test_a_module_that_cannot_be_imported(engine: Engine, tmp_path: Path) -> None:
    """A missing module is an import failure that names it."""
    failure = fail(engine, make_job(tmp_path, jobs.return_metric, source="import no_such_module\n")).failure
    assert failure.kind is FailureKind.IMPORT
    assert "no_such_module" in failure.message
    assert "(model.py:1: import no_such_module)" in failure.message


def test_a_module_that_does_not_parse(engine: Engine, tmp_path: Path) -> None:
    """A syntax error is an import failure that shows the line."""
    failure = fail(engine, make_job(tmp_path, jobs.return_metric, source="x = 1\nclass Net(:\n")).failure
    assert failure.kind is FailureKind.IMPORT
    assert failure.error == "SyntaxError"
    assert 'model.py", line 2' in failure.traceback
    assert "class Net(:" in failure.traceback


def test_a_module_without_its_class(engine: Engine, tmp_path: Path) -> None:
    """A missing entry is an import failure that names it."""
    failure = fail(engine, make_job(tmp_path, jobs.return_metric, entry="Nought")).failure
    assert failure.kind is FailureKind.IMPORT
    assert "'Nought'" in failure.message


@pytest.mark.parametrize("evaluator", [b"no pickle", b"cno_such_module\nthing\n."])
def test_an_evaluator_that_cannot_be_loaded(engine: Engine, tmp_path: Path, evaluator: bytes) -> None:
    """Bytes that cannot be made into an evaluator are told apart from a failing model."""
    failure = fail(engine, make_job(tmp_path, jobs.return_metric, evaluator=evaluator)).failure
    assert failure.kind is FailureKind.NOT_SERIALIZABLE


@pytest.mark.parametrize("metric", [math.nan, math.inf, {"default": 1.0, "loss": math.nan}])
def test_a_result_that_is_not_finite(engine: Engine, tmp_path: Path, metric: object) -> None:
    """NaN and infinity are failures of their own kind."""
    failure = fail(engine, make_job(tmp_path, jobs.return_metric, arguments={"metric": metric})).failure
    assert failure.kind is FailureKind.NOT_FINITE
    assert "nan" in failure.message or "inf" in failure.message


def test_no_result(engine: Engine, tmp_path: Path) -> None:
    """An evaluator that ends without a result fails, and the message says what to call."""
    failure = fail(engine, make_job(tmp_path, jobs.return_nothing)).failure
    assert failure.kind is FailureKind.NO_METRIC
    assert "report_final_result" in failure.message


def test_a_result_that_is_no_number(engine: Engine, tmp_path: Path) -> None:
    """A metric that is no number fails with retix's own words."""
    failure = fail(engine, make_job(tmp_path, jobs.return_metric, arguments={"metric": "good"})).failure
    assert failure.kind is FailureKind.RAISED
    assert "'good' is not a number" in failure.message


def test_leaving_the_interpreter(engine: Engine, tmp_path: Path) -> None:
    """sys.exit in the user's code ends the trial and not the engine."""
    failure = fail(engine, make_job(tmp_path, jobs.leave)).failure
    assert failure.kind is FailureKind.RAISED
    assert failure.error == "SystemExit"
    assert isinstance(run(engine, make_job(tmp_path, jobs.return_metric))[-1], Finished)


def test_out_of_memory(engine: Engine, tmp_path: Path) -> None:
    """Memory that runs out is told apart from other errors."""
    assert fail(engine, make_job(tmp_path, jobs.ask_memory)).failure.kind is FailureKind.OUT_OF_MEMORY


def test_a_trial_can_run_again(engine: Engine, tmp_path: Path) -> None:
    """The same trial in the same directory runs its new source, not what was imported before."""
    job = make_job(tmp_path, jobs.call_model)
    assert isinstance(run(engine, job)[-1], Finished)
    failure = fail(engine, replace(job, source=MODEL.replace("self.fc(x)", "self.no(x)"))).failure
    assert "no attribute 'no'" in failure.message


def test_slots_are_counted(engine: Engine, tmp_path: Path) -> None:
    """A submit to a full engine is refused and changes nothing."""
    count = engine.capacity
    for trial in range(1, count + 1):
        engine.submit(make_job(tmp_path, jobs.return_metric, trial=trial))
    assert engine.free == 0
    with pytest.raises(ExecutionError, match=f"no slot is free for trial {count + 1}"):
        engine.submit(make_job(tmp_path, jobs.return_metric, trial=count + 1))
    events = events_until(engine, lambda events: sum(isinstance(event, LAST) for event in events) == count)
    assert {event.trial for event in events if isinstance(event, Finished)} == set(range(1, count + 1))


def test_waiting_without_a_job(engine: Engine) -> None:
    """A wait that would never end is refused; one with a timeout gives nothing."""
    with pytest.raises(ExecutionError, match="no trial is running"):
        engine.events(None)
    assert engine.events(0.0) == []


def test_cancelling_before_the_start(engine: Engine, tmp_path: Path) -> None:
    """A trial that is cancelled at once gives Started and Cancelled, and frees its slot."""
    engine.submit(make_job(tmp_path, jobs.return_metric, trial=4))
    engine.cancel(4)
    assert engine.free == engine.capacity
    assert [type(event) for event in engine.events(0.0)] == [Started, Cancelled]
    assert isinstance(run(engine, make_job(tmp_path, jobs.return_metric))[-1], Finished)


def test_cancelling_an_unknown_trial(engine: Engine) -> None:
    """Nothing happens."""
    engine.cancel(12345)
    assert engine.events(0.0) == []


@pytest.mark.parametrize("make", [InlineEngine, lambda: LocalEngine(1)], ids=["inline", "local"])
def test_a_closed_engine(make: Callable[[], Engine], tmp_path: Path) -> None:
    """Closing twice is closing once; a closed engine takes no job."""
    engine = make()
    engine.close()
    engine.close()
    assert (engine.capacity, engine.free) == (0, 0)
    assert engine.events(0.0) == []
    with pytest.raises(ExecutionError):
        engine.submit(make_job(tmp_path, jobs.return_metric))
