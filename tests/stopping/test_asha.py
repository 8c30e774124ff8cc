"""Asynchronous successive halving."""

from __future__ import annotations

import math

import pytest

from retix.errors import ConfigError
from retix.objective import Limit, Objective, Objectives
from retix.stopping import ASHA, Hyperband
from retix.trial import Verdict

GO_ON, STOP, PAUSE = Verdict.GO_ON, Verdict.STOP, Verdict.PAUSE


def report(rule: ASHA, trial: int, step: int, value: float) -> Verdict:
    """Report the metric ``default``."""
    return rule.report(trial, step, {"default": value})


def test_every_trial_pauses_at_rungs_and_nowhere_else() -> None:
    """With 9 steps and a third going on, trials are compared after 1 and 3 results, and then run to their end."""
    rule = ASHA(max_steps=9)
    assert rule.may_pause
    assert report(rule, 1, 1, 0.5) is PAUSE
    rule.promoted(1)
    assert [report(rule, 1, step, 0.5) for step in (2, 3)] == [GO_ON, PAUSE]
    rule.promoted(1)
    assert [report(rule, 1, step, 0.5) for step in range(4, 10)] == [GO_ON] * 6


def test_the_best_third_is_promoted_as_soon_as_there_is_one() -> None:
    """Algorithm 2 of the paper: a rung promotes its best trials while no more than a third have gone on."""
    rule = ASHA(max_steps=9)
    for trial, value in [(1, 0.2), (2, 0.9)]:
        report(rule, trial, 1, value)
        assert rule.next_promotion() is None
    report(rule, 3, 1, 0.5)
    assert rule.next_promotion() == 2
    rule.promoted(2)
    assert rule.next_promotion() is None
    for trial, value in [(4, 0.1), (5, 0.1), (6, 0.1)]:
        report(rule, trial, 1, value)
    assert rule.next_promotion() == 3


def test_the_highest_rung_is_promoted_first() -> None:
    """Trials that are close to their end come before those at the beginning."""
    rule = ASHA(max_steps=9)
    for trial in range(1, 10):
        report(rule, trial, 1, trial / 10)
    for trial in (9, 8, 7):
        assert rule.next_promotion() == trial
        rule.promoted(trial)
        report(rule, trial, 3, trial / 10)
    for trial in (10, 11, 12):
        report(rule, trial, 1, 1.0)
    assert rule.next_promotion() == 9


def test_ended_trials_count_and_are_not_promoted() -> None:
    """One that the user cancelled while it was paused keeps its place in the comparison."""
    rule = ASHA(max_steps=9)
    for trial, value in enumerate([0.9, 0.8, 0.1, 0.1, 0.1, 0.1], start=1):
        report(rule, trial, 1, value)
    rule.ended(1)
    assert rule.next_promotion() == 2
    rule.ended(2)
    assert rule.next_promotion() is None


def test_stopping_lets_the_best_third_go_on_at_once() -> None:
    """The first trial goes on, a worse one ends, a better one goes on; nothing is ever promoted."""
    rule = ASHA(max_steps=9, mode="stop")
    assert not rule.may_pause
    assert [report(rule, trial, 1, value) for trial, value in enumerate([0.5, 0.4, 0.6, 0.55], start=1)] == [
        *(GO_ON, STOP, GO_ON, GO_ON)
    ]
    assert rule.next_promotion() is None
    report(rule, 1, 2, 0.5)
    assert report(rule, 1, 1, 0.1) is GO_ON  # it was let on before its worker died


@pytest.mark.parametrize("mode", ["promote", "stop"])
def test_minimised_metrics_and_limits_turn_the_order_round(mode: str) -> None:
    """Whether low is good, and which models break limits, comes from the objectives."""
    rule = ASHA(max_steps=4, reduction=2, mode=mode)  # type: ignore[arg-type]  # one of the two
    rule.aim(Objectives([Objective(mode="minimize")], [Limit("size", at_most=10)]))
    reports = [(1, 0.1, 20.0), (2, 0.5, 5.0), (3, 0.4, 5.0), (4, math.nan, 5.0)]
    verdicts = [rule.report(trial, 1, {"default": value, "size": size}) for trial, value, size in reports]
    if mode == "stop":
        assert verdicts == [GO_ON, GO_ON, GO_ON, STOP]
        return
    promoted = []
    while (trial := rule.next_promotion()) is not None:
        rule.promoted(trial)
        promoted.append(trial)
    assert promoted == [3, 2]


def test_fronts_are_promoted_where_there_are_two_objectives() -> None:
    """A small weak model goes on beside a large strong one; what both beat waits."""
    rule = ASHA(max_steps=9)
    rule.aim(Objectives([Objective(), Objective("parameters", "minimize")]))
    models = [(0.9, 100.0), (0.5, 10.0), (0.4, 120.0), (0.3, 50.0), (0.5, 90.0), (0.2, 110.0)]
    for trial, (value, size) in enumerate(models, start=1):
        rule.report(trial, 1, {"default": value, "parameters": size})
    promoted = []
    while (trial := rule.next_promotion()) is not None:
        rule.promoted(trial)
        promoted.append(trial)
    assert promoted == [1, 2]


def test_thousands_of_trials_cost_little() -> None:
    """10,000 trials pause and are promoted in order; a third of each rung goes on."""
    rule = ASHA(max_steps=27)
    for trial in range(1, 10_001):
        report(rule, trial, 1, trial * 7919 % 10_007)
    promoted = set()
    while (trial := rule.next_promotion()) is not None:
        rule.promoted(trial)
        promoted.add(trial)
    best = sorted(range(1, 10_001), key=lambda trial: -(trial * 7919 % 10_007))
    assert promoted == set(best[:3333])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"max_steps": 1}, "max_steps is 1"),
        ({"max_steps": 9, "min_steps": 0}, "min_steps is 0"),
        ({"max_steps": 9, "reduction": 1}, "reduction is 1"),
        ({"max_steps": 9, "reduction": 2.5}, r"reduction is 2\.5"),
        ({"max_steps": 9, "min_steps": 9}, "min_steps is 9, and max_steps 9"),
        ({"max_steps": 9, "mode": "halt"}, "'halt'"),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object], said: str) -> None:
    """Numbers out of range and unknown modes are refused where the rule is made."""
    with pytest.raises(ConfigError, match=said):
        ASHA(**arguments)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("kind", [ASHA, Hyperband])
def test_a_short_search_has_a_finalist(kind: type[ASHA | Hyperband]) -> None:
    """Where nothing is promoted any more, the best trial at the highest rung is named, until it has come to its end."""
    rule = kind(max_steps=9, reduction=2)
    assert rule.next_finalist() is None
    steps = dict.fromkeys((1, 2, 3), 0)

    def train(trial: int) -> None:
        """Up to a pause, or to the end."""
        while steps[trial] < 9:
            steps[trial] += 1
            if rule.report(trial, steps[trial], {"default": -trial}) is PAUSE:
                return
        rule.ended(trial)

    for trial in steps:
        train(trial)
    while (promoted := rule.next_promotion()) is not None:
        rule.promoted(promoted)
        train(promoted)
    assert max(steps.values()) < 9
    first = rule.next_finalist()
    assert first is not None
    assert steps[first] == max(steps.values())
    while rule.next_finalist() == first:
        rule.promoted(first)
        train(first)
    assert steps[first] == 9
