"""The search loop with the inline engine: whatever needs no second process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from retix.codegen import Source
from retix.errors import GenerationError, StoreError
from retix.execution import InlineEngine
from retix.experiment.search.loop import EndReason, Limits
from retix.model_space import ModelSpace
from retix.store import Store, StoreReader
from retix.strategy import GridSearch, Random, RegularizedEvolution
from retix.trial import Cancelled, Event, FailureKind, Job, Trial, TrialState
from tests.experiment.nets import INPUTS, Chain, Gated
from tests.experiment.scores import count_parameters, raise_in_model, score_width
from tests.experiment.searching import Listener, Scripted, make_search, make_space, make_store, never

WIDTHS = [{"width": width} for width in (1, 2, 3, 4, 5, 6)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store for one experiment."""
    with make_store(tmp_path / "experiments") as store:
        yield store


def test_runs_until_nothing_is_left(store: Store) -> None:
    """Every sample of the grid becomes a trial with its metrics, reports and source; the best keeps its weights."""
    listener, strategy = Listener(), Scripted(*WIDTHS)
    search, reader = make_search(make_space(Chain()), strategy, InlineEngine(), store, score_width, listener=listener)
    assert search.run(never) is EndReason.EXHAUSTED
    trials = reader.trials()
    assert [trial.id for trial in trials] == [1, 2, 3, 4, 5, 6]
    assert [trial.sample.to_json() for trial in trials] == WIDTHS
    assert [trial.metrics for trial in trials] == [
        {"default": -abs(width - 4.0), "width": width} for width in range(1, 7)
    ]
    assert [(report.step, report.metrics) for report in reader.reports(6)] == [
        (0, {"default": 0.0, "loss": 1.0}),
        (1, {"default": 0.5}),
    ]
    assert len(listener.reports) == 12
    assert listener.states[4] == [TrialState.WAITING, TrialState.RUNNING, TrialState.SUCCEEDED]
    assert strategy.told == trials
    assert all("class Chain(nn.Module)" in (reader.trial_directory(i) / "model.py").read_text() for i in range(1, 7))
    kept = [trial.id for trial in trials if (reader.trial_directory(trial.id) / "model.safetensors").exists()]
    assert kept == [4]


def test_stops_at_the_budget(store: Store) -> None:
    """The budget counts trials that are run."""
    strategy = Scripted(*WIDTHS)
    search, reader = make_search(
        make_space(Chain()), strategy, InlineEngine(), store, score_width, limits=Limits(trials=2)
    )
    assert search.run(never) is EndReason.BUDGET
    assert len(reader.trials()) == 2
    assert len(strategy.left) == 4


def test_stops_on_request(store: Store) -> None:
    """The wish to stop is heard before the next trial begins."""
    listener = Listener()
    search, reader = make_search(
        make_space(Chain()), Scripted(*WIDTHS), InlineEngine(), store, score_width, listener=listener
    )
    assert search.run(lambda: len(listener.reports) >= 4) is EndReason.STOPPED
    assert reader.counts()[TrialState.SUCCEEDED] == len(reader.trials()) == 2


def test_stops_when_the_time_is_over(store: Store) -> None:
    """No trial begins after the duration."""
    search, reader = make_search(
        make_space(Chain()), Scripted(*WIDTHS), InlineEngine(), store, score_width, limits=Limits(duration=1e-9)
    )
    assert search.run(never) is EndReason.DURATION
    assert reader.trials() == []


def test_equal_networks_are_trained_once(store: Store, tmp_path: Path) -> None:
    """Of five samples that make three networks, three are run within a budget of three and two carry a result."""
    strategy, log = GridSearch(shuffle=False, seed=0), tmp_path / "log"
    search, reader = make_search(
        make_space(Gated()), strategy, InlineEngine(), store, count_parameters, arguments={"log": log}
    )
    assert search.run(never) is EndReason.EXHAUSTED
    trials = {trial.id: trial for trial in reader.trials()}
    run = [trial for trial in trials.values() if trial.duplicate_of is None]
    assert len(trials) == 5
    assert len(run) == len({trial.digest for trial in trials.values()}) == 3
    assert len(log.read_text().splitlines()) == 3
    for trial in trials.values():
        if trial.duplicate_of is not None:
            original = trials[trial.duplicate_of]
            assert trial.state is TrialState.DUPLICATE
            assert (trial.digest, trial.metrics) == (original.digest, original.metrics)
            assert original.id < trial.id


def test_duplicates_cost_no_budget(store: Store, tmp_path: Path) -> None:
    """A budget of three trials reaches the third network, past any number of duplicates."""
    search, reader = make_search(
        make_space(Gated()),
        GridSearch(shuffle=False, seed=0),
        InlineEngine(),
        store,
        count_parameters,
        limits=Limits(trials=3),
        arguments={"log": tmp_path / "log"},
    )
    assert search.run(never) is EndReason.BUDGET
    counts = reader.counts()
    assert counts[TrialState.SUCCEEDED] == 3
    assert counts[TrialState.DUPLICATE] > 0


def test_a_space_that_only_repeats_ends(store: Store, tmp_path: Path) -> None:
    """A strategy that never tires ends the search after so many proposals without a new network."""
    search, reader = make_search(
        make_space(Gated()),
        Random(dedup=False, seed=0),
        InlineEngine(),
        store,
        count_parameters,
        limits=Limits(patience=40),
        arguments={"log": tmp_path / "log"},
    )
    reason = search.run(never)
    assert reason is EndReason.REPEATING
    assert "tried before" in reason
    assert reader.counts()[TrialState.SUCCEEDED] == 3
    assert all(trial.state is TrialState.DUPLICATE for trial in reader.trials()[-40:])


def test_the_duplicate_of_a_failure_has_no_result(store: Store) -> None:
    """A network that fails is not run again, and its duplicate carries no metric."""
    same = [{"left": "0", "gate": [0]}, {"right": "0", "gate": [1]}]
    search, reader = make_search(make_space(Gated()), Scripted(*same), InlineEngine(), store, raise_in_model)
    assert search.run(never) is EndReason.EXHAUSTED
    original, duplicate = reader.trials()
    assert original.state is TrialState.FAILED
    assert (duplicate.state, duplicate.duplicate_of, duplicate.metric) == (TrialState.DUPLICATE, 1, None)


class Unbuildable(ModelSpace):
    """A space in which some samples cannot be made into models."""

    fine: tuple[int, ...] = ()

    def source(self, sample: Mapping[str, Any]) -> Source:
        if sample["width"] not in self.fine:
            raise GenerationError(f"a width of {sample['width']} cannot be written", fix="choose another")
        return super().source(sample)


def test_a_model_that_cannot_be_built_is_a_failed_trial(store: Store) -> None:
    """The others go on; the budget counts it, as it does every failure."""
    space = Unbuildable(Chain(), example_inputs=INPUTS)
    space.fine = (2, 4)
    search, reader = make_search(space, Scripted(*WIDTHS), InlineEngine(), store, score_width, limits=Limits(trials=5))
    assert search.run(never) is EndReason.BUDGET
    trials = reader.trials()
    assert [trial.state.value for trial in trials] == ["failed", "succeeded", "failed", "succeeded", "failed"]
    failure = trials[0].failure
    assert failure is not None
    assert (failure.kind, failure.error) == (FailureKind.BUILD, "GenerationError")
    assert failure.message == "a width of 1 cannot be written"
    assert "fix:   choose another" in failure.traceback


def test_a_space_of_which_nothing_can_be_built_ends(store: Store) -> None:
    """Without a budget too, failures to build do not go on for ever."""
    space = Unbuildable(Chain(), example_inputs=INPUTS)
    search, reader = make_search(
        space, RegularizedEvolution(seed=0), InlineEngine(), store, score_width, limits=Limits(patience=25)
    )
    assert search.run(never) is EndReason.REPEATING
    assert reader.counts()[TrialState.FAILED] == len(reader.trials()) == 25


def test_stop_is_heard_while_nothing_can_be_built(store: Store) -> None:
    """Proposals that take no slot do not keep the search from hearing a wish to stop."""
    space, listener = Unbuildable(Chain(), example_inputs=INPUTS), Listener()
    search, _ = make_search(space, Random(dedup=False, seed=0), InlineEngine(), store, score_width, listener=listener)
    assert search.run(lambda: len(listener.states) >= 3) is EndReason.STOPPED
    assert len(listener.states) == 3


class Watchful(Scripted):
    """A strategy that looks into the store whenever it is told something."""

    def __init__(self, reader: Callable[[], StoreReader]) -> None:
        super().__init__(*WIDTHS[:3])
        self.reader = reader

    def tell(self, trial: Trial) -> None:
        assert self.reader().trial(trial.id) == trial
        super().tell(trial)


class WatchfulEngine(InlineEngine):
    """An engine that looks into the store whenever it is given a job."""

    def __init__(self, reader: StoreReader) -> None:
        super().__init__()
        self.reader = reader
        self.seen = 0

    def submit(self, job: Job) -> None:
        assert self.reader.trial(job.trial).state is TrialState.WAITING
        self.seen += 1
        super().submit(job)


def test_what_happens_is_durable_before_anyone_acts_on_it(store: Store) -> None:
    """Engine, listener and strategy each find in the store what they are given, or already what came after it."""
    reader = StoreReader(store.directory)
    engine, strategy = WatchfulEngine(reader), Watchful(lambda: reader)
    seen: list[Trial] = []

    def look(trial: Trial) -> None:
        recorded = reader.trial(trial.id)
        # The inline engine tells of beginning and end at once, and they are recorded in one round.
        assert recorded == trial or (trial.state is TrialState.RUNNING and recorded.started == trial.started)
        seen.append(trial)

    search, _ = make_search(make_space(Chain()), strategy, engine, store, score_width, listener=Listener(hook=look))
    assert search.run(never) is EndReason.EXHAUSTED
    assert (engine.seen, len(seen), len(strategy.told)) == (3, 9, 3)


class Deaf(Scripted):
    """A strategy with a mistake in it."""

    def tell(self, trial: Trial) -> None:
        raise ZeroDivisionError("a mistake")


def test_a_strategy_that_raises_ends_the_search(store: Store) -> None:
    """The error comes out as it is, behind a result that is recorded already."""
    search, reader = make_search(make_space(Chain()), Deaf(*WIDTHS), InlineEngine(), store, score_width)
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        search.run(never)
    assert [trial.state for trial in reader.trials()] == [TrialState.SUCCEEDED]


class Chatty(InlineEngine):
    """An engine that still speaks of a trial which ended long ago."""

    def events(self, timeout: float | None = None) -> list[Event]:
        return [Cancelled(99, 0.0), *super().events(timeout), Cancelled(1, 0.0)]


def test_late_events_are_ignored(store: Store) -> None:
    """What comes of a trial that has ended, or never was, changes nothing."""
    search, reader = make_search(make_space(Chain()), Scripted(*WIDTHS[:2]), Chatty(), store, score_width)
    assert search.run(never) is EndReason.EXHAUSTED
    assert [trial.state for trial in reader.trials()] == [TrialState.SUCCEEDED] * 2


def test_an_interrupted_trial_is_recorded_as_stopped(store: Store) -> None:
    """An interrupt that the engine lets through ends the search, and nothing stays running in the store."""
    search, reader = make_search(make_space(Chain()), Scripted(*WIDTHS), InlineEngine(), store, interrupt)
    with pytest.raises(KeyboardInterrupt):
        search.run(never)
    assert [trial.state for trial in reader.trials()] == [TrialState.STOPPED]


def interrupt(model_cls: Callable[[], Any]) -> None:
    """The user presses Ctrl-C."""
    raise KeyboardInterrupt


def test_a_store_that_cannot_be_written_ends_the_search(store: Store) -> None:
    """A full disk is an error of the search, and no trial begins that could not be recorded."""
    engine = InlineEngine()

    def fill_disk(trial: Trial) -> None:
        if trial.id == 2 and trial.state.is_final:
            # SQLite's own limit stands for the disk's, which no test may fill.
            pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
            store._connection.execute(f"PRAGMA max_page_count = {pages}")

    many = [{"width": width} for _ in range(200) for width in range(1, 7)]
    search, reader = make_search(
        make_space(Chain()), Scripted(*many), engine, store, score_width, listener=Listener(hook=fill_disk)
    )
    with pytest.raises(StoreError, match="full"):
        search.run(never)
    assert engine.free == 1
    assert reader.trial(2).state is TrialState.SUCCEEDED


def test_evolution_learns_from_what_has_ended(store: Store) -> None:
    """Children are recorded with their parents, which had ended before, and lead to the best width."""
    strategy = RegularizedEvolution(population_size=3, sample_size=2, seed=3)
    search, reader = make_search(
        make_space(Chain()), strategy, InlineEngine(), store, score_width, limits=Limits(trials=6, patience=200)
    )
    assert search.run(never) is EndReason.BUDGET
    trials = reader.trials()
    children = [trial for trial in trials if trial.parent is not None]
    assert children
    assert all(trial.id > 3 and trial.parent is not None and trial.parent < trial.id for trial in children)
    assert reader.best(1)[0].sample["width"] == 4


def test_none_for_now_and_nothing_running_ends_the_search(store: Store) -> None:
    """A strategy that has nothing to say while nothing runs would never have anything."""

    class Silent(Scripted):
        exhausted = False  # it never admits that

    search, reader = make_search(make_space(Chain()), Silent(), InlineEngine(), store, score_width)
    assert search.run(never) is EndReason.EXHAUSTED
    assert reader.trials() == []
