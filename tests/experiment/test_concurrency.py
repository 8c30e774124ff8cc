"""The search loop with worker processes, several at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retix.execution import InlineEngine, LocalEngine
from retix.experiment.search.loop import EndReason, Limits
from retix.store import Store
from retix.strategy import GridSearch, Random, Strategy
from retix.trial import Proposal, Trial, TrialState
from tests.experiment.nets import Chain, Gated
from tests.experiment.scores import await_gate, hang, score_width
from tests.experiment.searching import (
    Listener,
    Scripted,
    count_most_at_once,
    make_search,
    make_space,
    make_store,
    never,
)

SAME: list[dict[str, Any]] = [{"left": "0", "gate": [0]}, {"right": "0", "gate": [1]}]
OTHER = {"left": "1", "gate": [0]}


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalEngine]:
    """Two workers, which stay warm for all tests of this file."""
    with LocalEngine(2) as engine:
        yield engine


@pytest.fixture
def engine(pool: LocalEngine) -> LocalEngine:
    """The two workers, without what they have to say about the trials of an earlier test."""
    pool.events(0)
    return pool


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store for one experiment."""
    with make_store(tmp_path / "experiments") as store:
        yield store


def test_samples_depend_on_the_seed_alone(engine: LocalEngine, tmp_path: Path) -> None:
    """One slot and two are given the same samples in the same order, and neither runs more than it may."""
    strategies: tuple[Callable[..., Strategy], ...] = (Random, GridSearch)
    found: dict[object, list[object]] = {make: [] for make in strategies}
    for make, workers in itertools.product(strategies, (InlineEngine(), engine)):
        with make_store(tmp_path / "experiments") as store:
            search, reader = make_search(
                make_space(Chain()), make(seed=11), workers, store, score_width, limits=Limits(trials=5)
            )
            assert search.run(never) is EndReason.BUDGET
        trials = reader.trials()
        assert count_most_at_once(trials) <= workers.capacity
        found[make].append([(trial.id, trial.sample, trial.metrics) for trial in trials])
    for one, two in found.values():
        assert one == two


@pytest.mark.parametrize("outcome", ["good", "bad"])
def test_a_duplicate_waits_for_its_original(outcome: str, engine: LocalEngine, store: Store, tmp_path: Path) -> None:
    """The duplicate of a trial that runs is not run; it ends behind the original, and both are told in that order."""
    gate = tmp_path / "gate"
    strategy = Scripted(*SAME)

    def open_gate(trial: Trial) -> None:
        if trial.duplicate_of is not None:
            gate.touch()

    listener = Listener(hook=open_gate)
    search, reader = make_search(
        make_space(Gated()),
        strategy,
        engine,
        store,
        await_gate,
        listener=listener,
        arguments={"gate": gate, "outcome": outcome},
    )
    assert search.run(never) is EndReason.EXHAUSTED
    original, duplicate = reader.trials()
    assert original.state is (TrialState.SUCCEEDED if outcome == "good" else TrialState.FAILED)
    assert (duplicate.state, duplicate.duplicate_of) == (TrialState.DUPLICATE, 1)
    assert duplicate.metrics == original.metrics == ({"default": 7.0} if outcome == "good" else {})
    assert listener.states[2] == [TrialState.WAITING, TrialState.DUPLICATE]
    assert strategy.told == [original, duplicate]


def test_the_strategy_is_asked_again_only_when_it_has_learned(
    engine: LocalEngine, store: Store, tmp_path: Path
) -> None:
    """After None, asking waits for the end of a trial; the strategy may be expensive to ask."""
    asked = []

    class Hesitant(Scripted):
        def ask(self) -> Proposal | None:
            proposal = super().ask() if len(self.told) + len(self.left) == 2 else None
            asked.append(proposal is not None)
            return proposal

    gate = tmp_path / "gate"
    beats = 0

    def stop_never() -> bool:
        nonlocal beats
        beats += asked == [True, False]
        if beats == 4:
            gate.touch()
        return False

    search, reader = make_search(
        make_space(Chain()),
        Hesitant({"width": 1}, {"width": 2}),
        engine,
        store,
        score_width,
        arguments={"gate": gate},
    )
    assert search.run(stop_never) is EndReason.EXHAUSTED
    assert asked == [True, False, True, False, False]
    assert [trial.state for trial in reader.trials()] == [TrialState.SUCCEEDED] * 2


def test_stopping_ends_what_runs_and_what_waits_for_it(engine: LocalEngine, store: Store, tmp_path: Path) -> None:
    """Running trials and a duplicate of one are recorded as stopped; the strategy, asked no more, hears nothing."""
    strategy = Scripted(SAME[0], SAME[1], OTHER)
    listener = Listener()
    search, reader = make_search(
        make_space(Gated()), strategy, engine, store, hang, listener=listener, arguments={"note": tmp_path / "note"}
    )
    ran = [TrialState.WAITING, TrialState.RUNNING]
    assert search.run(lambda: listener.states.get(1) == listener.states.get(3) == ran) is EndReason.STOPPED
    assert [trial.state for trial in reader.trials()] == [TrialState.STOPPED] * 3
    assert [trial.duplicate_of for trial in reader.trials()] == [None, 1, None]
    assert all(trial.ended is not None for trial in reader.trials())
    assert engine.free == 2
    assert strategy.told == []


def test_the_duration_ends_what_runs(engine: LocalEngine, store: Store, tmp_path: Path) -> None:
    """When the time is over, running trials are stopped."""
    search, reader = make_search(
        make_space(Chain()),
        Scripted({"width": 1}, {"width": 2}),
        engine,
        store,
        hang,
        limits=Limits(duration=1.0),
        arguments={"note": tmp_path / "note"},
    )
    assert search.run(never) is EndReason.DURATION
    assert [trial.state for trial in reader.trials()] == [TrialState.STOPPED] * 2
    assert engine.free == 2


def test_an_error_of_the_search_stops_what_runs(engine: LocalEngine, store: Store, tmp_path: Path) -> None:
    """A strategy that raises leaves no running trial behind, neither in the store nor in a worker."""

    class Broken(Scripted):
        def ask(self) -> Proposal | None:
            if not self.left:
                raise ZeroDivisionError("a mistake")
            return super().ask()

        def tell(self, trial: Trial) -> None:
            raise AssertionError("it has raised before")

    search, reader = make_search(
        make_space(Chain()), Broken({"width": 1}), engine, store, hang, arguments={"note": tmp_path / "note"}
    )
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        search.run(never)
    assert [trial.state for trial in reader.trials()] == [TrialState.STOPPED]
    assert engine.free == 2
