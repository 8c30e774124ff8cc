"""What the tests of Ray's engine do with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retix.execution import RayEngine
from retix.trial import Cancelled, Failed, Finished, Halted, Job, Started
from tests.execution.jobs import events_until, make_job
from tests.execution.ray.ray_jobs import gather

LAST = (Finished, Failed, Cancelled, Halted)


def finish(engine: RayEngine, *tasks: Job) -> list[Any]:
    """The last events of some jobs, in the order of the jobs."""
    for job in tasks:
        engine.submit(job)
    events = events_until(engine, lambda events: sum(isinstance(e, LAST) for e in events) == len(tasks))
    lasts = {event.trial: event for event in events if isinstance(event, LAST)}
    return [lasts[job.trial] for job in tasks]


def fill(engine: RayEngine, directory: Path) -> list[str]:
    """Have as many trials run at a time as there are slots, so that each has a host; the names of the workers."""
    count, folder = engine.capacity, directory / "gathering"
    for trial in range(901, 901 + count):
        arguments = {"folder": folder, "trial": trial, "count": count}
        engine.submit(make_job(directory, gather, trial=trial, arguments=arguments))
    events = events_until(engine, lambda events: sum(isinstance(e, LAST) for e in events) == count)
    assert sum(isinstance(event, Finished) for event in events) == count, events
    return [event.worker for event in events if isinstance(event, Started)]
