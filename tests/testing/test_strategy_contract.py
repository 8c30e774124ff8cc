"""The published contract of strategies: a good one passes, and each way of breaking it is found."""

from __future__ import annotations

import importlib
import inspect
import random
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

import retix.testing
from retix.errors import ConfigError
from retix.space import Sample
from retix.strategy import GridSearch, Strategy
from retix.testing import SPACES, PickySpace, StackSpace, StrategyContract, ask_all, search
from retix.trial import Proposal, Trial


class Climber(Strategy):
    """A strategy as a user would write it: now and then a new start, else one answer of the best model redrawn."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(seed)
        self.best: Sample | None = None
        self.score = 0.0
        self.trial: int | None = None

    def ask(self) -> Proposal | None:
        for _ in range(1000):
            sample = self.draw()
            if self.space.permits(sample):
                return Proposal(sample, self.trial)
        return None

    def draw(self) -> Sample:
        """The best model with some answers redrawn."""
        best = self.best or {}
        return self.space.walk(
            lambda d: (
                best[d.label]
                if d.label in best and best[d.label] in list(d.options()) and self.rng.random() < 0.6
                else d.draw(self.rng)
            )
        )

    @property
    def exhausted(self) -> bool:
        return False

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        if trial.metric is not None and trial.metric > self.score:
            self.best, self.score, self.trial = trial.sample, min(trial.metric, 1e9), trial.id

    def state(self) -> dict[str, Any]:
        best = None if self.best is None else self.best.to_json()
        return {**super().state(), "best": best, "score": self.score, "trial": self.trial}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self.best = None if state["best"] is None else Sample(state["best"])
        self.score, self.trial = state["score"], state["trial"]


class TestClimber(StrategyContract):
    """A strategy of a user's keeps the contract."""

    trials = 20
    spaces: ClassVar = {name: SPACES[name] for name in ("conditional", "dynamic", "picky", "no decision")}

    def make(self, seed: int | None) -> Strategy:
        return Climber(seed)


class Unasked(Climber):
    """Proposes what the space refuses."""

    def ask(self) -> Proposal:
        return Proposal(self.draw(), self.trial)


class Orphan(Climber):
    """Names a parent that there is not."""

    def ask(self) -> Proposal | None:
        proposal = super().ask()
        return proposal and Proposal(proposal.sample, 12345)


class Greedy(Climber):
    """Asks for weights that it has not reserved."""

    def ask(self) -> Proposal | None:
        proposal = super().ask()
        return proposal and Proposal(proposal.sample, proposal.parent, inherit=proposal.parent is not None)


class Careless(Climber):
    """Draws numbers of which nobody knows."""

    def draw(self) -> Sample:
        return self.space.walk(lambda decision: decision.draw(random.Random()))


class Forgetful(Climber):
    """Leaves something out of its state."""

    def state(self) -> dict[str, Any]:
        return {**super().state(), "best": None}


class Fragile(Climber):
    """Takes each trial for one that succeeded."""

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        assert trial.metrics["default"] < 5


class Stubborn(Climber):
    """Says that it is exhausted, and proposes."""

    @property
    def exhausted(self) -> bool:
        return self.score > 0


class Seeded(Climber):
    """Has always the same seed."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(7)


class Blunt(Climber):
    """Learns from trials that have not ended."""

    def tell(self, trial: Trial) -> None:
        self.score += 1


class Bold(Climber):
    """Says that it is for several objectives, and falls over a missing one."""

    @property
    def is_multi_objective(self) -> bool:
        return True

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        if len(self.objectives) > 1 and trial.metrics:
            self.score = trial.metrics["parameters"]


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Unasked, "test_proposals_are_samples_of_the_space"),
        (Orphan, "test_parents_were_told"),
        (Orphan, "test_trials_of_others_can_be_told"),
        (Greedy, "test_parents_were_told"),
        (Careless, "test_seeds_reproduce"),
        (Careless, "test_a_missing_seed_is_drawn_and_kept"),
        (Forgetful, "test_state_continues"),
        (Fragile, "test_any_end_of_a_trial_can_be_told"),
        (Stubborn, "test_exhausted_strategies_stay_silent"),
        (Seeded, "test_seeds_differ"),
        (Seeded, "test_a_missing_seed_is_drawn_and_kept"),
        (Blunt, "test_open_trials_are_refused"),
        (Bold, "test_several_objectives"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_breaches_are_found(broken: Callable[[int | None], Strategy], test: str) -> None:
    """The test that stands for a sentence of the contract fails for a strategy that breaks it."""

    class Suite(StrategyContract):
        def make(self, seed: int | None) -> Strategy:
            return broken(seed)

    method = getattr(Suite(), test)
    names = inspect.signature(method).parameters
    arguments: dict[str, Any] = {"space": PickySpace(), "asked": 20, "early": True}
    with pytest.raises((AssertionError, KeyError, pytest.fail.Exception)):
        method(**{name: arguments[name] for name in names})


def test_a_suite_says_how_its_strategy_is_made() -> None:
    """A subclass without `make` is told so."""
    with pytest.raises(NotImplementedError, match=r"needs a method make\(self, seed\)"):
        StrategyContract().make(1)


def test_the_driver_runs_trials_side_by_side() -> None:
    """So many proposals are open at a time; the oldest ends first; a strategy that waits is told before it is asked."""
    told: list[int] = []

    class Waiting(Climber):
        def ask(self) -> Proposal | None:
            is_idle = self.asked == len(told)
            self.asked += is_idle
            return super().ask() if is_idle else None

        def tell(self, trial: Trial) -> None:
            told.append(trial.id)

        asked = 0

    strategy = Waiting(1)
    strategy.start(StackSpace())
    assert len(search(strategy, lambda _: 0.5, 5, workers=3)) == 5
    assert told == [1, 2, 3, 4, 5]


def test_the_spaces_are_what_they_say() -> None:
    """The numbers of samples and networks that stand at the spaces are true."""
    for space in (StackSpace(), PickySpace()):
        grid = GridSearch(shuffle=False)
        grid.start(space)
        samples = ask_all(grid)
        assert len(samples) == space.samples
        assert len({space.fingerprint(sample) for sample in samples}) == space.networks


def test_pytest_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pytest, the package says what to install."""
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ConfigError, match="pytest is not installed"):
        importlib.reload(retix.testing)
