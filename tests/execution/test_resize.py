from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retix.errors import ConfigError, ExecutionError
from retix.execution import InlineEngine, LocalEngine
from retix.trial import Event, Finished
from tests.execution import jobs
from tests.execution.jobs import events_until, make_job


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    """An engine with two GPUs, as far as it knows, each for two trials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
        engine = LocalEngine(1, gpus_per_trial=1, trials_per_gpu=2)
    with engine:
        yield engine


def fill(engine: LocalEngine, directory: Path, first: int, seconds: float = 0.5) -> int:
    """Submit as many trials as there are free slots, from trial ``first`` on; gives how many."""
    count = engine.free
    for trial in range(first, first + count):
        engine.submit(make_job(directory, jobs.see_devices, trial=trial, arguments={"seconds": seconds}))
    return count


def finish_all(engine: LocalEngine, count: int) -> list[float]:
    """The GPUs that so many trials saw, sorted."""

    def is_done(events: list[Event]) -> bool:
        return sum(isinstance(event, Finished) for event in events) == count

    events = events_until(engine, is_done)
    return sorted(event.metrics["default"] for event in events if isinstance(event, Finished))


def test_growing_and_shrinking(engine: LocalEngine, tmp_path: Path) -> None:
    """Slots come and go while trials run; each GPU has at most its two trials, and a slot that went is not lost."""
    assert fill(engine, tmp_path, 1) == 1
    engine.resize(4)
    assert (engine.capacity, engine.free) == (4, 3)
    assert fill(engine, tmp_path, 2) == 3
    engine.resize(2)  # all four run on
    assert (engine.capacity, engine.free) == (2, 0)
    assert finish_all(engine, 4) == [3, 3, 5, 5]
    assert (engine.capacity, engine.free) == (2, 2)
    engine.resize(4)
    assert fill(engine, tmp_path, 5, 0.0) == 4
    assert finish_all(engine, 4) == [3, 3, 5, 5]


def test_coming_back_before_the_end(engine: LocalEngine, tmp_path: Path) -> None:
    """Slots that were to go, and whose trials still run, stay if there is room again."""
    engine.resize(4)
    assert fill(engine, tmp_path, 1) == 4
    engine.resize(1)
    engine.resize(3)
    assert (engine.capacity, engine.free) == (3, 0)
    finish_all(engine, 4)
    assert (engine.capacity, engine.free) == (3, 3)
    assert fill(engine, tmp_path, 5, 0.0) == 3
    finish_all(engine, 3)


def test_too_many(engine: LocalEngine) -> None:
    """What cannot be is refused, and changes nothing."""
    before = engine.capacity
    with pytest.raises(ConfigError, match=r"need 3 GPUs \(2 trials on each\), and there are 2"):
        engine.resize(5)
    with pytest.raises(ConfigError, match="capacity is 0"):
        engine.resize(0)
    assert engine.capacity == before


def test_waits(tmp_path: Path) -> None:
    """A trial that has not started says what it waits for; one that has does not."""
    with LocalEngine(1) as engine:
        assert engine.waits() == {}
        engine.submit(make_job(tmp_path, jobs.report_three))
        assert engine.waits().keys() == {1}
        assert engine.waits()[1].startswith("starting a worker: importing torch and Lightning for ")
        events_until(engine, bool)
        assert engine.waits() == {}


def test_a_closed_engine() -> None:
    """It has no slots any more, and gets none."""
    engine = LocalEngine(1)
    engine.close()
    with pytest.raises(ExecutionError, match="closed"):
        engine.resize(2)


def test_an_inline_engine(tmp_path: Path) -> None:
    """It runs one trial at a time, when its events are asked for, and says so."""
    with InlineEngine() as engine:
        engine.resize(1)
        with pytest.raises(ConfigError, match="cannot run 2"):
            engine.resize(2)
        engine.submit(make_job(tmp_path, jobs.report_three))
        assert engine.waits() == {1: "runs when its events are asked for"}
