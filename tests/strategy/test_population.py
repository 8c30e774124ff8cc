"""A population in which the oldest dies, and its members."""

from __future__ import annotations

import json
import math
import random
from collections import Counter

from retix.objective import Limit, Objective, Objectives
from retix.space import Sample
from retix.strategy.member import Member, find_best, is_better
from retix.strategy.population import Population
from retix.trial import Trial, TrialState

TWO = Objectives([Objective(), Objective("parameters", "minimize")], [Limit("latency", at_most=2.0)])


def make_member(trial: int, *costs: float, violation: float = 0.0) -> Member:
    """A member with some costs."""
    return Member(trial, Sample({"a": trial}), costs, violation)


def test_members_hold_what_a_trial_has_shown() -> None:
    """Costs, violations, steps, and whether there is more to come, are taken from the trial."""
    metrics = {"default": 0.5, "parameters": 10.0, "latency": 3.0}
    paused = Trial(7, Sample({"a": 1}), TrialState.WAITING, metrics, steps=3)
    assert Member.of(paused, TWO) == Member(7, Sample({"a": 1}), (-0.5, 10.0), 0.5, 3, False)
    failed = Member.of(Trial(8, Sample(), TrialState.FAILED, {"parameters": 10.0}), TWO)
    assert failed.costs == (math.inf, 10.0)
    assert not failed.is_rated


def test_the_best_keeps_limits_and_is_not_dominated() -> None:
    """One objective goes by limits, then by cost; several by limits, then by fronts, on which the first is as good."""
    one = [make_member(1, 2.0), make_member(2, 1.0), make_member(3, 1.0), make_member(4, 0.0, violation=0.1)]
    assert find_best(one).trial == 2
    line = [make_member(i, x, 10 - x) for i, x in enumerate((4.0, 5.0, 0.0, 6.0, 10.0))]
    assert find_best(line).trial == 0
    assert find_best(line[::-1]).trial == 4
    middle = [make_member(1, 3.0, 3.0), make_member(2, 2.0, 2.0), make_member(3, 0.0, 0.0, violation=1.0)]
    assert find_best(middle).trial == 2


def test_the_ends_of_a_front_do_not_win_everything() -> None:
    """Large tournaments are won by all members of the front alike, and by no other."""
    population, rng = Population(12), random.Random(0)
    for trial in range(12):
        population.join(make_member(trial, float(trial), 20.0 - trial if trial < 10 else 99.0))
    wins = Counter(population.hold_tournament(12, rng).trial for _ in range(500))
    assert set(wins) == set(range(10))
    assert max(wins.values()) < 3 * min(wins.values())


def test_what_has_no_cost_is_the_worst() -> None:
    """A failed trial loses even against one that breaks limits."""
    assert find_best([make_member(1, math.inf), make_member(2, 9.0, violation=5.0)]).trial == 2


def test_equals_are_not_better() -> None:
    """Nothing is better than what is just as good."""
    one, other, worse = make_member(1, 1.0), make_member(2, 1.0), make_member(3, 2.0)
    assert not is_better(one, other)
    assert not is_better(worse, one)
    assert is_better(one, worse)


def test_the_oldest_leaves() -> None:
    """One who joins a full population pushes out the oldest; one that shows more keeps its place and age."""
    population = Population(3)
    for trial in (1, 2, 3):
        population.join(make_member(trial, float(trial)))
    population.join(make_member(1, 9.0))
    assert [(m.trial, m.costs) for m in population] == [(1, (9.0,)), (2, (2.0,)), (3, (3.0,))]
    population.join(make_member(4, 4.0))
    assert [m.trial for m in population] == [2, 3, 4]


def test_tournaments_draw_with_replacement() -> None:
    """A tournament of one is won by chance; one of many draws, by the best."""
    population, rng = Population(5), random.Random(0)
    for trial in range(5):
        population.join(make_member(trial, float(trial)))
    assert {population.hold_tournament(1, rng).trial for _ in range(100)} == set(range(5))
    assert {population.hold_tournament(50, rng).trial for _ in range(20)} == {0}


def test_state_is_json() -> None:
    """Members without a cost, and all else about them, survive JSON."""
    population, loaded = Population(3), Population(3)
    population.join(Member(1, Sample({"a": (0, 1)}), (math.inf, 1.0), math.inf, 4, False))
    loaded.load_state(json.loads(json.dumps(population.state(), allow_nan=False)))
    assert list(loaded) == list(population)
