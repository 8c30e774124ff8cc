"""What is done about failed trials."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.experiment.search.failure_policy import FailurePolicy, Streak, may_retry, read_policies
from retix.experiment.search.limits import Limits
from retix.experiment.search.loop import EndReason
from retix.strategy import RegularizedEvolution
from retix.strategy.member import Member
from retix.trial import Failure, FailureKind, Job, TrialState
from tests.experiment.nets import Chain, Gated
from tests.experiment.scores import raise_in_model, score_width
from tests.experiment.searching import Scripted, make_search, make_space, make_store, never
from tests.experiment.slots import ShuffledEngine

WIDTHS = [{"width": width} for width in (1, 2, 3, 4, 5, 6)]
NO_ROOM = Failure(FailureKind.OUT_OF_MEMORY, "no room for 3 GiB")
LOST = Failure(FailureKind.WORKER_LOST, "nobody knows")


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ("fail", FailurePolicy()),
        ("retry:3", FailurePolicy(retries=3)),
        ("penalise:0.0", FailurePolicy(penalty=0.0)),
        ("penalize:-1", FailurePolicy(penalty=-1.0)),
        ("stop:5", FailurePolicy(stop_after=5)),
        (" retry:2 , penalise:0", FailurePolicy(2, 0.0)),
        ({"retries": 1, "stop_after": 2}, FailurePolicy(1, None, 2)),
        (FailurePolicy(1), FailurePolicy(1)),
    ],
)
def test_forms(value: Any, policy: FailurePolicy) -> None:
    """A policy is read from a text, from its fields, or is one already; and goes to text and back."""
    assert FailurePolicy.read(value) == policy
    assert FailurePolicy.read(policy.to_json()) == policy


@pytest.mark.parametrize(
    "value",
    ["retry", "retry:x", "retry:-1", "retry:1.5", "penalise:nan", "stop:0", "again:2", "", 3, {"retry": 2}, "fail:1"],
)
def test_what_is_no_policy(value: Any) -> None:
    """It is refused with what may be written."""
    with pytest.raises(ConfigError, match="fix:"):
        FailurePolicy.read(value)


def test_policies_by_kind() -> None:
    """Kinds are named as they are recorded; an unknown one is refused with the known."""
    kind = FailureKind.TIMEOUT
    assert read_policies({"timeout": "retry:1"}) == read_policies({kind: FailurePolicy(1)}) == {kind: FailurePolicy(1)}
    with pytest.raises(ConfigError, match="no kind of failure 'late'") as caught:
        read_policies({"late": "fail"})
    assert "timeout" in str(caught.value)


def test_what_holds_where_nothing_is_said() -> None:
    """A lost worker is forgiven once; `retries` is about workers only; what is said goes before both."""
    assert Limits().policy(FailureKind.WORKER_LOST).retries == 1
    assert Limits().policy(FailureKind.KILLED).retries == 0
    assert Limits(retries=3).policy(FailureKind.KILLED).retries == 3
    assert Limits(retries=3).policy(FailureKind.WORKER_LOST).retries == 3
    assert Limits(retries=3).policy(FailureKind.RAISED).retries == 0
    given = {FailureKind.KILLED: FailurePolicy(penalty=0.0)}
    assert Limits(retries=3, policies=given).policy(FailureKind.KILLED) == FailurePolicy(penalty=0.0)


def test_retries_count_by_kind() -> None:
    """Each kind has its own number; what cannot be built is not tried again."""
    earlier = Counter({FailureKind.WORKER_LOST: 1, FailureKind.OUT_OF_MEMORY: 0})
    assert not may_retry(LOST, FailurePolicy(1), earlier)
    assert may_retry(LOST, FailurePolicy(2), earlier)
    assert may_retry(NO_ROOM, FailurePolicy(1), earlier)
    assert not may_retry(Failure(FailureKind.BUILD, "no"), FailurePolicy(9), Counter())


def test_a_streak_is_of_one_kind() -> None:
    """A success and another failure break it; samples that make no model neither break nor lengthen it."""
    streak, policy = Streak(), FailurePolicy(stop_after=2)
    streak.failed(NO_ROOM, policy)
    streak.succeeded()
    streak.failed(NO_ROOM, policy)
    streak.failed(LOST, FailurePolicy())
    streak.failed(NO_ROOM, policy)
    streak.failed(Failure(FailureKind.INVALID, "none"), FailurePolicy())
    assert streak.verdict == ""
    streak.failed(NO_ROOM, policy)
    assert streak.verdict == "2 trials in a row failed (out_of_memory), the last with: no room for 3 GiB"


def test_retries(tmp_path: Path) -> None:
    """A trial is run again on the same job as often as its kind of failure allows; each attempt is recorded."""
    limits = Limits(policies={FailureKind.OUT_OF_MEMORY: FailurePolicy(retries=2)})

    def break_thrice(job: Job, attempt: int) -> Failure | None:
        return {1: NO_ROOM, 2: LOST, 3: NO_ROOM}.get(attempt) if job.trial == 1 else None

    with make_store(tmp_path) as store:
        engine = ShuffledEngine(2, breaks=break_thrice)
        search, reader = make_search(
            make_space(Chain()), Scripted(*WIDTHS[:2]), engine, store, score_width, limits=limits
        )
        search.run(never)
        trial = reader.trial(1)
        assert (trial.state, trial.attempts, trial.failure) == (TrialState.SUCCEEDED, 4, None)
        assert [attempt.failure for attempt in reader.attempts(1)] == [NO_ROOM, LOST, NO_ROOM, None]
        assert len({job.seed for job in engine.jobs if job.trial == 1}) == 1
        assert reader.trial(2).attempts == 1


def test_the_last_failure_is_final(tmp_path: Path) -> None:
    """Without retries left a trial fails as its last attempt did; by default only a lost worker has one."""
    with make_store(tmp_path) as store:
        engine = ShuffledEngine(1, breaks=lambda job, attempt: LOST if job.trial == 1 else NO_ROOM)
        search, reader = make_search(make_space(Chain()), Scripted(*WIDTHS[:2]), engine, store, score_width)
        search.run(never)
        assert [(trial.attempts, trial.failure) for trial in reader.trials()] == [(2, LOST), (1, NO_ROOM)]


def test_a_penalty_is_told(tmp_path: Path) -> None:
    """The record says failed, the strategy is told a metric, and the journal has it; a duplicate is told the same."""
    same = [{"left": "0", "gate": [0]}, {"right": "0", "gate": [1]}]
    limits = Limits(policies={FailureKind.SHAPE: FailurePolicy(penalty=-9.0)})
    strategy = Scripted(*same)
    with make_store(tmp_path) as store:
        search, reader = make_search(
            make_space(Gated()), strategy, ShuffledEngine(1), store, raise_in_model, limits=limits
        )
        search.run(never)
        assert [trial.metric for trial in strategy.told] == [-9.0, -9.0]
        assert [trial.state for trial in strategy.told] == [TrialState.FAILED, TrialState.DUPLICATE]
        assert [trial.metric for trial in reader.trials()] == [None, None]
        told = [step.data for step in reader.steps() if step.kind == "tell"]
        assert told == [{"metrics": {"default": -9.0}}] * 2


def test_evolution_learns_from_a_penalty(tmp_path: Path) -> None:
    """A model that fails is in the population as a bad one, and children avoid it."""
    limits = Limits(trials=3, patience=50, policies={FailureKind.OUT_OF_MEMORY: FailurePolicy(penalty=-99.0)})
    strategy = RegularizedEvolution(population_size=2, sample_size=1, seed=1)
    with make_store(tmp_path) as store:
        engine = ShuffledEngine(1, breaks=lambda job, attempt: NO_ROOM)
        search, _ = make_search(make_space(Chain()), strategy, engine, store, score_width, limits=limits)
        search.run(never)
    members = [Member.from_json(data) for data in strategy.state()["population"]]
    assert {member.costs for member in members} == {(99.0,)}


def test_failures_in_a_row_end_the_search(tmp_path: Path) -> None:
    """It says which, what ended before stays, and nothing new begins."""
    limits = Limits(policies={FailureKind.OUT_OF_MEMORY: FailurePolicy(stop_after=2)})
    with make_store(tmp_path) as store:
        engine = ShuffledEngine(1, breaks=lambda job, attempt: NO_ROOM if job.trial > 2 else None)
        search, reader = make_search(make_space(Chain()), Scripted(*WIDTHS), engine, store, score_width, limits=limits)
        assert search.explanation == ""
        assert search.run(never) is EndReason.FAILURES
        assert search.explanation == "2 trials in a row failed (out_of_memory), the last with: no room for 3 GiB"
        states = [str(trial.state) for trial in reader.trials()]
        assert states == ["succeeded", "succeeded", "failed", "failed"]
