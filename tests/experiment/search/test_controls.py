"""What users ask of a search while it runs."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import retix.nn.pytorch as nn
from retix.experiment.search.limits import Limits
from retix.experiment.search.loop import EndReason
from retix.model_space import ModelSpace
from retix.space import constraint
from retix.store import ExperimentState, Store, StoreReader, send_command, wait_for_answer
from retix.strategy import RegularizedEvolution
from retix.trial import Event, Failure, FailureKind, Trial, TrialState
from tests.experiment.nets import Chain, Gated
from tests.experiment.scores import score_width
from tests.experiment.searching import Listener, Scripted, make_search, make_space, make_store, never
from tests.experiment.slots import ShuffledEngine

WIDTHS = [{"width": width} for width in (1, 2, 3, 4, 5, 6)]


@pytest.fixture(scope="module")
def space() -> ModelSpace:
    """Six widths."""
    return make_space(Chain())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store for one experiment."""
    with make_store(tmp_path / "experiments") as store:
        yield store


class User:
    """Sends commands at given changes of trials; what is answered is read in the end.

    Args:
        store: The experiment.
        script: What to send, by the trial that changes and its new state.
    """

    def __init__(self, store: Store, script: Mapping[tuple[int, TrialState], list[tuple[str, dict[str, Any]]]]) -> None:
        self.directory = store.directory
        self.script = dict(script)
        self.sent: list[str] = []

    def look(self, trial: Trial) -> None:
        """Send what the script says."""
        for name, arguments in self.script.pop((trial.id, trial.state), ()):
            self.sent.append(send_command(self.directory, name, arguments))
            time.sleep(0.21)  # it is looked for a few times a second

    @property
    def answers(self) -> list[tuple[bool, str]]:
        """What was answered, in the order of sending."""
        answers = [wait_for_answer(self.directory, id, 5.0) for id in self.sent]
        return [(answer.ok, answer.text) for answer in answers]


def search_with(
    space: ModelSpace, store: Store, script: Any, engine: ShuffledEngine | None = None, **settings: Any
) -> tuple[EndReason, User, StoreReader, Listener]:
    """Run a search of six widths to its end, with a user who sends what the script says."""
    user = User(store, script)
    listener = Listener(hook=user.look)
    strategy = settings.pop("strategy", None) or Scripted(*WIDTHS)
    engine = engine or ShuffledEngine(1)
    search, reader = make_search(space, strategy, engine, store, score_width, listener=listener, **settings)
    return search.run(never), user, reader, listener


def test_pause_and_go_on(space: ModelSpace, store: Store) -> None:
    """What runs goes on, nothing new begins, the record says so and the clock stands; then all goes on."""
    seen: list[Any] = []
    reader = StoreReader(store.directory)

    def unpause() -> None:
        while reader.info().state is not ExperimentState.PAUSED or reader.counts()[TrialState.RUNNING]:
            time.sleep(0.01)
        time.sleep(0.6)
        seen.extend([len(reader.trials()), reader.info().state])
        answers.append(wait_for_answer(store.directory, send_command(store.directory, "resume", {}), 5.0).text)
        seen.append(reader.info().state)

    answers: list[str] = []
    thread = threading.Thread(target=unpause)
    thread.start()
    script = {(2, TrialState.RUNNING): [("pause", {})]}
    # A clock that did not stand still would end the search.
    reason, user, _, _ = search_with(space, store, script, ShuffledEngine(2), limits=Limits(duration=1.0))
    thread.join()
    assert reason is EndReason.EXHAUSTED
    assert user.answers[0][0]
    assert user.answers[0][1].startswith("paused; ")
    assert seen[1:] == [ExperimentState.PAUSED, ExperimentState.RUNNING]
    assert seen[0] < 6
    assert answers == ["goes on"]
    assert reader.counts()[TrialState.SUCCEEDED] == 6


def test_stop(space: ModelSpace, store: Store) -> None:
    """The search ends as by Ctrl-C."""
    reason, user, reader, _ = search_with(space, store, {(2, TrialState.RUNNING): [("stop", {})]})
    assert reason is EndReason.STOPPED
    assert user.answers == [(True, "stops")]
    assert len(reader.trials()) < 6


def test_cancel(space: ModelSpace, store: Store) -> None:
    """A running trial is stopped and told, others go on; one that has ended, or never was, is refused."""
    strategy = Scripted(*WIDTHS)
    commands: list[tuple[str, dict[str, Any]]] = [
        ("cancel", {"trial": 2}),
        ("cancel", {"trial": 1}),
        ("cancel", {"trial": 99}),
        ("cancel", {"trial": "2"}),
        ("cancel", {}),
    ]
    script = {(2, TrialState.RUNNING): commands}
    reason, user, reader, _ = search_with(space, store, script, strategy=strategy)
    assert reason is EndReason.EXHAUSTED
    assert user.answers[0] == (True, "trial 2 is being stopped")
    assert [ok for ok, _ in user.answers[1:]] == [False] * 4
    assert "trial 1 has ended: it succeeded" in user.answers[1][1]
    assert "has no trial 99" in user.answers[2][1]
    assert [str(trial.state) for trial in reader.trials()] == ["succeeded", "stopped"] + ["succeeded"] * 4
    assert strategy.told[1].state is TrialState.STOPPED
    assert [(attempt.failure, attempt.stopped) for attempt in reader.attempts(2)] == [(None, True)]


def test_a_cancelled_trial_is_not_retried(space: ModelSpace, store: Store) -> None:
    """Also if its worker dies before it could be stopped."""
    lost = Failure(FailureKind.WORKER_LOST, "gone")

    class Deaf(ShuffledEngine):
        def cancel(self, trial: int) -> None:
            """Too late."""

    engine = Deaf(1, breaks=lambda job, attempt: lost if job.trial == 2 else None)
    script = {(2, TrialState.RUNNING): [("cancel", {"trial": 2})]}
    _, _, reader, _ = search_with(space, store, script, engine)
    assert (reader.trial(2).state, reader.trial(2).attempts) == (TrialState.STOPPED, 1)


def test_cancel_what_waits(store: Store) -> None:
    """The duplicate of a running trial ends at once, alone."""
    same = [{"left": "0", "gate": [0]}, {"right": "0", "gate": [1]}]
    user = User(store, {(2, TrialState.WAITING): [("cancel", {"trial": 2})]})
    reader = StoreReader(store.directory)

    class Patient(ShuffledEngine):
        def events(self, timeout: float | None = None) -> list[Event]:
            is_answered = all(reader.command(id) is not None for id in user.sent)
            return super().events(timeout) if is_answered else []

    search, reader = make_search(
        make_space(Gated()), Scripted(*same), Patient(2), store, count, listener=Listener(hook=user.look)
    )
    search.run(never)
    assert user.answers == [(True, "trial 2 is stopped")]
    assert [trial.state for trial in reader.trials()] == [TrialState.SUCCEEDED, TrialState.STOPPED]


def count(model_cls: Callable[[], Any]) -> float:
    """The number of parameters."""
    return float(sum(parameter.numel() for parameter in model_cls().parameters()))


def test_set(space: ModelSpace, store: Store) -> None:
    """Budget, time and slots change while the search runs; the record and the listeners have it."""
    changes = {"max_trial_number": 5, "trial_concurrency": 2, "max_experiment_duration": 100.0}
    engine = ShuffledEngine(1)
    script = {(2, TrialState.RUNNING): [("set", changes)]}
    reason, user, reader, listener = search_with(space, store, script, engine, limits=Limits(trials=3))
    assert reason is EndReason.BUDGET
    assert user.answers[0][0]
    assert len(reader.trials()) == 5
    assert reader.info().config == changes
    assert engine.capacity == 2
    ((limits, capacity),) = listener.limits
    assert (limits.trials, limits.duration, capacity) == (5, 100.0, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing is set"),
        ({"max_trial_number": 0}, "max_trial_number is 0"),
        ({"max_trial_number": True}, "max_trial_number is True"),
        ({"max_experiment_duration": "1h"}, "max_experiment_duration is '1h'"),
        ({"trial_concurrency": None}, "trial_concurrency is None"),
        ({"seed": 1}, "takes no 'seed'"),
        ({"trial_concurrency": 3}, "deterministic"),
    ],
)
def test_what_cannot_be_set(space: ModelSpace, store: Store, arguments: dict[str, Any], message: str) -> None:
    """It is refused with words, and nothing is changed."""
    script = {(1, TrialState.RUNNING): [("set", arguments)]}
    limits = Limits(trials=2, deterministic=True)
    _, user, reader, listener = search_with(space, store, script, limits=limits)
    ((ok, text),) = user.answers
    assert not ok
    assert message in text
    assert listener.limits == []
    assert reader.info().config == {}


def test_enqueue(space: ModelSpace, store: Store) -> None:
    """The user's sample is a trial like any other: it counts, is told, and makes the strategy's own a duplicate."""
    strategy = Scripted(*WIDTHS[:3])
    script = {(1, TrialState.RUNNING): [("enqueue", {"sample": {"width": 3}})]}
    reason, user, reader, _ = search_with(space, store, script, strategy=strategy, limits=Limits(trials=9))
    assert reason is EndReason.EXHAUSTED
    ((ok, text),) = user.answers
    assert ok
    trial = reader.trial(int(text))
    assert (trial.sample.to_json(), trial.state) == ({"width": 3}, TrialState.SUCCEEDED)
    assert sorted(told.id for told in strategy.told) == [1, 2, 3, 4]
    assert reader.trial(4).duplicate_of == trial.id
    assert [step.trial for step in reader.steps() if step.kind == "enqueue"] == [trial.id]


def test_an_enqueued_trial_is_replayed(space: ModelSpace, tmp_path: Path, store: Store) -> None:
    """A resume tells the strategy of it at the same place, so that the same follows."""
    limits = Limits(trials=6, patience=80)

    def evolve() -> RegularizedEvolution:
        return RegularizedEvolution(population_size=2, sample_size=2, seed=3)

    user = User(store, {(2, TrialState.RUNNING): [("enqueue", {"sample": {"width": 4}})]})

    def look(trial: Trial) -> None:
        user.look(trial)
        if trial.id == 4 and trial.state is TrialState.RUNNING and not list(tmp_path.glob("copy")):
            shutil.copytree(store.directory, tmp_path / "copy" / store.id)

    search, reader = make_search(
        space, evolve(), ShuffledEngine(1), store, score_width, listener=Listener(hook=look), limits=limits
    )
    search.run(never)
    expected = [(trial.sample, trial.parent) for trial in reader.trials()]
    with Store.open(tmp_path / "copy", store.id) as copy:
        reader = StoreReader(copy.directory)
        search, _ = make_search(space, evolve(), ShuffledEngine(1), copy, score_width, limits=limits)
        search.restore(reader)
        search.run(never)
        assert [(trial.sample, trial.parent) for trial in reader.trials()] == expected


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"width": 7}, "width"),
        ({"depth": 1}, "'depth'"),
        ({"width": 6}, "constraint"),
        ("width", "is no sample"),
    ],
)
def test_what_cannot_be_enqueued(store: Store, sample: Any, message: str) -> None:
    """A sample that the space does not hold is refused; no trial is made of it."""
    width = nn.ValueChoice([1, 2, 3, 4, 5, 6], label="width")
    space = make_space(Chain(), constraints=[constraint(width < 6)])
    script = {(1, TrialState.RUNNING): [("enqueue", {"sample": sample})]}
    _, user, reader, _ = search_with(space, store, script, strategy=Scripted(*WIDTHS[:2]))
    ((ok, text),) = user.answers
    assert not ok
    assert message in text
    assert len(reader.trials()) == 2


def test_nothing_is_enqueued_without_budget(space: ModelSpace, store: Store) -> None:
    """More budget comes first."""
    script = {(2, TrialState.RUNNING): [("enqueue", {"sample": {"width": 6}})]}
    _, user, reader, _ = search_with(space, store, script, limits=Limits(trials=2))
    assert "raise max_trial_number first" in user.answers[0][1]
    assert len(reader.trials()) == 2


def test_unknown_commands(space: ModelSpace, store: Store) -> None:
    """They are answered with those there are."""
    script = {(1, TrialState.RUNNING): [("dance", {}), ("pause", {"now": True})]}
    _, user, _, _ = search_with(space, store, script)
    assert [ok for ok, _ in user.answers] == [False, False]
    assert "there are pause, resume, stop, cancel, set, enqueue" in user.answers[0][1]


def test_why_trials_wait_is_recorded(store: Store) -> None:
    """For a duplicate at once; while the search is paused, as soon as it is."""
    same = [{"left": "0", "gate": [0]}, {"right": "0", "gate": [1]}]
    words: list[str] = []
    search, _ = make_search(
        make_space(Gated()),
        Scripted(*same),
        ShuffledEngine(2),
        store,
        count,
        listener=Listener(hook=lambda trial: words.append(f"{trial.id} {trial.state}: {trial.waits_for}")),
    )
    search.run(never)
    assert "2 waiting: waits for the result of trial 1" in words
    assert json.dumps(words).count("waits") == 1
    assert {word for word in words if "waiting" not in word} == {
        "1 running: ",
        "1 succeeded: ",
        "2 duplicate: ",
    }
