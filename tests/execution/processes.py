"""What tests of engines do with processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from retix.execution import LocalEngine
from retix.trial import Cancelled, Event, Failed, Finished, Halted, Job, Reported
from tests.execution import jobs
from tests.execution.jobs import events_until, make_job

LAST = (Finished, Failed, Cancelled, Halted)


def finish(engine: LocalEngine, job: Job) -> Event:
    """The last event of a job."""
    engine.submit(job)
    return events_until(engine, lambda events: any(isinstance(event, LAST) for event in events))[-1]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in another process."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def wait_for_end(processes: Iterable[int]) -> None:
    """Wait until none of the processes runs any more."""
    wait_until(lambda: not any(map(is_running, processes)))


def start(engine: LocalEngine, directory: Path, function: Callable[..., Any], **fields: Any) -> list[int]:
    """Submit a trial, and wait for its first report; the process ids that it notes: its worker's comes first."""
    note = directory / "note"
    note.unlink(missing_ok=True)
    arguments = {"note": note, **fields.pop("arguments", {})}
    engine.submit(make_job(directory, function, arguments=arguments, **fields))
    events_until(engine, lambda events: any(isinstance(event, Reported) for event in events))
    processes = [int(word) for word in note.read_text().split()]
    assert all(map(is_running, processes))
    return processes


def start_hanging(engine: LocalEngine, directory: Path, **fields: Any) -> tuple[int, int]:
    """Submit a trial that hangs, as trial 1; the ids of its worker and of a child of it."""
    worker, child = start(engine, directory, jobs.hang, **fields)
    return worker, child


def keeper_of(worker: int) -> psutil.Process:
    """The process that minds a worker."""
    return psutil.Process(worker).parents()[0]


def server_of(worker: int) -> psutil.Process:
    """The process that forked a worker's keeper."""
    return psutil.Process(worker).parents()[1]
