"""Early stopping where several trials run at a time, or the strategy runs beside the search."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from retix.execution import InlineEngine
from retix.experiment import user_strategy
from retix.experiment.adapting import StrategyListener, closing_strategy
from retix.experiment.search.dispatch import INHERITED_FILE
from retix.experiment.search.loop import EndReason
from retix.experiment.search.replay import replay
from retix.experiment.user_strategy import (
    UserStrategy,
    is_stopped_exec,
    query_available_resources,
    submit_models,
    wait_models,
)
from retix.model_space import ModelSpace
from retix.stopping import ASHA
from retix.store import Store, StoreReader
from retix.strategy import BaseStrategy
from retix.trial import Trial, TrialState, Verdict
from tests.experiment.family import CHILDREN, FATHER, Family
from tests.experiment.nets import Chain, Gated
from tests.experiment.scores import learn_nothing, learn_width
from tests.experiment.searching import Listener, Ruled, Scripted, make_search, make_space, make_store, never
from tests.experiment.slots import ShuffledEngine

PAUSE = Verdict.PAUSE


@pytest.fixture(scope="module")
def space() -> ModelSpace:
    """Six widths."""
    return make_space(Chain())


def list_steps(reader: StoreReader) -> list[tuple[str, int | None]]:
    """The journal."""
    return [(step.kind, step.trial) for step in reader.steps()]


def test_a_twin_that_waits_ends_when_its_original_is_paused(tmp_path: Path) -> None:
    """With two slots it was proposed while that ran."""
    strategy = Scripted({"left": "0", "gate": [0]}, {"right": "0", "gate": [1]}, {"left": "1", "gate": [0]})
    with make_store(tmp_path) as store, ShuffledEngine(2, keeps=lambda trial: len(strategy.left) > 1) as engine:
        search, reader = make_search(
            make_space(Gated()),
            strategy,
            engine,
            store,
            learn_nothing,
            stopping=Ruled({(1, 1): PAUSE}),
            arguments={"value": 0.5},
        )
        search.run(never)
    assert [(trial.state, trial.steps) for trial in reader.trials()] == [
        (TrialState.PRUNED, 1),
        (TrialState.DUPLICATE, 1),
        (TrialState.SUCCEEDED, 2),
    ]
    paused = ("pause", 1)
    journal = list_steps(reader)
    assert journal[journal.index(paused) + 1] == ("tell", 2)


def test_children_do_not_wait_for_paused_parents(tmp_path: Path, space: ModelSpace) -> None:
    """Those that were held begin when their parent is paused, without its weights, and a file says why."""
    rule = Ruled({(1, 1): PAUSE})
    strategy = Family()
    with make_store(tmp_path) as store, ShuffledEngine(2) as engine:
        arguments = {"log": tmp_path / "log"}
        search, reader = make_search(space, strategy, engine, store, learn_width, stopping=rule, arguments=arguments)
        search.run(never)
        notes = [json.loads((store.trial_directory(child) / INHERITED_FILE).read_text()) for child in CHILDREN]
    assert [trial.state for trial in reader.trials()] == [TrialState.PRUNED] + [TrialState.SUCCEEDED] * len(CHILDREN)
    assert notes == [{"parent": FATHER, "fresh": True, "why": f"trial {FATHER} is paused"}] * len(CHILDREN)
    assert list_steps(reader)[-1] == ("tell", FATHER)


@pytest.mark.parametrize("seed", range(2))
def test_several_slots(tmp_path: Path, space: ModelSpace, seed: int) -> None:
    """In whatever order trials go on: each is told once, no step is trained twice, and no more are trained at once."""
    with make_store(tmp_path) as store, ShuffledEngine(3, seed) as engine:
        strategy = Scripted(*({"width": width} for width in (3, 1, 4, 6, 5, 2)))
        rule = ASHA(4, reduction=2)
        search, reader = make_search(
            space, strategy, engine, store, learn_width, stopping=rule, arguments={"log": tmp_path / "log"}
        )
        assert search.run(never) is EndReason.EXHAUSTED
        assert engine.free == 3
    trials = reader.trials()
    assert sorted(trial.id for trial in strategy.told) == [1, 2, 3, 4, 5, 6]
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(set(lines)) == len(lines) == sum(trial.steps for trial in trials)
    assert {trial.state for trial in trials} == {TrialState.SUCCEEDED, TrialState.PRUNED}
    assert reader.best()[0].sample["width"] == 6
    assert len(lines) < 24


def test_a_search_goes_on_from_any_moment(tmp_path: Path, space: ModelSpace) -> None:
    """With trials that run, wait, are paused and promoted: each ends once, and reports each of its steps."""
    copies: list[Path] = []
    arguments = {"log": tmp_path / "log"}

    def copy(trial: Trial) -> None:
        target = tmp_path / str(len(copies)) / store.id
        copies.append(Path(shutil.copytree(store.directory, target, ignore=shutil.ignore_patterns("*.tmp", "*.part"))))

    def propose() -> Scripted:
        return Scripted(*({"width": width} for width in (3, 1, 4, 6, 5, 2)))

    with make_store(tmp_path) as store, ShuffledEngine(2, seed=3) as engine:
        search, _ = make_search(
            space,
            propose(),
            engine,
            store,
            learn_width,
            listener=Listener(copy),
            stopping=ASHA(4, reduction=2),
            arguments=arguments,
        )
        search.run(never)
    for index, directory in enumerate(copies[2::6]):
        with Store.open(directory.parent, directory.name) as store, ShuffledEngine(2, seed=index) as engine:
            strategy, rule = propose(), ASHA(4, reduction=2)
            search, reader = make_search(
                space, strategy, engine, store, learn_width, stopping=rule, arguments=arguments
            )
            search.restore(reader)
            search.run(never)
        trials = reader.trials()
        assert len(trials) == 6
        assert sorted(trial.id for trial in strategy.told) == [1, 2, 3, 4, 5, 6]
        assert sorted(step.trial or 0 for step in reader.steps() if step.kind == "tell") == [1, 2, 3, 4, 5, 6]
        for trial in trials:
            assert trial.state in (TrialState.SUCCEEDED, TrialState.PRUNED)
            assert trial.metric == trial.sample["width"] * trial.steps
            assert {report.step for report in reader.reports(trial.id)} == set(range(trial.steps))
        assert not list(directory.glob("trials/*/checkpoint*"))


@pytest.mark.parametrize("waits", [True, False])
def test_strategies_that_block(tmp_path: Path, space: ModelSpace, waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of NNI's kind sees a free slot where a trial is paused, and its wait ends when nothing else goes on."""
    monkeypatch.setattr(user_strategy, "_PATIENCE_WITH_PAUSED", 60.0 if waits else 0.2)
    seen: list[Any] = []

    class Blocking(BaseStrategy):
        def run(self, base_model: Any, applied_mutators: Any) -> None:
            models = []
            for width in (2, 3):
                model = base_model
                for mutator in applied_mutators:
                    model = mutator.apply(model, lambda decision, width=width: width)
                models.append(model)
                submit_models(model)
                while query_available_resources() < 1:
                    time.sleep(0.001)
            if waits:
                wait_models(*models)
            while not all(map(is_stopped_exec, models)):
                time.sleep(0.001)
            seen.extend((model.metric, model.intermediate_metrics) for model in models)

    strategy = UserStrategy(Blocking())
    with make_store(tmp_path) as store, InlineEngine() as engine:
        search, reader = make_search(
            space,
            strategy,
            engine,
            store,
            learn_width,
            listener=StrategyListener(strategy),
            stopping=Ruled({(1, 1): PAUSE, (2, 2): PAUSE}),
            arguments={"log": tmp_path / "log"},
        )
        with closing_strategy(strategy):
            assert search.run(never) is EndReason.EXHAUSTED
    assert seen == [(2.0, [2.0]), (6.0, [3.0, 6.0])]
    assert [trial.state for trial in reader.trials()] == [TrialState.PRUNED] * 2
    asks = [step.data["seen"] for step in reader.steps() if step.kind == "ask"]
    assert asks == [0, 1]
    again = UserStrategy(Blocking())
    again.start(space)
    with Store.open(tmp_path, reader.id) as store, closing_strategy(again):
        assert replay(again, store, reader).paused == frozenset()
        seen.clear()
        while not again.exhausted:
            time.sleep(0.001)
    assert [metric for metric, _ in seen] == [2.0, 6.0]
