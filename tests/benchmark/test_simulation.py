"""Searches over a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from retix.benchmark import Simulation, Table
from retix.objective import Objective, Objectives
from retix.stopping import EarlyStopping
from retix.strategy import GridSearch, Random, RegularizedEvolution
from retix.trial import Trial, TrialState, Verdict
from tests.benchmark.tables import EPOCHS, make_table


class Halving(EarlyStopping):
    """Pauses each trial after two epochs, and lets the best go on once four are paused."""

    def __init__(self) -> None:
        super().__init__()
        self.paused: dict[int, float] = {}

    @property
    def may_pause(self) -> bool:
        return True

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        if step == 2:
            self.paused[trial] = metrics["default"]
            return Verdict.PAUSE
        return Verdict.GO_ON

    def next_promotion(self) -> int | None:
        return max(self.paused, key=self.paused.__getitem__) if len(self.paused) >= 4 else None

    def promoted(self, trial: int) -> None:
        del self.paused[trial]

    def ended(self, trial: int) -> None:
        self.paused.pop(trial, None)


class Listening(Random):
    """Random search that remembers what it is told."""

    def __init__(self) -> None:
        super().__init__(seed=1)
        self.told: list[Trial] = []
        self.observed: list[Trial] = []

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.told.append(trial)

    def observe(self, trial: Trial) -> None:
        self.observed.append(trial)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Forty networks."""
    return make_table(tmp_path / "table.npz")


def test_a_grid_trains_everything_once(table: Table) -> None:
    """Without a rule, each trial costs all epochs, and an exhausted strategy ends the search."""
    run = Simulation(table, GridSearch(seed=0), 0).search()
    assert sorted(result.row for result in run.results) == list(range(40))
    assert (run.trials, run.epochs, run.is_exhausted) == (40, 40 * EPOCHS, True)
    assert all(result.is_whole for result in run.results)


def test_a_goal_ends_the_search(table: Table) -> None:
    """The search ends with the first whole training of a network of the goal."""
    run = Simulation(table, Random(seed=3), 3).search(goal=table.top())
    assert run.results[-1].row in table.top()
    assert run.epochs == run.trials * EPOCHS == run.results[-1].epochs


def test_duplicates_cost_nothing(table: Table) -> None:
    """A network that is proposed again is answered with its result; unless that is how the strategy is run."""
    free = Simulation(table, Random(dedup=False, seed=0), 0).search(trials=30)
    assert len({result.row for result in free.results}) == free.trials == 30
    paid = Simulation(table, Random(dedup=False, seed=0), 0, repeats=True).search(trials=30)
    assert len({result.row for result in paid.results}) < paid.trials == 30


def test_paused_trials_go_on_where_they_were(table: Table) -> None:
    """Paused trials cost what they trained, are observed, and end whole if promoted, and pruned if never."""
    strategy = Listening()
    run = Simulation(table, strategy, 0, Halving()).search(trials=8)
    states = [trial.state for trial in strategy.told]
    assert (states.count(TrialState.SUCCEEDED), states.count(TrialState.PRUNED)) == (5, 3)
    assert run.epochs == 8 * 2 + 5 * (EPOCHS - 2)
    assert [trial.steps for trial in strategy.observed] == [2] * 8
    assert all(trial.state is TrialState.WAITING for trial in strategy.observed)
    assert sorted(trial.id for trial in strategy.told) == list(range(1, 9))


def test_seeds_decide_what_is_seen(table: Table) -> None:
    """The same seed sees the same accuracies, another one others."""
    one, same, other = (Simulation(table, GridSearch(seed=0), seed).search() for seed in (1, 1, 2))
    assert one.results == same.results
    assert [r.metrics for r in one.results] != [r.metrics for r in other.results]


def test_measures_are_metrics(table: Table) -> None:
    """Objectives that need no training are told with the accuracy."""
    objectives = Objectives([Objective(), Objective("parameters", "minimize")])
    strategy = RegularizedEvolution(population_size=5, sample_size=2, seed=0)
    run = Simulation(table, strategy, 0, objectives=objectives).search(trials=20)
    for result in run.results:
        assert result.metrics["parameters"] == table.measures["parameters"][result.row]
