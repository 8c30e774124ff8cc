"""What a search has spent of what it may spend."""

from __future__ import annotations

import math
import time

from retix.experiment.search.budget import Budget
from retix.experiment.search.ending import EndReason
from retix.experiment.search.limits import Limits


def test_trials_are_counted() -> None:
    """The budget is spent by trials that are run; more of it may come."""
    budget = Budget(Limits(trials=2))
    assert budget.reason() is None
    budget.count_started()
    budget.count_started()
    assert budget.reason() is EndReason.BUDGET
    budget.limits = Limits(trials=3)
    assert budget.reason() is None


def test_proposals_without_a_trial_are_counted() -> None:
    """Too many in a row are the end; a trial begins the count anew."""
    budget = Budget(Limits(patience=2))
    budget.fruitless += 1
    budget.count_started()
    budget.fruitless += 1
    assert budget.reason() is None
    budget.fruitless += 1
    assert budget.reason() is EndReason.REPEATING


def test_the_clock_stands_still() -> None:
    """Before it is started, and while it is paused; starting or pausing it twice changes nothing."""
    budget = Budget(Limits(duration=100.0))
    assert budget.is_paused
    assert budget.remaining() == 100.0
    budget.start()
    time.sleep(0.01)
    budget.pause()
    left = budget.remaining()
    time.sleep(0.01)
    budget.pause()
    assert budget.remaining() == left < 100.0
    budget.start()
    budget.start()
    time.sleep(0.01)
    assert budget.remaining() < left


def test_without_a_limit_there_is_no_end() -> None:
    """Neither of time nor of trials."""
    budget = Budget(Limits())
    budget.start()
    budget.run = 10**9
    assert budget.remaining() == math.inf
    assert budget.reason() is None
