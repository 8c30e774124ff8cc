"""A network that is proposed twice is answered with the result that is known, and costs no trial."""

from __future__ import annotations

from pathlib import Path

import pytest

from retix.execution import InlineEngine
from retix.experiment.search.loop import EndReason, Limits
from retix.strategy import Random, RegularizedEvolution, Strategy
from retix.trial import Trial, TrialState
from tests.experiment.nets import Chain
from tests.experiment.scores import score_width
from tests.experiment.searching import make_search, make_space, make_store, never


class RepeatingRandom(Random):
    """Random search that repeats itself, and remembers what it is told."""

    def __init__(self) -> None:
        super().__init__(dedup=False, seed=3)
        self.told: list[Trial] = []

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.told.append(trial)


class RepeatingEvolution(RegularizedEvolution):
    """Evolution as NNI's users have it by default, and remembers what it is told."""

    def __init__(self) -> None:
        super().__init__(population_size=4, sample_size=2, mutation_prob=0.2, seed=3)
        self.told: list[Trial] = []

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.told.append(trial)


@pytest.mark.parametrize("make", [RepeatingRandom, RepeatingEvolution])
def test_duplicates_are_answered_from_what_is_known(make: type[Strategy], tmp_path: Path) -> None:
    """Five networks are trained for a budget of five; every further proposal gets the metrics of its original."""
    strategy = make()
    log = tmp_path / "log"
    with make_store(tmp_path / "experiments") as store:
        search, reader = make_search(
            make_space(Chain()),
            strategy,
            InlineEngine(),
            store,
            score_width,
            limits=Limits(trials=5),
            arguments={"log": log},
        )
        assert search.run(never) is EndReason.BUDGET
        trials = reader.trials()
        assert strategy.told == trials  # type: ignore[attr-defined]  # both classes have it
    trained = [trial for trial in trials if trial.state is TrialState.SUCCEEDED]
    repeated = [trial for trial in trials if trial.state is TrialState.DUPLICATE]
    assert len(trained) == 5
    assert len(repeated) == len(trials) - 5 > 0
    assert sorted(map(int, log.read_text().split())) == sorted(trial.sample["width"] for trial in trained)
    originals = {trial.sample["width"]: trial for trial in trained}
    for trial in repeated:
        original = originals[trial.sample["width"]]
        assert (trial.duplicate_of, trial.metrics, trial.attempts) == (original.id, original.metrics, 0)
