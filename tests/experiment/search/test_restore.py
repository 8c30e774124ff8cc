"""Searches that go on where their driver was ended, at any moment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.experiment.search import dialogue
from retix.experiment.search.failure_policy import FailurePolicy
from retix.experiment.search.limits import Limits
from retix.experiment.search.loop import EndReason
from retix.experiment.search.replay import SNAPSHOT_FILE, STRATEGY_FILE
from retix.experiment.search.resumption import DRIVER_GONE
from retix.model_space import ModelSpace
from retix.store import Store, StoreReader
from retix.strategy import GridSearch, Random, RegularizedEvolution, Strategy
from retix.trial import Failure, FailureKind, Proposal, Trial, TrialState
from tests.experiment.nets import Chain, Gated
from tests.experiment.scores import score_width
from tests.experiment.searching import Listener, Scripted, make_search, make_space, make_store, never
from tests.experiment.slots import ShuffledEngine

WIDTHS = [{"width": width} for width in (1, 2, 3, 4, 5, 6)]

STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "grid": lambda: GridSearch(seed=None),
    "random": lambda: Random(seed=None),
    "evolution": lambda: RegularizedEvolution(population_size=3, sample_size=2, seed=None),
    "scripted": lambda: Scripted(*WIDTHS),
}


@pytest.fixture(scope="module")
def space() -> ModelSpace:
    """Six widths."""
    return make_space(Chain())


@contextmanager
def open_copy(directory: Path) -> Iterator[tuple[Store, StoreReader]]:
    """The copy of an experiment, taken up by a new driver."""
    with Store.open(directory.parent, directory.name) as store:
        yield store, StoreReader(store.directory)


def copy(store: Store, root: Path, name: str) -> Path:
    """What the disk holds at this moment."""
    return Path(shutil.copytree(store.directory, root / name / store.id))


def list_samples(reader: StoreReader) -> list[tuple[int, dict[str, Any], int | None]]:
    """What was proposed, in order."""
    return [(trial.id, trial.sample.to_json(), trial.parent) for trial in reader.trials()]


def check_ended_once(reader: StoreReader) -> None:
    """Every trial has one final state, every trial was told once, and no attempt is open."""
    trials = reader.trials()
    assert all(trial.state.is_final for trial in trials)
    told = [step.trial for step in reader.steps() if step.kind == "tell"]
    assert sorted(told) == [trial.id for trial in trials]
    attempts = [attempt for trial in trials for attempt in reader.attempts(trial.id)]
    assert all(attempt.ended is not None for attempt in attempts)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_resumed_search_equals_an_uninterrupted_one(name: str, space: ModelSpace, tmp_path: Path) -> None:
    """From a copy of the disk at each change of a trial, the same samples come in the same order."""
    limits, copies = Limits(trials=6, patience=60), []
    with make_store(tmp_path / "whole") as store:
        hook = lambda trial: copies.append(copy(store, tmp_path, str(len(copies))))  # noqa: E731
        search, reader = make_search(
            space,
            STRATEGIES[name](),
            ShuffledEngine(1),
            store,
            score_width,
            listener=Listener(hook=hook),
            limits=limits,
        )
        search.run(never)
        expected = list_samples(reader)
    assert len(copies) >= 18
    for directory in copies[:: len(copies) // 9]:
        with open_copy(directory) as (store, reader):
            recorded = {trial.id: trial for trial in reader.trials()}
            search, _ = make_search(space, STRATEGIES[name](), ShuffledEngine(1), store, score_width, limits=limits)
            search.restore(reader)
            search.run(never)
            assert list_samples(reader) == expected
            check_ended_once(reader)
            for trial in reader.trials():
                before = recorded.get(trial.id)
                if before is not None and before.state.is_final:
                    assert trial == before


def test_trials_that_ran_are_run_again_first(space: ModelSpace, tmp_path: Path) -> None:
    """They keep id, sample and seed, begin in their order before anything new, and the lost attempt is recorded."""
    moments: list[Path] = []

    def note(trial: Trial) -> None:
        if trial.id == 3 and trial.state is TrialState.RUNNING:
            moments.append(copy(store, tmp_path, "copy"))

    with make_store(tmp_path / "whole") as store:
        engine = ShuffledEngine(3, seed=2)
        search, _ = make_search(space, Scripted(*WIDTHS), engine, store, score_width, listener=Listener(hook=note))
        search.run(never)
        seeds = {job.trial: job.seed for job in engine.jobs}
    with open_copy(moments[0]) as (store, reader):
        before = {trial.id: trial for trial in reader.trials()}
        open_trials = [trial.id for trial in before.values() if not trial.state.is_final]
        assert 3 in open_trials
        assert len(open_trials) > 1
        engine = ShuffledEngine(3)
        search, _ = make_search(space, Scripted(*WIDTHS), engine, store, score_width)
        search.restore(reader)
        assert all(reader.trial(number).state is TrialState.WAITING for number in open_trials)
        assert search.run(never) is EndReason.EXHAUSTED
        assert [job.trial for job in engine.jobs][: len(open_trials)] == open_trials
        assert all(seeds[job.trial] == job.seed for job in engine.jobs)
        assert len(engine.jobs) == len({job.trial for job in engine.jobs})
        lost, done = reader.attempts(3)
        assert (lost.number, lost.failure, done.number, done.failure) == (1, DRIVER_GONE, 2, None)
        assert reader.trial(3).attempts == 2
        assert [trial.sample.to_json() for trial in reader.trials()] == WIDTHS
        check_ended_once(reader)


def test_a_search_that_was_stopped_goes_on(space: ModelSpace, tmp_path: Path) -> None:
    """What the end of the search has stopped is run after all; what the user has stopped before is not."""
    listener = Listener()
    with make_store(tmp_path) as store:
        search, reader = make_search(space, Scripted(*WIDTHS), ShuffledEngine(3), store, score_width, listener=listener)
        assert search.run(lambda: TrialState.RUNNING in listener.states.get(3, ())) is EndReason.STOPPED
        stopped = [trial.id for trial in reader.trials(state=TrialState.STOPPED)]
        assert stopped
        assert all(attempt.ended is not None for attempt in reader.attempts(3))
        directory = store.directory
    for budget in (4, 6):
        with open_copy(directory) as (store, reader):
            limits = Limits(trials=budget)
            search, _ = make_search(space, Scripted(*WIDTHS), ShuffledEngine(3), store, score_width, limits=limits)
            search.restore(reader)
            assert search.run(never) is EndReason.BUDGET
            assert [trial.sample.to_json() for trial in reader.trials()] == WIDTHS[:budget]
            assert reader.counts()[TrialState.SUCCEEDED] == budget
            check_ended_once(reader)


def test_a_finished_search_takes_more_budget(space: ModelSpace, tmp_path: Path) -> None:
    """The strategy goes on behind its last proposal, and the best weights of before stay."""
    with make_store(tmp_path) as store:
        search, reader = make_search(
            space, Scripted(*WIDTHS[3:], *WIDTHS[:3]), ShuffledEngine(1), store, score_width, limits=Limits(trials=2)
        )
        search.run(never)
        directory = store.directory
    with open_copy(directory) as (store, reader):
        strategy = Scripted(*WIDTHS[3:], *WIDTHS[:3])
        search, _ = make_search(space, strategy, ShuffledEngine(1), store, score_width, limits=Limits(trials=4))
        search.restore(reader)
        search.run(never)
        assert [trial.sample["width"] for trial in reader.trials()] == [4, 5, 6, 1]
        assert [trial.id for trial in strategy.told] == [1, 2, 3, 4]
        kept = [i for i in range(1, 5) if (reader.trial_directory(i) / "model.safetensors").exists()]
        assert kept == [1]


def test_duplicates_wait_again(tmp_path: Path) -> None:
    """One whose original was running when the driver died still carries its result, and costs no trial."""
    same = [{"left": "0", "gate": [0]}, {"right": "0", "gate": [1]}, {"left": "0", "gate": [0]}]
    space, moments = make_space(Gated()), []

    def note(trial: Trial) -> None:
        if trial.id == 2 and not moments:
            moments.append(copy(store, tmp_path, "copy"))

    with make_store(tmp_path / "whole") as store:
        search, _ = make_search(space, Scripted(*same), ShuffledEngine(4), store, count, listener=Listener(hook=note))
        search.run(never)
    with open_copy(moments[0]) as (store, reader):
        assert [trial.state for trial in reader.trials()] == [TrialState.RUNNING, TrialState.WAITING]
        engine = ShuffledEngine(4)
        search, _ = make_search(space, Scripted(*same), engine, store, count)
        search.restore(reader)
        search.run(never)
        assert [job.trial for job in engine.jobs] == [1]
        assert [trial.state for trial in reader.trials()] == [TrialState.SUCCEEDED] + [TrialState.DUPLICATE] * 2
        assert len({trial.metric for trial in reader.trials()}) == 1
        check_ended_once(reader)


def count(model_cls: Callable[[], Any]) -> float:
    """The number of parameters."""
    return float(sum(parameter.numel() for parameter in model_cls().parameters()))


def test_attempts_before_count_for_policies(space: ModelSpace, tmp_path: Path) -> None:
    """A trial that was retried once before its driver died is not retried as often again; the death counts nothing."""
    broken = Failure(FailureKind.OUT_OF_MEMORY, "no room")
    limits = Limits(policies={FailureKind.OUT_OF_MEMORY: FailurePolicy(retries=1)})
    moments: list[Path] = []

    def note(trial: Trial) -> None:
        if trial.state is TrialState.RUNNING and trial.attempts == 2:
            moments.append(copy(store, tmp_path, "copy"))

    with make_store(tmp_path / "whole") as store:
        engine = ShuffledEngine(1, breaks=lambda job, attempt: broken)
        search, reader = make_search(
            space, Scripted(WIDTHS[0]), engine, store, score_width, listener=Listener(hook=note), limits=limits
        )
        search.run(never)
        assert reader.trial(1).attempts == 2
    with open_copy(moments[0]) as (store, reader):
        engine = ShuffledEngine(1, breaks=lambda job, attempt: broken)
        search, _ = make_search(space, Scripted(WIDTHS[0]), engine, store, score_width, limits=limits)
        search.restore(reader)
        search.run(never)
        assert reader.trial(1).failure == broken
        assert [attempt.failure for attempt in reader.attempts(1)] == [broken, DRIVER_GONE, broken]


def test_another_strategy_is_refused(space: ModelSpace, tmp_path: Path) -> None:
    """Other proposals than the recorded ones are named, and nothing is changed."""
    with make_store(tmp_path) as store:
        make_search(space, Scripted(*WIDTHS[:3]), ShuffledEngine(1), store, score_width)[0].run(never)
        directory = store.directory
    with open_copy(directory) as (store, reader):
        before = list(reader.steps())
        search, _ = make_search(space, Scripted(WIDTHS[0], WIDTHS[4]), ShuffledEngine(1), store, score_width)
        with pytest.raises(ConfigError, match=r"proposes \{'width': 5\} where the record has trial 2: \{'width': 2\}"):
            search.restore(reader)
        search, _ = make_search(space, Scripted(WIDTHS[0]), ShuffledEngine(1), store, score_width)
        with pytest.raises(ConfigError, match="Scripted proposes nothing where the record has trial 2"):
            search.restore(reader)
        search, _ = make_search(space, Random(), ShuffledEngine(1), store, score_width)
        with pytest.raises(ConfigError, match="a state of Scripted was given to Random"):
            search.restore(reader)
        assert list(reader.steps()) == before


def test_without_the_first_state_there_is_no_resume(space: ModelSpace, tmp_path: Path) -> None:
    """A strategy that cannot be brought back is refused, and so is a state that is damaged."""
    with make_store(tmp_path) as store:
        make_search(space, Scripted(*WIDTHS[:3]), ShuffledEngine(1), store, score_width)[0].run(never)
        search, reader = make_search(space, Scripted(*WIDTHS[:3]), ShuffledEngine(1), store, score_width)
        (store.directory / STRATEGY_FILE).write_text("{")
        with pytest.raises(ConfigError, match="cannot be read"):
            search.restore(reader)
        (store.directory / STRATEGY_FILE).unlink()
        with pytest.raises(ConfigError, match="nothing is recorded of how its strategy began"):
            search.restore(reader)


class Unsure(Scripted):
    """Has nothing to propose, each second time it is asked; draws a number each time."""

    def __init__(self, *samples: dict[str, Any]) -> None:
        super().__init__(*samples)
        self.draws: list[float] = []

    def ask(self) -> Proposal | None:
        self.draws.append(self.rng.random())
        return super().ask() if len(self.draws) % 2 else None


def test_empty_answers_are_steps_too(space: ModelSpace, tmp_path: Path) -> None:
    """Whatever random numbers they took are taken again."""
    limits = Limits(trials=4)
    with make_store(tmp_path) as store:
        first = Unsure(*WIDTHS)
        make_search(space, first, ShuffledEngine(2), store, score_width, limits=limits)[0].run(never)
        directory = store.directory
    with open_copy(directory) as (store, reader):
        assert any(step.kind == "ask" and step.trial is None for step in reader.steps())
        again = Unsure(*WIDTHS)
        search, _ = make_search(space, again, ShuffledEngine(2), store, score_width, limits=limits)
        search.restore(reader)
        assert again.draws == first.draws[: len(again.draws)]
        assert len(first.draws) - len(again.draws) <= 1  # the last one may have come to nothing
        assert again.told == first.told


def test_a_long_replay_begins_at_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many steps only the last are taken again, and the proposals stay the same."""
    monkeypatch.setattr(dialogue, "_SNAPSHOT_EVERY", 40)
    space, limits = make_space(Gated()), Limits(patience=50)
    with make_store(tmp_path) as store:
        strategy = Random(dedup=False, seed=None)
        search, reader = make_search(space, strategy, ShuffledEngine(1), store, count, limits=limits)
        assert search.run(never) is EndReason.REPEATING
        directory = store.directory
        following = [strategy.ask() for _ in range(20)]
    with open_copy(directory) as (store, reader):
        snapshot = json.loads((directory / SNAPSHOT_FILE).read_text())
        assert 40 <= snapshot["step"] <= len(list(reader.steps()))
        (directory / STRATEGY_FILE).unlink()  # nobody needs it now
        again = Random(dedup=False, seed=None)
        search, _ = make_search(space, again, ShuffledEngine(1), store, count, limits=limits)
        search.restore(reader)
        assert [again.ask() for _ in range(20)] == following


def test_a_search_that_never_began(space: ModelSpace, tmp_path: Path) -> None:
    """If its driver ended before the first question, it simply begins."""
    with make_store(tmp_path) as store:
        search, reader = make_search(space, Scripted(*WIDTHS), ShuffledEngine(1), store, score_width)
        search.restore(reader)
        assert search.run(never) is EndReason.EXHAUSTED
        assert len(reader.trials()) == 6
