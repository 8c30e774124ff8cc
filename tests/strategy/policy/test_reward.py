"""Results, rated by the results before them."""

from __future__ import annotations

import json
import math
import random

from retix.strategy.policy import Rewards


def test_ranks() -> None:
    """The best of the recent results rates near 1, the worst near -1, equal ones alike, and all together 0."""
    rewards = Rewards(10)
    costs = [(0.0, 3.0), (0.0, 1.0), (0.0, 1.0), (1.0, -9.0), (math.inf, math.inf)]
    for cost in costs:
        rewards.add(cost)
    assert [rewards.rate(cost) for cost in costs] == [0.0, 0.6, 0.6, -0.4, -0.8]
    assert Rewards(3).rate((0.0, 1.0)) == 0.0


def test_only_recent_results_count() -> None:
    """What is older than the window does not count any more, and JSON keeps what does."""
    rng = random.Random(2)
    rewards, last = Rewards(7), []
    for _ in range(50):
        cost = (rng.choice([0.0, 1.0, math.inf]), rng.choice([1.0, 2.0, math.inf]))
        rewards.add(cost)
        last = [*last, cost][-7:]
        better, worse = sum(other < cost for other in last), sum(other > cost for other in last)
        assert rewards.rate(cost) == (worse - better) / len(last)
    again = Rewards(7)
    again.load_state(json.loads(json.dumps(rewards.state(), allow_nan=False)))
    assert again.state() == rewards.state()
    assert [again.rate(cost) for cost in last] == [rewards.rate(cost) for cost in last]
