"""Dominance, fronts, crowding and hypervolume."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retix.errors import ConfigError
from retix.pareto import Costs, crowding, dominates, front, hypervolume, order, rank

INF = math.inf
LEVELS = 5

# Few levels, so that ties, equal points and missing costs are frequent.
value = st.one_of(st.integers(0, LEVELS - 1).map(float), st.sampled_from([INF, math.nan]))
violation = st.sampled_from([0.0, 0.0, 0.5, 1.0, INF, math.nan])


@st.composite
def populations(draw: st.DrawFn) -> tuple[list[Costs], list[float]]:
    """Costs of one length, and as many violations."""
    size, count = draw(st.integers(1, 4)), draw(st.integers(0, 25))
    costs = [draw(st.tuples(*[value] * size)) for _ in range(count)]
    return costs, [draw(violation) for _ in range(count)]


def is_better(mine: tuple[Costs, float], other: tuple[Costs, float]) -> bool:
    """Constraint domination as the module says it, pair by pair."""
    lacks = [not all(map(math.isfinite, costs)) for costs, _ in (mine, other)]
    if lacks[0] != lacks[1]:
        return lacks[1]
    broken = [INF if math.isnan(violation) else violation for _, violation in (mine, other)]
    return broken[0] < broken[1] if broken[0] != broken[1] else dominates(mine[0], other[0])


def peel(costs: Sequence[Costs], violations: Sequence[float]) -> list[int]:
    """The fronts by their definition: what nothing left is better than, again and again."""
    models = list(zip(costs, violations, strict=True))
    left, ranks, depth = set(range(len(models))), [0] * len(models), 0
    while left:
        best = {i for i in left if not any(is_better(models[j], models[i]) for j in left)}
        for i in best:
            ranks[i] = depth
        left, depth = left - best, depth + 1
    return ranks


@given(populations())
def test_ranks_are_the_fronts_by_definition(population: tuple[list[Costs], list[float]]) -> None:
    """The fast sorts find the fronts that peeling does, with limits, ties and missing costs, for up to four costs."""
    costs, violations = population
    assert rank(costs, violations) == peel(costs, violations)
    assert front(range(len(costs)), costs) == [i for i, r in enumerate(peel(costs, [0.0] * len(costs))) if r == 0]


@given(populations())
def test_order_goes_by_rank_then_crowding_then_place(population: tuple[list[Costs], list[float]]) -> None:
    """Each index comes once, front after front, and in a front the least crowded first, the earlier of equals."""
    costs, violations = population
    ranks, found = rank(costs, violations), order(costs, violations)
    assert sorted(found) == list(range(len(costs)))
    assert [ranks[i] for i in found] == sorted(ranks)
    for _, members in itertools.groupby(found, key=ranks.__getitem__):
        listed = list(members)
        if costs and len(costs[0]) == 1:
            assert listed == sorted(listed)
            continue
        inside = sorted(listed)
        distances = dict(zip(inside, crowding([costs[i] for i in inside]), strict=True))
        assert [(-distances[i], i) for i in listed] == sorted((-distances[i], i) for i in listed)


def test_one_cost_is_sorted_by_violation_and_cost() -> None:
    """With one objective nothing of fronts is left: what breaks no limit first, then the lower, then the earlier."""
    costs = [(3.0,), (1.0,), (INF,), (0.0,), (1.0,), (-5.0,)]
    assert order(costs, [0.0, 0.0, 0.0, 0.2, 0.0, 0.1]) == [1, 4, 0, 5, 3, 2]


def test_crowding_prefers_the_lonely() -> None:
    """The ends of a front are never crowded out; between them the sum of relative gaps counts."""
    costs = [(0.0, 10.0), (1.0, 6.0), (2.0, 5.0), (10.0, 0.0)]
    assert crowding(costs) == [INF, pytest.approx(0.2 + 0.5), pytest.approx(0.9 + 0.6), INF]
    assert crowding([(1.0, 2.0), (1.0, 2.0)]) == [0.0, 0.0]
    assert crowding([(INF, 1.0), (2.0, 1.0), (3.0, 0.0)])[0] == 0.0


@given(st.lists(st.tuples(*[st.integers(0, 5).map(float)] * 3), max_size=12), st.integers(1, 3))
def test_hypervolume_counts_unit_cells(points: list[Costs], size: int) -> None:
    """On whole numbers, the volume is the number of unit cells that some point dominates."""
    costs = [point[:size] for point in points]
    cells = itertools.product(range(4), repeat=size)
    covered = sum(any(all(a <= c for a, c in zip(p, cell, strict=True)) for p in costs) for cell in cells)
    assert hypervolume(costs, (4.0,) * size) == pytest.approx(covered)


def test_hypervolume_of_four_costs() -> None:
    """Two boxes of four dimensions, less what they share."""
    assert hypervolume([(0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 0.0, 0.0)], (2.0,) * 4) == pytest.approx(4 + 4 - 1)


def test_ten_thousand_are_quick() -> None:
    """Fronts of very many trials come from sorting, and deep stacks of fronts need no recursion."""
    line = [(float(i), float(i)) for i in range(10_000)]
    assert rank(line) == list(range(10_000))
    curve = [(float(i), float(10_000 - i)) for i in range(10_000)]
    assert front(curve, curve) == curve


def test_what_does_not_go_together_is_refused() -> None:
    """Costs of different lengths, and another number of violations, are mistakes of the caller's."""
    with pytest.raises(ConfigError, match="1 and 2 costs"):
        rank([(1.0,), (1.0, 2.0)])
    with pytest.raises(ConfigError, match="1 violations for 2 models"):
        order([(1.0,), (2.0,)], [0.0])
    with pytest.raises(ConfigError, match="2 and 3 costs"):
        hypervolume([(1.0, 2.0)], (3.0, 3.0, 3.0))
