from __future__ import annotations

import os
from pathlib import Path

import pytest

from retix.execution import InlineEngine
from retix.trial import Cancelled, Finished, Started
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
