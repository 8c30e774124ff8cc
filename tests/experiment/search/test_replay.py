"""Strategies written for NNI, whose one function runs anew and is answered from the record."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.evaluator import FunctionalEvaluator
from retix.experiment import user_strategy
from retix.experiment.adapting import StrategyListener
from retix.experiment.search.limits import Limits
from retix.experiment.search.listener import Listeners
from retix.experiment.search.loop import Search
from retix.experiment.search.weight_keeper import WeightKeeper
from retix.experiment.user_strategy import (
    UserStrategy,
    budget_exhausted,
    list_models,
    query_available_resources,
    submit_models,
    wait_models,
)
from retix.ir import Model
from retix.model_space import ModelSpace
from retix.mutation import Mutator
from retix.recipe import dumps
from retix.store import Store, StoreReader, send_command
from retix.strategy import BaseStrategy
from retix.trial import Trial, TrialState
from tests.experiment.nets import Chain
from tests.experiment.scores import score_width
from tests.experiment.searching import Listener, make_space, make_store, never
from tests.experiment.slots import ShuffledEngine


class Climber(BaseStrategy):
    """Tries two widths at a time, and goes on from the better one; what comes depends on the results."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def run(self, base_model: Model, applied_mutators: Sequence[Mutator]) -> None:
        rng, best = random.Random(self.seed), 3
        while not budget_exhausted():
            widths = [min(6, max(1, best + rng.choice((-1, 0, 1, 2)))) for _ in range(2)]
            models = [make(base_model, applied_mutators, width) for width in widths]
            submit_models(*models)
            wait_models(*models)
            best = max(zip(models, widths, strict=True), key=lambda pair: pair[0].metric or -9.0)[1]


class Poller(BaseStrategy):
    """Looks for free slots, and decides by the number of results that it has when there is one."""

    def run(self, base_model: Model, applied_mutators: Sequence[Mutator]) -> None:
        while not budget_exhausted():
            if query_available_resources() <= 0:
                time.sleep(0.001)
                continue
            ended = sum(model.metric is not None for model in list_models())
            submit_models(make(base_model, applied_mutators, 1 + ended % 6))


def make(base_model: Model, mutators: Sequence[Mutator], width: int) -> Model:
    """The model of a width."""
    for mutator in mutators:
        base_model = mutator.apply(base_model, lambda decision: width)
    return base_model


@contextmanager
def make_user_search(
    space: ModelSpace, function: BaseStrategy, store: Store, listener: Listener, limits: Limits
) -> Iterator[tuple[Search, StoreReader]]:
    """A search by what a user wrote, as an experiment puts it together."""
    strategy = UserStrategy(function, slots=2, max_trials=limits.trials)
    strategy.start(space)
    evaluator = dumps(FunctionalEvaluator(score_width))
    weights = WeightKeeper(0, True, store.directory)
    heard = Listeners(listener, StrategyListener(strategy))
    search = Search(space, strategy, ShuffledEngine(2), store, lambda sample: evaluator, limits, weights, heard)
    try:
        yield search, StoreReader(store.directory)
    finally:
        strategy.close()


@pytest.fixture(scope="module")
def space() -> ModelSpace:
    """Six widths."""
    return make_space(Chain())


def list_widths(reader: StoreReader) -> list[Any]:
    """What was proposed, in order."""
    return [trial.sample["width"] for trial in reader.trials()]


@pytest.mark.parametrize("make_strategy", [Climber, Poller])
def test_it_goes_on_from_the_record(
    make_strategy: Callable[[], BaseStrategy], space: ModelSpace, tmp_path: Path
) -> None:
    """What was submitted before comes again, whatever it looked at, and no trial that has ended is run again."""
    copies: list[Path] = []

    def note(trial: Trial) -> None:
        if trial.state is TrialState.RUNNING:
            copies.append(Path(shutil.copytree(store.directory, tmp_path / str(trial.id) / store.id)))

    limits = Limits(trials=5, patience=30)
    with (
        make_store(tmp_path / "whole") as store,
        make_user_search(space, make_strategy(), store, Listener(hook=note), limits) as (search, reader),
    ):
        search.run(never)
        expected = list_widths(reader)
    for directory in copies[1:]:
        with Store.open(directory.parent, directory.name) as store:
            before = StoreReader(directory).trials()
            with make_user_search(space, make_strategy(), store, Listener(), limits) as (search, reader):
                search.restore(reader)
                search.run(never)
                assert [trial.sample for trial in reader.trials()][: len(before)] == [trial.sample for trial in before]
                ended = [trial for trial in before if trial.state.is_final]
                assert [reader.trial(trial.id) for trial in ended] == ended
                assert all(trial.state.is_final for trial in reader.trials())
                if make_strategy is Climber:  # which waits for both, so that nothing depends on time
                    assert list_widths(reader) == expected


def test_another_function_is_refused(space: ModelSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that submits something else, and one that submits nothing."""
    monkeypatch.setattr(user_strategy, "_REPLAY_PATIENCE", 0.3)

    class Silent(BaseStrategy):
        def run(self, base_model: Any, applied_mutators: Any) -> None:
            while not budget_exhausted():
                time.sleep(0.001)

    with make_store(tmp_path) as store:
        with make_user_search(space, Climber(), store, Listener(), Limits(trials=4, patience=30)) as (search, reader):
            search.run(never)
        for function, message in (
            (Climber(seed=1), "Climber proposes {'width': "),
            (Silent(), "Silent proposes nothing where the record has trial 1"),
        ):
            with (
                make_user_search(space, function, store, Listener(), Limits(trials=9)) as (search, _),
                pytest.raises(ConfigError) as caught,
            ):
                search.restore(reader)
            assert message in str(caught.value)


def test_a_sample_of_the_users_is_not_the_strategys(space: ModelSpace, tmp_path: Path) -> None:
    """It takes a number between those of the strategy, whose models still get their own results, also in a replay."""
    copies: list[Path] = []

    def note(trial: Trial) -> None:
        if trial.id == 1 and trial.state is TrialState.RUNNING:
            send_command(store.directory, "enqueue", {"sample": {"width": 6}})
            time.sleep(0.21)
        if trial.id > 3 and trial.state is TrialState.RUNNING and not copies:
            copies.append(Path(shutil.copytree(store.directory, tmp_path / "copy" / store.id)))

    limits = Limits(trials=6, patience=30)
    with (
        make_store(tmp_path / "whole") as store,
        make_user_search(space, Climber(), store, Listener(hook=note), limits) as (search, reader),
    ):
        search.run(never)
        expected = list_widths(reader)
        assert [step.trial for step in reader.steps() if step.kind == "enqueue"]
    with (
        Store.open(copies[0].parent, copies[0].name) as store,
        make_user_search(space, Climber(), store, Listener(), limits) as (search, reader),
    ):
        search.restore(reader)
        search.run(never)
        assert list_widths(reader) == expected
