"""What strategies by Optuna's samplers have in common."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable

import pytest

from retix.errors import ConfigError
from retix.objective import Objective, Objectives
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import GP, NSGA2, TPE, TPEStrategy
from retix.strategy.optuna import OptunaStrategy
from retix.strategy.optuna.library import require
from retix.testing import StackSpace, make_flat_space, make_trial, search
from retix.trial import Proposal, Trial, TrialState

Make = Callable[[int], OptunaStrategy]

MAKES: dict[str, Make] = {
    "tpe": lambda seed: TPE(n_startup=4, seed=seed),
    "nsga2": lambda seed: NSGA2(population_size=4, seed=seed),
}


@pytest.fixture(params=MAKES)
def make(request: pytest.FixtureRequest) -> Make:
    """Makes one of the strategies."""
    return MAKES[request.param]


def score(sample: Sample) -> float:
    """The more, the better."""
    return float(sum(sample.values()))


def test_each_network_comes_once(make: Make) -> None:
    """In a space that invents decisions, every network is proposed once, and then the strategy is exhausted."""
    space = StackSpace()
    strategy = make(0)
    strategy.start(space)
    proposals = search(strategy, score, 40, workers=2)
    assert len(proposals) == len({space.fingerprint(p.sample) for p in proposals}) == StackSpace.networks
    assert strategy.exhausted


def test_trials_of_others_count(make: Make) -> None:
    """What others have tried teaches as much as what was proposed, and is not proposed again."""
    strategy = make(0)
    space = make_flat_space(2)
    strategy.start(space)
    foreign = [Sample({"d0": i, "d1": j}) for i in range(4) for j in range(3)]
    for number, sample in enumerate(foreign):
        strategy.tell(make_trial(100 + number, Proposal(sample), score(sample)))
    proposals = search(strategy, score, 20)
    assert sorted(p.sample["d0"] for p in proposals) == [0, 1, 2, 3]
    assert all(p.sample["d1"] == 3 for p in proposals)


def test_trials_of_other_spaces_are_passed_over(make: Make) -> None:
    """What cannot be in the space changes nothing."""
    runs = []
    for others in ((), (Sample(), Sample({"d0": 9, "d1": 0}), Sample({"width": 16}))):
        strategy = make(0)
        strategy.start(make_flat_space(2))
        for number, sample in enumerate(others):
            strategy.tell(make_trial(-1 - number, Proposal(sample), 5.0))
        runs.append(search(strategy, score, 10))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_a_failure(make: Make, value: float) -> None:
    """A number that cannot be compared teaches nothing, and does not get into the state."""
    strategy = make(0)
    strategy.start(make_flat_space(2))
    for number in range(6):
        proposal = strategy.ask()
        assert proposal is not None
        strategy.tell(make_trial(number, proposal, value))
    records = json.loads(json.dumps(strategy.state(), allow_nan=False))["records"]
    assert [record["stage"] for record in records] == ["failed"] * 6


def test_a_paused_trial_is_one_trial(make: Make) -> None:
    """However often it is observed, it is recorded once, and its end is what remains."""
    strategy = make(0)
    strategy.start(make_flat_space(2))
    proposal = strategy.ask()
    assert proposal is not None
    for steps in (1, 2):
        strategy.observe(Trial(1, proposal.sample, metrics={"default": steps / 4}, steps=steps, waits_for="paused"))
    assert [record["costs"] for record in strategy.state()["records"]] == [[-0.5]]
    strategy.tell(make_trial(1, proposal, 0.75))
    (record,) = strategy.state()["records"]
    assert (record["stage"], record["costs"]) == ("complete", [-0.75])
    assert strategy.state()["open"] == {}


def test_equal_samples_that_run_at_once(make: Make) -> None:
    """A sample that two trials have, because somebody else proposed it too, has two results."""
    strategy = make(0)
    strategy.start(make_flat_space(2))
    proposal = strategy.ask()
    assert proposal is not None
    strategy.tell(make_trial(7, proposal, 1.0))
    strategy.tell(Trial(1, proposal.sample, TrialState.DUPLICATE, {"default": 1.0}, duplicate_of=7))
    assert [record["costs"] for record in strategy.state()["records"]] == [[-1.0], [-1.0]]


def test_aim_goes_before_the_mode(make: Make) -> None:
    """What the search is after is what the strategy minimises, by its name and direction."""
    strategy = make(0)
    strategy.aim(Objectives([Objective("loss", "minimize")]))
    strategy.start(make_flat_space(2))
    proposal = strategy.ask()
    assert proposal is not None
    strategy.tell(make_trial(1, proposal, {"default": 1.0, "loss": 3.0}))
    assert strategy.state()["records"][0]["costs"] == [3.0]


def test_prior_weights_begin(make: Make) -> None:
    """The random samples at the beginning follow the prior: what has no weight does not come."""
    candidates = tuple(range(8))
    space = DecisionSpace(Decision(f"d{i}", candidates, weights=(0.5, 0, 0, 0, 0, 0, 0, 0.5)) for i in range(4))
    strategy = make(0)
    strategy.start(space)
    samples = [proposal.sample for _ in range(4) if (proposal := strategy.ask())]
    assert {choice for sample in samples for choice in sample.values()} == {0, 7}


def test_a_missing_library_is_named() -> None:
    """The error says what to install."""
    with pytest.raises(ConfigError, match="TPE needs no_such_library, which is not installed") as caught:
        require("TPE", ("optuna", "no_such_library"))
    assert "retix[optuna]" in str(caught.value)


def test_nothing_is_imported_before_it_is_needed() -> None:
    """Strategies can be named and made without torch or Optuna being imported; a search imports Optuna alone."""
    code = (
        "import sys, retix.strategy as s; from retix.strategy.tpe_strategy import TPE; t = TPE(); s.NSGA2(); s.GP()\n"
        "assert not {'optuna', 'torch', 'scipy'} & set(sys.modules)\n"
        "from retix.testing import make_flat_space; t.start(make_flat_space(2))\n"
        "assert 'optuna' in sys.modules and not {'torch', 'scipy'} & set(sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_names_of_nni() -> None:
    """NNI has two names for one strategy."""
    assert TPEStrategy is TPE
    assert GP().optimize_mode == TPE().optimize_mode == NSGA2().optimize_mode == "maximize"
