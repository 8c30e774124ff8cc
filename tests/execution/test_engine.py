"""The contract of `Engine`, held against every engine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from retix.errors import ExecutionError
from retix.execution import Engine, InlineEngine, LocalEngine
from retix.trial import (
    Cancelled,
    Event,
    Failed,
    FailureKind,
    Finished,
    Halted,
    Job,
    Reported,
    Started,
    Verdict,
    WeightsAddress,
)
from retix.weights import load_weights
from tests.execution import jobs
from tests.execution.jobs import MODEL, events_until, make_job

LAST = (Finished, Failed, Cancelled, Halted)


@pytest.fixture(scope="module", params=[InlineEngine, lambda: LocalEngine(2)], ids=["inline", "local"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Every engine in turn, each used by all tests."""
    with request.param() as engine:
        yield engine


def run(engine: Engine, job: Job, *verdicts: Verdict) -> list[Event]:
    """The events of one job, after checking that they keep the contract.

    If it asks, its reports are answered by ``verdicts``, and by going on when there are no more of these.
    """
    engine.submit(job)
    events: list[Event] = []
    answers = iter(verdicts)
    while not any(isinstance(event, LAST) for event in events):
        events += events_until(engine, bool)
        if job.asks and isinstance(events[-1], Reported):
            engine.answer(job.trial, next(answers, Verdict.GO_ON))
    assert all(event.trial == job.trial for event in events)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], LAST)
    assert all(isinstance(event, Reported) for event in events[1:-1])
    assert [event.step for event in events[1:-1] if isinstance(event, Reported)] == list(
        range(job.first_step, job.first_step + len(events) - 2)
    )
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert engine.free == engine.capacity
    return events


def until(engine: Engine, kind: type[Event]) -> None:
    """Waits for an event of a kind, which is the last by then."""
    events = events_until(engine, lambda events: any(isinstance(event, (kind, *LAST)) for event in events))
    assert isinstance(events[-1], kind)


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


def test_a_trial_waits_for_answers(engine: Engine, tmp_path: Path) -> None:
    """After each report nothing happens until it is answered; then the trial goes on."""
    job = make_job(tmp_path, jobs.report_three, asks=True)
    engine.submit(job)
    for _ in range(2):
        until(engine, Reported)
        assert engine.events(0.02) == []
        engine.answer(job.trial, Verdict.GO_ON)
    until(engine, Finished)


@pytest.mark.parametrize("verdict", [Verdict.STOP, Verdict.PAUSE])
@pytest.mark.parametrize("caught", ["exception", "everything"])
def test_a_verdict_ends_the_trial(engine: Engine, tmp_path: Path, verdict: Verdict, caught: str) -> None:
    """No `except Exception` keeps it alive; one that catches everything does, but what it reports then is dropped."""
    arguments = {"name": caught}
    job = make_job(
        tmp_path, jobs.report_stubbornly, arguments=arguments, asks=True, weights=WeightsAddress(str(tmp_path), "1/m")
    )
    events = run(engine, job, Verdict.GO_ON, verdict)
    assert [event.metrics for event in events if isinstance(event, Reported)] == [{"default": 0.0}, {"default": 1.0}]
    last = events[-1]
    assert isinstance(last, Halted)
    assert last.verdict is verdict
    assert not (job.directory / "m.safetensors").exists()
    assert isinstance(run(engine, make_job(tmp_path, jobs.return_metric))[-1], Finished)


def test_going_on_from_a_checkpoint(engine: Engine, tmp_path: Path) -> None:
    """A trial that is paused twice reports what one that is not does, bit for bit, and makes no step twice."""
    whole = run(engine, make_job(tmp_path, jobs.descend))
    job = make_job(tmp_path, jobs.descend, trial=2, asks=True, checkpoint=tmp_path / "2" / "checkpoint.pt")
    parts = [run(engine, job, Verdict.GO_ON, Verdict.PAUSE), run(engine, replace(job, first_step=2), Verdict.PAUSE)]
    parts.append(run(engine, replace(job, first_step=3)))
    assert [type(part[-1]) for part in parts] == [Halted, Halted, Finished]
    reported = [
        [event.metrics for event in part if isinstance(event, Reported)] for part in (whole, itertools.chain(*parts))
    ]
    assert reported[0] == reported[1]
    last, same = parts[-1][-1], whole[-1]
    assert isinstance(last, Finished)
    assert isinstance(same, Finished)
    assert (last.metrics["default"], last.metrics["made"]) == (same.metrics["default"], 2)
    log = job.directory / "stdout.log"
    assert not log.exists() or log.read_text() == "a step\n" * 5  # what an inline engine prints goes to the terminal


def test_beginning_anew_without_a_checkpoint(engine: Engine, tmp_path: Path) -> None:
    """A paused trial that keeps nothing is trained from its beginning, and does not report again what is known."""
    path = tmp_path / "1" / "checkpoint.pt"
    job = make_job(tmp_path, jobs.descend, arguments={"keeps": False}, asks=True, checkpoint=path)
    assert isinstance(run(engine, job, Verdict.GO_ON, Verdict.PAUSE)[-1], Halted)
    events = run(engine, replace(job, first_step=2))
    assert sum(isinstance(event, Reported) for event in events) == 3
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.metrics["made"] == 5


def test_answers_that_nobody_waits_for(engine: Engine, tmp_path: Path) -> None:
    """An answer to an unknown trial, to one that does not ask, and a second one to the same report change nothing."""
    engine.answer(12345, Verdict.STOP)
    engine.submit(make_job(tmp_path, jobs.report_three))
    engine.answer(1, Verdict.STOP)
    until(engine, Finished)
    engine.answer(1, Verdict.STOP)
    engine.submit(make_job(tmp_path, jobs.report_three, asks=True))
    engine.answer(1, Verdict.STOP)  # before the first report
    for verdict in (Verdict.GO_ON, Verdict.GO_ON):
        until(engine, Reported)
        engine.answer(1, verdict)
        engine.answer(1, Verdict.STOP)
    until(engine, Finished)


def test_cancelling_a_trial_that_waits(engine: Engine, tmp_path: Path) -> None:
    """A trial that waits for an answer is cancelled like any other; an answer after that is nobody's."""
    engine.submit(make_job(tmp_path, jobs.report_three, asks=True))
    until(engine, Reported)
    engine.cancel(1)
    assert engine.free == engine.capacity
    engine.answer(1, Verdict.GO_ON)
    assert [type(event) for event in events_until(engine, bool)] == [Cancelled]
    assert isinstance(run(engine, make_job(tmp_path, jobs.return_metric))[-1], Finished)


def test_threads_of_a_trial_report(engine: Engine, tmp_path: Path) -> None:
    """Reports of several threads wait for their answers one after another."""
    events = run(engine, make_job(tmp_path, jobs.report_in_threads, asks=True))
    assert sum(isinstance(event, Reported) for event in events) == 6
    assert isinstance(events[-1], Finished)


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
