"""Stopping trials that get no better."""

from __future__ import annotations

import math

import pytest

from retix.errors import ConfigError
from retix.objective import Objective, Objectives
from retix.stopping import Patience
from retix.trial import Verdict


def end_of(rule: Patience, values: list[float], trial: int = 1) -> int | None:
    """The step at which a trial of these results ends; None if it does not."""
    for step, value in enumerate(values, start=1):
        if rule.report(trial, step, {"default": value}) is Verdict.STOP:
            return step
    return None


@pytest.mark.parametrize(
    ("values", "end"),
    [
        ([0.1, 0.2, 0.3, 0.4], None),
        ([0.5, 0.4, 0.4, 0.6], 3),
        ([0.5, 0.5, 0.5], 3),
        ([0.1, 0.1, 0.2, 0.2, 0.2], 5),
        ([math.nan, math.nan, math.nan], 3),
        ([math.nan, math.nan, 0.5], None),
        ([math.nan, 0.1, math.nan, 0.2], None),
    ],
)
def test_a_trial_ends_after_so_many_results_without_a_new_best(values: list[float], end: int | None) -> None:
    """Equal is no improvement, and neither is NaN."""
    assert end_of(Patience(2), values) == end


def test_an_improvement_may_be_too_small() -> None:
    """What counts is the distance from the best so far, so that slow progress adds up."""
    assert end_of(Patience(2, min_improvement=0.1), [0.5, 0.55, 0.59]) == 3
    assert end_of(Patience(2, min_improvement=0.1), [0.5, 0.55, 0.625, 0.7, 0.75]) is None


def test_each_trial_has_its_own_best() -> None:
    """A weak trial that improves goes on beside a strong one that does not, and a run that is repeated is replaced."""
    rule = Patience(2)
    assert end_of(rule, [0.9, 0.9, 0.9], trial=1) == 3
    assert end_of(rule, [0.1, 0.2, 0.3], trial=2) is None
    assert end_of(rule, [0.3, 0.2, 0.4], trial=2) is None
    rule.ended(1)
    assert end_of(rule, [0.1], trial=1) is None


def test_one_of_several_objectives_is_enough() -> None:
    """A trial goes on while any objective gets better than in all results before that were as good in the others."""
    rule = Patience(2)
    rule.aim(Objectives([Objective(), Objective("gap", "minimize")]))
    reports = [(0.5, 5.0), (0.4, 4.0), (0.4, 4.0), (0.3, 3.0), (0.3, 5.0), (0.2, 6.0)]
    verdicts = [rule.report(1, s, {"default": v, "gap": g}) for s, (v, g) in enumerate(reports, start=1)]
    assert verdicts == [Verdict.GO_ON] * 5 + [Verdict.STOP]


def test_nonsense_is_refused() -> None:
    """Numbers out of range are refused where the rule is made."""
    with pytest.raises(ConfigError, match="steps is 0"):
        Patience(0)
    with pytest.raises(ConfigError, match="min_improvement is -1"):
        Patience(1, -1.0)
