"""Stopping by the median of the others."""

from __future__ import annotations

import math
import random

import pytest

from retix.errors import ConfigError
from retix.objective import Objective, Objectives
from retix.stopping import MedianStopping
from retix.trial import Verdict

CURVES = [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6], [0.3, 0.5, 0.7], [0.0, 0.1, 0.2], [0.5, 0.6, 0.9]]


def tell(rule: MedianStopping, curves: list[list[float]]) -> None:
    """Have trials 1, 2, ... report curves."""
    for trial, curve in enumerate(curves, start=1):
        for step, value in enumerate(curve, start=1):
            rule.report(trial, step, {"default": value})


@pytest.mark.parametrize("best", [0.29, 0.31, 0.39, 0.41])
def test_the_best_so_far_is_compared_with_the_median_of_averages(best: float) -> None:
    """The averages of the others after 3 results are 0.1, 0.3, 0.4, 0.5 and 0.67: below 0.4 a trial ends."""
    rule = MedianStopping(grace_steps=2, warmup_trials=5)
    tell(rule, CURVES)
    verdicts = [rule.report(9, step, {"default": value}) for step, value in enumerate([best, 0.0, 0.0], start=1)]
    assert verdicts == [Verdict.GO_ON, Verdict.GO_ON, Verdict.STOP if best < 0.4 else Verdict.GO_ON]


def test_too_few_others_stop_nobody() -> None:
    """Before the warm-up is over, and in the steps of grace, the worst trial goes on."""
    rule = MedianStopping(grace_steps=1, warmup_trials=6)
    tell(rule, CURVES)
    assert rule.report(9, 1, {"default": -1.0}) is Verdict.GO_ON
    assert rule.report(9, 2, {"default": -1.0}) is Verdict.GO_ON
    rule.report(8, 1, {"default": 0.0})
    rule.report(8, 2, {"default": 0.0})
    assert rule.report(9, 2, {"default": -1.0}) is Verdict.STOP


def test_what_is_no_number_is_worse_than_anything() -> None:
    """A trial of NaNs ends; trials of NaNs among the others lower the median."""
    rule = MedianStopping(warmup_trials=1)
    tell(rule, [[math.nan] * 2, [math.nan] * 2, [0.1] * 2])
    assert rule.report(4, 1, {"default": 0.0}) is Verdict.GO_ON
    assert rule.report(4, 2, {"default": 0.0}) is Verdict.GO_ON
    tell(rule, [[0.1] * 2] * 3)
    assert rule.report(5, 1, {}) is Verdict.GO_ON
    assert rule.report(5, 2, {}) is Verdict.STOP


def test_a_model_on_the_front_goes_on() -> None:
    """With two objectives the weakest trial goes on if it is the smallest, and ends if most are better in both."""
    rule = MedianStopping(warmup_trials=3)
    rule.aim(Objectives([Objective(), Objective("parameters", "minimize")]))
    for trial in range(1, 6):
        for step in (1, 2):
            rule.report(trial, step, {"default": trial / 10, "parameters": trial * 100.0})
    for parameters, verdict in [(50.0, Verdict.GO_ON), (1000.0, Verdict.STOP)]:
        trial = int(parameters)
        rule.report(trial, 1, {"default": 0.05, "parameters": parameters})
        assert rule.report(trial, 2, {"default": 0.05, "parameters": parameters}) is verdict


def test_reports_in_any_order_give_the_same_averages() -> None:
    """After a resume, reports come as they are recorded, steps of one trial in any order."""
    curves = [[random.Random(trial).random() for _ in range(6)] for trial in range(20)]
    told = [(trial, step, value) for trial, curve in enumerate(curves, 1) for step, value in enumerate(curve, 1)]
    rules = []
    for seed in (0, 1):
        rule = MedianStopping(warmup_trials=1)
        for trial, step, value in random.Random(seed).sample(told, len(told)):
            rule.report(trial, step, {"default": value})
        rules.append(rule)
    asked = [[rule.report(*told[i][:2], {"default": told[i][2]}) for i in range(len(told))] for rule in rules]
    assert asked[0] == asked[1]
    assert set(asked[0]) == {Verdict.GO_ON, Verdict.STOP}


def test_nonsense_is_refused() -> None:
    """Numbers out of range are refused where the rule is made."""
    with pytest.raises(ConfigError, match="grace_steps is -1"):
        MedianStopping(grace_steps=-1)
    with pytest.raises(ConfigError, match="warmup_trials is 0"):
        MedianStopping(warmup_trials=0)
