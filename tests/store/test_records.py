from __future__ import annotations

import math
from dataclasses import replace

import pytest

from retix.errors import StoreError
from retix.space import Sample
from retix.store import Attempt, FailureCount, Store, StoreReader
from retix.trial import Failure, FailureKind, Trial, TrialState, Verdict

WAITING = Trial(1, Sample({"conv": "0"}), created=10.0, digest="0a")
STOPPED = replace(WAITING, state=TrialState.STOPPED, started=11.0, ended=12.0)
LOST = Failure(FailureKind.WORKER_LOST, "the worker is frozen")
RAISED = Failure(FailureKind.RAISED, "no such layer", "KeyError", "Traceback ...")


def test_every_run_of_a_trial_is_kept(store: Store) -> None:
    """Lost runs, runs that were tried again and the one that goes on are told in their order."""
    store.add_trial(WAITING)
    store.begin_attempt(1, 1, "worker 1", 1.0)
    store.end_attempt(1, 1, 2.0, LOST)
    store.begin_attempt(1, 2, "worker \udcff", 3.0)
    assert StoreReader(store.directory).attempts(1) == [
        Attempt(1, 1, "worker 1", 1.0, 2.0, LOST),
        Attempt(1, 2, "worker \\udcff", 3.0),
    ]
    store.end_attempt(1, 2, 4.0, stopped=True)
    assert StoreReader(store.directory).attempts(1)[1] == Attempt(1, 2, "worker \\udcff", 3.0, 4.0, stopped=True)
    store.begin_attempt(1, 3, "worker 1", 5.0)
    store.end_attempt(1, 3, 6.0, verdict=Verdict.PAUSE)
    assert StoreReader(store.directory).attempts(1)[2] == Attempt(1, 3, "worker 1", 5.0, 6.0, verdict=Verdict.PAUSE)


def test_a_run_begins_and_ends_once(store: Store) -> None:
    """A run that was begun, or ended, is not begun or ended again, nor ended without a beginning."""
    with pytest.raises(StoreError, match="trial 1 began, but is not recorded"):
        store.begin_attempt(1, 1, "w", 1.0)
    store.add_trial(WAITING)
    with pytest.raises(StoreError, match="run 1 of trial 1 was never begun"):
        store.end_attempt(1, 1, 1.0)
    store.begin_attempt(1, 1, "w", 1.0)
    with pytest.raises(StoreError, match="run 1 of trial 1 is recorded already"):
        store.begin_attempt(1, 1, "w", 1.0)
    store.end_attempt(1, 1, 2.0)
    with pytest.raises(StoreError, match="run 1 of trial 1 has ended already"):
        store.end_attempt(1, 1, 3.0, LOST)
    assert StoreReader(store.directory).attempts(1) == [Attempt(1, 1, "w", 1.0, 2.0)]


def test_steps_come_back_in_their_order(store: Store) -> None:
    """More steps than a reader takes at once are read one after the other, with what belongs to them."""
    with store.batch():
        numbers = [store.add_step("ask", trial, {"trial": trial}) for trial in range(1, 1502)]
        numbers.append(store.add_step("ask"))
        numbers.append(store.add_step("tell", 1, [1, None]))
    reader = StoreReader(store.directory)
    steps = list(reader.steps())
    assert [step.number for step in steps] == numbers == list(range(1, 1504))
    assert (steps[0].kind, steps[0].trial, steps[0].data) == ("ask", 1, {"trial": 1})
    assert [(step.kind, step.trial, step.data) for step in reader.steps(after=1501)] == [
        ("ask", None, None),
        ("tell", 1, [1, None]),
    ]


def test_all_reports_come_in_their_order(store: Store) -> None:
    """Those of all trials, more than a reader takes at once, with values that are no numbers."""
    store.add_trial(WAITING)
    store.add_trial(replace(WAITING, id=2))
    with store.batch():
        for step in range(600):
            for trial in (2, 1):
                store.add_report(trial, step, {"default": math.inf if step == 599 else float(step)}, 1.0)
    reports = list(StoreReader(store.directory).all_reports())
    assert [(report.trial, report.step) for report in reports] == [
        (trial, step) for step in range(600) for trial in (2, 1)
    ]
    assert [report.metrics["default"] for report in reports[-3:]] == [598.0, math.inf, math.inf]


def test_a_step_is_of_a_known_kind(store: Store) -> None:
    """A kind that nobody would know how to repeat is refused, and so is what has no JSON form."""
    with pytest.raises(StoreError, match="'think' is no step"):
        store.add_step("think")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(StoreError, match="a step cannot be written as JSON"):
        store.add_step("tell", 1, object())


def test_a_stopped_trial_can_wait_again(store: Store) -> None:
    """Only a stopped trial is opened again, only to wait, and only with its sample."""
    store.add_trial(STOPPED)
    for trial in (replace(WAITING, id=2), replace(STOPPED, ended=13.0)):
        with pytest.raises(StoreError, match="cannot be opened again"):
            store.reopen_trial(trial)
    with pytest.raises(StoreError, match="another sample"):
        store.reopen_trial(replace(WAITING, sample=Sample({"conv": "1"})))
    store.reopen_trial(WAITING)
    assert store.trial(1) == WAITING
    store.update_trial(replace(WAITING, state=TrialState.SUCCEEDED))
    with pytest.raises(StoreError, match="cannot be opened again"):
        store.reopen_trial(WAITING)


def test_the_driver_sees_its_open_batch(store: Store) -> None:
    """Inside of a batch the driver reads what it has written, and readers do not."""
    with store.batch():
        store.add_trial(WAITING)
        store.add_trial(replace(WAITING, id=2, duplicate_of=1))
        assert store.trial(1) == store.find_original("0a") == WAITING
        assert StoreReader(store.directory).trials() == []
    assert store.find_original("0b") is None
    with pytest.raises(StoreError, match="has no trial 3"):
        store.trial(3)


def test_the_original_is_the_first(store: Store) -> None:
    """Of equal networks the first that is no duplicate is the original, in whatever order they were recorded."""
    store.add_trial(replace(WAITING, id=5))
    store.add_trial(replace(WAITING, id=4))
    store.add_trial(replace(WAITING, id=3, duplicate_of=4))
    assert store.find_original("0a") == replace(WAITING, id=4)


def test_failures_are_counted_by_kind(store: Store) -> None:
    """Each kind says how many trials ended so, how many runs were tried again, the first, the last and its message."""
    for id, failure in ((1, RAISED), (2, replace(RAISED, message="later")), (3, LOST)):
        store.add_trial(replace(WAITING, id=id, state=TrialState.FAILED, failure=failure, attempts=1))
        store.begin_attempt(id, 1, "w", 1.0)
        store.end_attempt(id, 1, 2.0, failure)
    store.add_trial(replace(WAITING, id=4, state=TrialState.SUCCEEDED))
    for number in (1, 2, 3):
        store.begin_attempt(4, number, "w", 1.0)
        store.end_attempt(4, number, 2.0, replace(LOST, message=f"lost {number}") if number < 3 else None)
    assert StoreReader(store.directory).failures() == [
        FailureCount(FailureKind.RAISED, 2, 0, 1, 2, "later"),
        FailureCount(FailureKind.WORKER_LOST, 1, 2, 3, 4, "lost 2"),
    ]


def test_a_search_without_failures_has_none_to_count(store: Store) -> None:
    """Kinds that never came are left out."""
    store.add_trial(WAITING)
    assert StoreReader(store.directory).failures() == []
