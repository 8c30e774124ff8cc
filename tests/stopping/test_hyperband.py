"""Several ladders of successive halving."""

from __future__ import annotations

from collections import Counter

import pytest

from retix.errors import ConfigError
from retix.stopping import Hyperband
from retix.trial import Verdict


def test_trials_are_shared_as_in_the_paper() -> None:
    """With 27 steps, most trials are compared from the first step on, fewer from the third, fewer from the ninth."""
    rule = Hyperband(max_steps=27)
    shares = Counter(rule.bracket(trial) for trial in range(1, 10_001))
    weights = [4 / 4 * 27, 4 / 3 * 9, 4 / 2 * 3]
    for bracket, weight in enumerate(weights):
        assert shares[bracket] == pytest.approx(10_000 * weight / sum(weights), rel=0.01)
    assert set(Counter(rule.bracket(trial) for trial in range(1, 30))) == {0, 1, 2}


def test_a_bracket_compares_its_own_trials_at_its_own_rungs() -> None:
    """The first pause of a trial is after 1, 3 or 9 results, as its bracket says."""
    rule = Hyperband(max_steps=27)
    for trial in range(1, 40):
        first = next(s for s in range(1, 28) if rule.report(trial, s, {"default": trial}) is Verdict.PAUSE)
        assert first == 3 ** rule.bracket(trial)
    promoted = []
    while (trial := rule.next_promotion()) is not None:
        rule.promoted(trial)
        promoted.append(trial)
    members = Counter(rule.bracket(trial) for trial in range(1, 40))
    assert Counter(map(rule.bracket, promoted)) == Counter({b: n // 3 for b, n in members.items() if n >= 3})
    for bracket in members:
        mine = [trial for trial in promoted if rule.bracket(trial) == bracket]
        assert mine == sorted((t for t in range(1, 40) if rule.bracket(t) == bracket), reverse=True)[: len(mine)]


def test_fewer_brackets_leave_out_the_patient_ones() -> None:
    """One bracket is ASHA; more than there are rungs are as many as there are rungs."""
    assert {Hyperband(max_steps=27, brackets=1).bracket(trial) for trial in range(99)} == {0}
    assert {Hyperband(max_steps=27, brackets=9).bracket(trial) for trial in range(99)} == {0, 1, 2}
    with pytest.raises(ConfigError, match="brackets is 0"):
        Hyperband(max_steps=27, brackets=0)
