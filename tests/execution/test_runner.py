from __future__ import annotations

import contextvars
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from retix.evaluator import Evaluator, report_final_result, report_intermediate_result
from retix.execution.runner import run_job
from retix.recipe import dumps
from retix.trial import Event, Failed, FailureKind, Finished, Reported, WeightsAddress
from retix.weights import WeightStore
from tests.execution import jobs
from tests.execution.jobs import make_job


def own_weights(directory: Path) -> WeightsAddress:
    """Where a job of the tests keeps its weights."""
    return WeightsAddress(str(directory / "w"), "trials/1/model")


class Late(Evaluator):
    """Hands its reporter to a thread that outlives it."""

    threads: ClassVar[list[Any]] = []

    def evaluate(self, model_cls: Any) -> float:
        context = contextvars.copy_context()
        self.threads.append(lambda: context.run(report_intermediate_result, 0.5))
        return 1.0


def report_twice(model_cls: Any) -> float:
    """Two final results and a returned one."""
    report_final_result(1.0)
    report_final_result(2.0)
    return 3.0


def test_the_last_final_result_counts(tmp_path: Path) -> None:
    """Of several final results the last that was reported counts, before what was returned."""
    outcome = run_job(make_job(tmp_path, report_twice), [].append)
    assert isinstance(outcome, Finished)
    assert outcome.metrics == {"default": 2.0}


def test_late_reports_are_dropped(tmp_path: Path) -> None:
    """What a left-over thread reports after the end of the trial reaches nobody."""
    events: list[Event] = []
    job = make_job(tmp_path, jobs.return_nothing, evaluator=dumps(Late()))
    assert isinstance(run_job(job, events.append), Finished)
    thread = threading.Thread(target=Late.threads.pop())
    thread.start()
    thread.join()
    assert events == []


def test_what_is_no_evaluator(tmp_path: Path) -> None:
    """An object of another kind is refused by the name of its class."""
    outcome = run_job(make_job(tmp_path, jobs.return_nothing, evaluator=dumps({"a": 1})), [].append)
    assert isinstance(outcome, Failed)
    assert outcome.failure.kind is FailureKind.NOT_SERIALIZABLE
    assert "dict is no evaluator" in outcome.failure.message


def test_weights_that_cannot_be_written(tmp_path: Path) -> None:
    """A trial whose weights cannot be saved fails, and the message says how to go on without them."""
    source = jobs.MODEL + "\n    def get_extra_state(self):\n        return 'text'\n"
    outcome = run_job(make_job(tmp_path, jobs.return_metric, source=source, weights=own_weights(tmp_path)), [].append)
    assert isinstance(outcome, Failed)
    assert "keep_weights=0" in outcome.failure.message


def test_weights_go_where_the_job_says(tmp_path: Path) -> None:
    """The weights of the model that was built last are in the store, with what they are of."""
    outcome = run_job(make_job(tmp_path, jobs.fill_weights, trial=3, weights=own_weights(tmp_path)), [].append)
    assert isinstance(outcome, Finished)
    store = WeightStore(tmp_path / "w")
    assert {name: tensor.unique().tolist() for name, tensor in store.get("trials/1/model").items()} == {
        "fc.weight": [7.0],
        "fc.bias": [7.0],
    }
    assert store.metadata("trials/1/model") == {"trial": "3", "metrics": '{"default": 1.0}'}
    assert [path.name for path in (tmp_path / "3").iterdir()] == ["model.py"]


def test_a_failed_trial_writes_no_weights(tmp_path: Path) -> None:
    """A trial without a result leaves nothing in the store."""
    outcome = run_job(make_job(tmp_path, jobs.return_nothing, weights=own_weights(tmp_path)), [].append)
    assert isinstance(outcome, Failed)
    assert WeightStore(tmp_path / "w").keys() == []


def test_sizes_that_do_not_fit(tmp_path: Path) -> None:
    """A layer that refuses its input is a failure of a class of its own, with the generated line."""
    outcome = run_job(make_job(tmp_path, jobs.call_model, arguments={"width": 5}), [].append)
    assert isinstance(outcome, Failed)
    assert outcome.failure.kind is FailureKind.SHAPE
    assert outcome.failure.message.endswith("(model.py:11: return self.fc(x))")


def test_an_evaluator_that_does_not_arrive(tmp_path: Path) -> None:
    """Bytes that are no evaluator fail by their own class, whatever they raise."""
    outcome = run_job(make_job(tmp_path, jobs.return_metric, evaluator=b"rubbish"), [].append)
    assert isinstance(outcome, Failed)
    assert outcome.failure.kind is FailureKind.NOT_SERIALIZABLE


@pytest.mark.parametrize("function", [jobs.interrupt, jobs.interrupt_trainer])
def test_an_interrupt_is_not_swallowed(tmp_path: Path, function: Any) -> None:
    """Ctrl-C goes on, in whatever way it comes out of the evaluator."""
    with pytest.raises(KeyboardInterrupt):
        run_job(make_job(tmp_path, function), [].append)


def test_reports_are_counted(tmp_path: Path) -> None:
    """Steps of intermediate results count from 0."""
    events: list[Event] = []
    run_job(make_job(tmp_path, jobs.report_three), events.append)
    assert [event.step for event in events if isinstance(event, Reported)] == [0, 1]
