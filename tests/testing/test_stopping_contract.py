"""The published contract of rules of early stopping: a good one passes, and each way of breaking it is found."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

import pytest

from retix.objective import Objective, Objectives
from retix.stopping import EarlyStopping
from retix.testing import EarlyStoppingContract
from retix.trial import Verdict


class BelowFirst(EarlyStopping):
    """A rule as a user would write it: after three steps, a trial ends that is worse than most were at that step."""

    def __init__(self) -> None:
        super().__init__()
        self.costs: dict[int, float] = {}

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        if step != 3:
            return Verdict.GO_ON
        self.costs[trial] = self.objectives.costs(metrics)[0]
        better = sum(cost < self.costs[trial] for cost in self.costs.values())
        return Verdict.STOP if better > len(self.costs) / 2 else Verdict.GO_ON


class TestBelowFirst(EarlyStoppingContract):
    """A rule of a user's keeps the contract."""

    def make(self) -> EarlyStopping:
        return BelowFirst()


class Lenient(EarlyStopping):
    """Stops nobody."""

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        return Verdict.GO_ON


class Harsh(EarlyStopping):
    """Stops everybody."""

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        return Verdict.STOP


class Secretive(BelowFirst):
    """Pauses, and does not say so."""

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        verdict = super().report(trial, step, metrics)
        return Verdict.PAUSE if verdict is Verdict.STOP else verdict


class Moody(BelowFirst):
    """Throws dice."""

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        return random.choice([Verdict.STOP, Verdict.GO_ON])


class Counting(EarlyStopping):
    """Counts how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        self.calls += 1
        return Verdict.STOP if self.calls % 5 == 0 else Verdict.GO_ON


class Ordered(EarlyStopping):
    """Remembers in which order trials reported."""

    def __init__(self) -> None:
        super().__init__()
        self.order = 0

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        self.order = (31 * self.order + trial) % 97
        return Verdict.STOP if self.order % 5 == 0 else Verdict.GO_ON


class Strict(BelowFirst):
    """Cannot take what is no number."""

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        assert math.isfinite(metrics["default"])
        return super().report(trial, step, metrics)


class Generous(BelowFirst):
    """Promotes who was not paused."""

    def next_promotion(self) -> int | None:
        return 3


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Lenient, "test_verdicts_are_kept"),
        (Harsh, "test_some_trials_are_left_alone"),
        (Secretive, "test_verdicts_are_kept"),
        (Moody, "test_the_same_results_give_the_same_verdicts"),
        (Ordered, "test_the_record_brings_it_back"),
        (Counting, "test_a_step_that_is_reported_again_is_replaced"),
        (Strict, "test_what_is_no_number_loses"),
        (Generous, "test_verdicts_are_kept"),
        (Generous, "test_ends_of_unknown_trials_are_taken"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_breaches_are_found(broken: Callable[[], EarlyStopping], test: str) -> None:
    """The test that stands for a sentence of the contract fails for a rule that breaks it."""

    class Suite(EarlyStoppingContract):
        objectives = Objectives([Objective()])

        def make(self) -> EarlyStopping:
            return broken()

    suite = Suite()
    with pytest.raises((AssertionError, KeyError)):
        getattr(suite, test)(suite.make_aimed())


def test_a_suite_says_how_its_rule_is_made() -> None:
    """A subclass without `make` is told so."""
    with pytest.raises(NotImplementedError, match=r"make\(self\)"):
        EarlyStoppingContract().make()
