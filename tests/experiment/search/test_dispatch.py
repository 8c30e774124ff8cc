"""How trials get to the engine: what waits for a parent, and what it then inherits."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import ConfigError
from retix.experiment.search import waiting
from retix.experiment.search.limits import Limits
from retix.experiment.search.loop import EndReason
from retix.model_space import ModelSpace
from retix.space import Sample
from retix.store import Store, StoreReader
from retix.strategy import Strategy
from retix.trial import Event, Failure, FailureKind, Job, Proposal, Trial, TrialState
from tests.experiment.nets import Chain
from tests.experiment.scores import score_width
from tests.experiment.searching import Listener, make_search, make_space, make_store, never
from tests.experiment.slots import ShuffledEngine


class Family(Strategy):
    """Proposes samples with their parents, as a list says; all of them inherit.

    Args:
        members: Width and parent of each.
    """

    inherits_weights = True

    def __init__(self, *members: tuple[int, int | None]) -> None:
        super().__init__(seed=0)
        self.left = list(members)

    def possible_parents(self) -> frozenset[int]:
        """Nobody but those that children wait for."""
        return frozenset()

    def ask(self) -> Proposal | None:
        if not self.left:
            return None
        width, parent = self.left.pop(0)
        return Proposal(Sample({"width": width}), parent, inherit=True)

    @property
    def exhausted(self) -> bool:
        return not self.left


@pytest.fixture(scope="module")
def space() -> ModelSpace:
    """Six widths."""
    return make_space(Chain())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store for one experiment."""
    with make_store(tmp_path / "experiments") as store:
        yield store


def test_children_wait_for_their_father(space: ModelSpace, store: Store) -> None:
    """They take no slot meanwhile, others run; then they begin, with the address of weights that are complete."""
    at_submission: dict[int, TrialState] = {}

    class Watchful(ShuffledEngine):
        def submit(self, job: Job) -> None:
            at_submission[job.trial] = reader.trial(1).state
            if job.inheritance is not None:
                weights = Path(job.inheritance.weights.url.removeprefix("file://"))
                assert (weights / f"{job.inheritance.weights.key}.safetensors").exists()
            super().submit(job)

    words: dict[int, str] = {}

    def note(trial: Trial) -> None:
        if trial.state is TrialState.WAITING:
            words.setdefault(trial.id, trial.waits_for)

    engine = Watchful(2, keeps=lambda trial: trial == 1 and reader.counts()[TrialState.SUCCEEDED] < 2)
    strategy = Family((1, None), (2, 1), (3, 1), (4, 1), (5, None), (6, None))
    search, reader = make_search(space, strategy, engine, store, score_width, listener=Listener(hook=note))
    assert search.run(never) is EndReason.EXHAUSTED
    assert reader.counts()[TrialState.SUCCEEDED] == 6
    assert at_submission == {
        1: TrialState.WAITING,
        **dict.fromkeys((2, 3, 4), TrialState.SUCCEEDED),
        **dict.fromkeys((5, 6), TrialState.RUNNING),
    }
    inherited = {job.trial: job.inheritance and job.inheritance.parent for job in engine.jobs}
    assert inherited == {1: None, 2: 1, 3: 1, 4: 1, 5: None, 6: None}
    assert [words[child] for child in (2, 3, 4)] == ["waits for the weights of trial 1"] * 3
    assert reader.trial(2).waits_for == ""


def test_a_child_of_a_failure_starts_fresh(space: ModelSpace, store: Store) -> None:
    """It runs all the same, and a file says why it inherits nothing."""
    lost = Failure(FailureKind.RAISED, "no")
    engine = ShuffledEngine(2, breaks=lambda job, attempt: lost if job.trial == 1 else None)
    search, reader = make_search(space, Family((1, None), (2, 1)), engine, store, score_width)
    search.run(never)
    assert [job.inheritance for job in engine.jobs] == [None, None]
    assert reader.trial(2).state is TrialState.SUCCEEDED
    note = json.loads((reader.trial_directory(2) / "inherited.json").read_text())
    assert (note["parent"], note["fresh"], note["why"]) == (1, True, "trial 1 has failed")


def test_a_child_of_weights_that_are_gone_starts_fresh(space: ModelSpace, store: Store) -> None:
    """Those of a trial that is not among the best and was nobody's possible parent."""
    engine = ShuffledEngine(1)
    search, reader = make_search(space, Family((1, None), (4, None), (2, 1)), engine, store, score_width)
    search.run(never)
    assert engine.jobs[2].inheritance is None
    note = json.loads((reader.trial_directory(3) / "inherited.json").read_text())
    assert note["why"] == "the weights of trial 1 are gone"


def test_a_child_of_a_duplicate_inherits_from_the_original(space: ModelSpace, store: Store) -> None:
    """Whose weights are those of the network."""
    engine = ShuffledEngine(3)
    search, _ = make_search(space, Family((4, None), (4, None), (2, 2)), engine, store, score_width)
    search.run(never)
    assert [job.trial for job in engine.jobs] == [1, 3]
    inheritance = engine.jobs[1].inheritance
    assert inheritance is not None
    assert inheritance.parent == 1
    assert inheritance.weights.key == "trials/1/model"


def test_a_parent_that_is_not_there(space: ModelSpace, store: Store) -> None:
    """A strategy that makes parents up ends the search, which names the trial; a resume finds a whole record."""
    search, reader = make_search(space, Family((1, None), (2, 7)), ShuffledEngine(1), store, score_width)
    with pytest.raises(ConfigError, match="trial 2 is proposed as a child of trial 7"):
        search.run(never)
    assert [trial.id for trial in reader.trials()] == [1]
    assert [step.trial for step in reader.steps() if step.kind == "ask"] == [1]
    again, _ = make_search(space, Family((1, None), (2, 1)), ShuffledEngine(1), store, score_width)
    again.restore(reader)
    assert again.run(never) is EndReason.EXHAUSTED


def test_no_end_of_children(store: Store) -> None:
    """While the father runs, no more are asked for than so many for each slot; then all of them are run."""
    held: list[int] = []

    def keep(trial: int) -> bool:
        held.append(len(reader.trials()) - 1)
        return trial == 1 and len(held) < 60

    children = ((width, 1) for width in range(2, 21))
    family, engine = Family((1, None), *children), ShuffledEngine(2, keeps=keep)
    search, reader = make_search(make_space(Wide()), family, engine, store, score_width)
    search.run(never)
    assert max(held[:60]) == held[58] == 16
    assert reader.counts()[TrialState.SUCCEEDED] == 20


class Wide(nn.Module):
    """Twenty networks."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice(list(range(1, 21)), label="width")
        self.first = nn.Linear(4, width)
        self.last = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.last(self.first(x))


def test_held_children_survive_their_driver(space: ModelSpace, tmp_path: Path, store: Store) -> None:
    """A resume runs the father again first, and they wait for him again."""
    family = ((1, None), (2, 1), (3, 1))
    copies: list[Path] = []

    def note(trial: Trial) -> None:
        if trial.id == 3 and not copies:
            assert reader.trial(1).state is TrialState.RUNNING
            copies.append(Path(shutil.copytree(store.directory, tmp_path / "copy" / store.id)))

    engine = ShuffledEngine(2, keeps=lambda trial: trial == 1 and not copies)
    search, reader = make_search(space, Family(*family), engine, store, score_width, listener=Listener(hook=note))
    search.run(never)
    with Store.open(copies[0].parent, copies[0].name) as copy:
        reader, engine = StoreReader(copy.directory), ShuffledEngine(2)
        search, _ = make_search(space, Family(*family), engine, copy, score_width)
        search.restore(reader)
        search.run(never)
        assert [job.inheritance and job.inheritance.parent for job in engine.jobs] == [None, 1, 1]
        assert reader.counts()[TrialState.SUCCEEDED] == 3


def test_jobs_have_limits(space: ModelSpace, store: Store) -> None:
    """What the limits say of a trial goes with its job."""
    engine = ShuffledEngine(1)
    limits = Limits(trial_duration=9.0, trial_memory=10**9, trial_log=10**6)
    search, _ = make_search(space, Family((1, None)), engine, store, score_width, limits=limits)
    search.run(never)
    (job,) = engine.jobs
    assert (job.time_limit, job.memory_limit, job.log_limit) == (9.0, 10**9, 10**6)


def test_now_and_then_it_is_recorded_why_a_trial_waits(
    space: ModelSpace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the engine's words, where the engine has the trial; words that differ in numbers are not recorded again."""
    monkeypatch.setattr(waiting, "_PERIOD", 0.05)
    words: list[str] = []

    class Slow(ShuffledEngine):
        calls = 0

        def events(self, timeout: float | None = None) -> list[Event]:
            self.calls += 1
            time.sleep(0.03)
            return super().events(timeout) if self.calls > 8 else []

        def waits(self) -> dict[int, str]:
            return dict.fromkeys(super().waits(), f"starting a worker: for {self.calls} s")

    search, _ = make_search(
        space,
        Family((1, None)),
        Slow(1),
        store,
        score_width,
        listener=Listener(hook=lambda trial: words.append(trial.waits_for)),
    )
    search.run(never)
    assert words[0] == ""
    assert words[1].startswith("starting a worker: for ")
    assert words[2:] == ["", ""]
