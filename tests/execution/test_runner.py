from __future__ import annotations

import contextlib
import contextvars
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch.utils.data import TensorDataset

from retix.evaluator import Evaluator, TrialEnded, report_final_result, report_intermediate_result
from retix.evaluator.pytorch import Classification, DataLoader
from retix.execution.runner import run_job
from retix.recipe import dumps
from retix.trial import Event, Failed, FailureKind, Finished, Halted, Reported, Verdict, WeightsAddress
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


def clean_up_badly(model_cls: Any) -> None:
    """Fails while it is being ended."""
    try:
        report_intermediate_result(0.5)
    except TrialEnded as ended:
        raise ValueError("while letting go") from ended


def interrupt_at_the_end(model_cls: Any) -> None:
    """The user presses Ctrl-C just as the trial is being ended."""
    try:
        report_intermediate_result(0.5)
    finally:
        raise KeyboardInterrupt


def report_from_a_child(model_cls: Any) -> float:
    """A child that the trial forks reports, and ends."""
    child = os.fork()
    if child == 0:
        os._exit(0 if report_intermediate_result(0.5) else 1)
    return float(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def refuse_to_answer() -> Verdict:
    """Nobody is to be asked."""
    raise AssertionError("somebody asked")


def test_nobody_is_asked_unless_the_job_asks(tmp_path: Path) -> None:
    """A job that does not ask waits for nothing."""
    assert isinstance(run_job(make_job(tmp_path, jobs.report_three), [].append, refuse_to_answer), Finished)


@pytest.mark.parametrize("verdict", [Verdict.STOP, Verdict.PAUSE])
def test_an_error_after_the_verdict(tmp_path: Path, verdict: Verdict) -> None:
    """A trial that fails while it is being ended has ended as it was told."""
    outcome = run_job(make_job(tmp_path, clean_up_badly, asks=True), [].append, lambda: verdict)
    assert isinstance(outcome, Halted)
    assert outcome.verdict is verdict


def test_an_interrupt_after_the_verdict(tmp_path: Path) -> None:
    """Ctrl-C is still the user's."""
    with pytest.raises(KeyboardInterrupt):
        run_job(make_job(tmp_path, interrupt_at_the_end, asks=True), [].append, lambda: Verdict.STOP)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_waits_for_nobody(tmp_path: Path) -> None:
    """A child that the trial forked is told to go on, and takes no answer away from the trial."""
    outcome = run_job(make_job(tmp_path, report_from_a_child, asks=True), [].append, refuse_to_answer)
    assert isinstance(outcome, Finished)
    assert outcome.metrics["default"] == 0


def test_steps_before_the_pause_are_not_reported_again(tmp_path: Path) -> None:
    """A job that begins anew reports from its first step on."""
    events: list[Event] = []
    run_job(make_job(tmp_path, jobs.report_three, first_step=1), events.append)
    assert [event.step for event in events if isinstance(event, Reported)] == [1]


def test_a_lightning_trial_that_is_paused(tmp_path: Path) -> None:
    """It ends with the result and the weights of one that was never paused."""
    data = TensorDataset(torch.randn(8, 2, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3)
    evaluator = Classification(
        train_dataloaders=DataLoader(data, batch_size=4, shuffle=True),
        val_dataloaders=DataLoader(data, batch_size=8),
        max_epochs=3,
        accelerator="cpu",
    )
    whole = make_job(
        tmp_path, jobs.return_nothing, evaluator=dumps(evaluator), seed=1, weights=WeightsAddress(str(tmp_path), "1/w")
    )
    path = tmp_path / "2" / "checkpoint.pt"
    weights = WeightsAddress(str(tmp_path), "2/w")
    paused = replace(whole, trial=2, directory=path.parent, asks=True, checkpoint=path, weights=weights)
    last = run_job(whole, [].append)
    events: list[Event] = []
    first = run_job(paused, events.append, lambda: Verdict.PAUSE)
    assert isinstance(first, Halted)
    assert WeightStore(tmp_path).keys() == ["1/w"]
    second = run_job(replace(paused, first_step=1), events.append, lambda: Verdict.GO_ON)
    assert isinstance(last, Finished)
    assert isinstance(second, Finished)
    assert second.metrics == last.metrics
    assert [event.step for event in events if isinstance(event, Reported)] == [0, 1, 2]
    store = WeightStore(tmp_path)
    states = store.get("1/w"), store.get("2/w")
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


ASKED = threading.Event()


def leave_a_thread(model_cls: Any) -> float:
    """Ends while a thread of it waits for an answer."""
    model_cls()
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_report_quietly,)).start()
    ASKED.wait()
    return 1.0


def _report_quietly() -> None:
    with contextlib.suppress(TrialEnded):
        report_intermediate_result(0.5)


def stop_slowly() -> Verdict:
    """An answer that takes a while."""
    ASKED.set()
    time.sleep(0.05)
    return Verdict.STOP


def test_the_end_waits_for_answers(tmp_path: Path) -> None:
    """A trial whose thread has reported has not ended before the answer, which counts."""
    job = make_job(tmp_path, leave_a_thread, asks=True, weights=own_weights(tmp_path))
    assert isinstance(run_job(job, [].append, stop_slowly), Halted)
    assert WeightStore(tmp_path / "w").keys() == []
