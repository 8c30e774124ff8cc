from __future__ import annotations

import _thread
import contextvars
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from retix.errors import ExecutionError
from retix.evaluator import report_intermediate_result
from retix.execution import InlineEngine
from retix.trial import Cancelled, Finished, Reported, Started, Verdict
from tests.execution import jobs
from tests.execution.jobs import make_job


def report_process(model_cls: object) -> float:
    """The number of the process that runs the trial."""
    return os.getpid()


def test_runs_in_this_process(tmp_path: Path) -> None:
    """The trial runs in the driver's process, where a debugger reaches it."""
    with InlineEngine() as engine:
        engine.submit(make_job(tmp_path, report_process))
        last = engine.events()[-1]
    assert isinstance(last, Finished)
    assert last.metrics["default"] == os.getpid()


@pytest.mark.parametrize("function", [jobs.interrupt, jobs.interrupt_trainer])
def test_an_interrupt_is_raised(tmp_path: Path, function: object) -> None:
    """Ctrl-C reaches the driver, also through a trainer that turns it into SystemExit; the trial is cancelled."""
    with InlineEngine() as engine:
        engine.submit(make_job(tmp_path, function))
        with pytest.raises(KeyboardInterrupt):
            engine.events()
        assert [type(event) for event in engine.events(0.0)] == [Started, Cancelled]


def test_closing_forgets_the_job(tmp_path: Path) -> None:
    """A job that has not run when the engine closes never runs."""
    engine = InlineEngine()
    job = make_job(tmp_path, jobs.return_metric)
    engine.submit(job)
    engine.close()
    assert engine.events(0.0) == []
    assert not job.directory.exists()


AMBIENT = contextvars.ContextVar("ambient", default=0.0)


def report_ambient(model_cls: object, note: Path) -> float:
    """What a context variable of the driver's holds; notes that it goes on."""
    report_intermediate_result(AMBIENT.get())
    note.touch()
    return os.getpid()


def press_and_sleep(model_cls: object) -> float:
    """The user presses Ctrl-C while the trial trains; signals are the main thread's."""
    _thread.interrupt_main()
    for _ in range(1000):
        time.sleep(0.01)
    return 1.0


def report_elsewhere(model_cls: object) -> None:
    """Reports from another thread."""
    thread = threading.Thread(target=contextvars.copy_context().run, args=(report_intermediate_result, 0.5))
    thread.start()
    thread.join()


def list_trials() -> Iterator[threading.Thread]:
    """The threads that run trials."""
    return (thread for thread in threading.enumerate() if thread.name.startswith("retix-trial"))


def test_a_trial_that_asks_runs_in_this_process(tmp_path: Path) -> None:
    """It sees the driver's context and process, and its thread ends with it."""
    AMBIENT.set(0.25)
    with InlineEngine() as engine:
        engine.submit(make_job(tmp_path, report_ambient, asks=True, arguments={"note": tmp_path / "on"}))
        reported = engine.events()[-1]
        assert isinstance(reported, Reported)
        assert reported.metrics == {"default": 0.25}
        engine.answer(1, Verdict.GO_ON)
        time.sleep(0.02)
        assert not (tmp_path / "on").exists()  # the trial goes on when its events are asked for
        last = engine.events()[-1]
    assert isinstance(last, Finished)
    assert last.metrics["default"] == os.getpid()


def test_waiting_without_an_answer(tmp_path: Path) -> None:
    """A wait that would never end, because the trial waits for the caller, is refused."""
    with InlineEngine() as engine:
        engine.submit(make_job(tmp_path, jobs.report_three, asks=True))
        engine.events()
        assert engine.events(0.0) == []
        with pytest.raises(ExecutionError, match="trial 1 waits for an answer"):
            engine.events()


@pytest.mark.parametrize("function", [jobs.interrupt, jobs.interrupt_trainer, press_and_sleep])
def test_an_interrupt_of_a_trial_that_asks(tmp_path: Path, function: object) -> None:
    """Ctrl-C ends the trial and is raised, whether it comes up in the trial or in the driver that waits for it."""
    with InlineEngine() as engine:
        engine.submit(make_job(tmp_path, function, asks=True))
        with pytest.raises(KeyboardInterrupt):
            engine.events()
        assert [type(event) for event in engine.events(0.0)] == [Started, Cancelled]
        assert (engine.free, list(list_trials())) == (1, [])


@pytest.mark.filterwarnings("ignore:Exception in thread:pytest.PytestUnhandledThreadExceptionWarning")
def test_closing_ends_a_trial_that_waits(tmp_path: Path) -> None:
    """No thread is left of a trial that waits when the engine closes, also if its report came from another."""
    with InlineEngine() as engine:
        engine.submit(make_job(tmp_path, report_elsewhere, asks=True))
        engine.events()
        assert len(list(list_trials())) == 1
    assert list(list_trials()) == []
