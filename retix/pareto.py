"""Comparing models by several costs at once: dominance, fronts, crowding and hypervolume; no torch.

Costs are tuples of one length in which lower is better. A tuple with a cost that is missing, infinite or NaN, loses
against every other. Violations say by how much limits are broken; as in Deb et al. 2002 (NSGA-II, section VI), models
that break none come first, and the others by how much they break.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from retix.errors import ConfigError

Costs: TypeAlias = tuple[float, ...]
T = TypeVar("T")


def dominates(a: Costs, b: Costs) -> bool:
    """Whether ``a`` is nowhere worse than ``b`` and somewhere better; or only ``b`` lacks a cost."""
    if _is_whole(a) != _is_whole(b):
        return _is_whole(a)
    a, b = _settle(a), _settle(b)
    return a != b and all(mine <= its for mine, its in zip(a, b, strict=True))


def rank(costs: Sequence[Costs], violations: Sequence[float] | None = None) -> list[int]:
    """The front that each belongs to: 0 if nothing is better, 1 if only those of front 0 are, and so on.

    Takes O(n log n) steps for one or two costs (Jensen 2003), and O(n^2) at worst for more (Zhang et al. 2015, ENS-BS).

    Args:
        costs: Of each, lower being better.
        violations: By how much each breaks limits; 0 if it breaks none. None if there are no limits.

    Raises:
        ConfigError: The tuples differ in length, or there are not as many violations.
    """
    _check(costs, violations)
    keys = [_key(cost, 0.0 if violations is None else violations[i]) for i, cost in enumerate(costs)]
    ranks, begin = [0] * len(keys), 0
    # What breaks limits less comes in an earlier front; among equals, dominance decides.
    for _, group in groupby(sorted(range(len(keys)), key=keys.__getitem__), key=lambda i: keys[i][:2]):
        members = list(group)
        found = _sort_into_fronts([keys[i][2] for i in members])
        for i, front in zip(members, found, strict=True):
            ranks[i] = begin + front
        begin += max(found) + 1
    return ranks


def crowding(costs: Sequence[Costs]) -> list[float]:
    """How far each is from its neighbours in its front, relative to the front's width (Deb et al. 2002, section III-B).

    Args:
        costs: Of the members of one front.

    Returns:
        The distance of each; infinite at the front's ends, 0 where a cost is missing.
    """
    _check(costs, None)
    distances = [0.0] * len(costs)
    whole = [i for i, cost in enumerate(costs) if _is_whole(cost)]
    for axis in range(len(costs[0]) if costs else 0):
        whole.sort(key=lambda i: costs[i][axis])
        if not whole or costs[whole[0]][axis] == costs[whole[-1]][axis]:
            continue
        width = costs[whole[-1]][axis] - costs[whole[0]][axis]
        distances[whole[0]] = distances[whole[-1]] = math.inf
        for before, i, after in zip(whole, whole[1:], whole[2:], strict=False):
            distances[i] += (costs[after][axis] - costs[before][axis]) / width
    return distances


def order(costs: Sequence[Costs], violations: Sequence[float] | None = None) -> list[int]:
    """The indices, the best first: by front, in a front the least crowded first, then as they were given.

    With one cost it is the order by violation and cost.

    Args:
        costs: Of each, lower being better.
        violations: By how much each breaks limits; None if there are no limits.

    Raises:
        ConfigError: The tuples differ in length, or there are not as many violations.
    """
    ranks = rank(costs, violations)
    by_rank = sorted(range(len(costs)), key=ranks.__getitem__)
    if not costs or len(costs[0]) == 1:
        return by_rank
    found: list[int] = []
    for _, group in groupby(by_rank, key=ranks.__getitem__):
        members = list(group)
        distances = crowding([costs[i] for i in members])
        found += [members[at] for at in sorted(range(len(members)), key=lambda at: -distances[at])]
    return found


def front(items: Iterable[T], costs: Sequence[Costs], violations: Sequence[float] | None = None) -> list[T]:
    """Those that nothing is better than, as they were given; equal ones are all there.

    Args:
        items: Any things.
        costs: Of each, lower being better.
        violations: By how much each breaks limits; None if there are no limits.

    Raises:
        ConfigError: The tuples differ in length, or there are not as many of everything.
    """
    return [item for item, found in zip(items, rank(costs, violations), strict=True) if found == 0]


def hypervolume(costs: Iterable[Costs], reference: Costs) -> float:
    """The volume of what is dominated by at least one of ``costs`` and better than ``reference`` in each cost; exact.

    By slices along the last cost (Knowles 2002): O(n log n) steps for two costs, n times more for each further one.

    Args:
        costs: Lower being better; what is not better than ``reference`` everywhere adds nothing.
        reference: A point that is bad in each cost.

    Raises:
        ConfigError: A tuple has not as many costs as ``reference``.
    """
    points = list(costs)
    _check([reference, *points], None)
    inside = {p for p in points if all(mine < bound for mine, bound in zip(p, reference, strict=True))}
    return _volume(sorted(inside, key=lambda p: p[::-1]), reference)


def _volume(points: Sequence[Costs], reference: Costs) -> float:
    """The hypervolume of points that are sorted by their last cost, all better than the reference."""
    if not points:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(points)[0]
    if len(reference) == 2:
        return _area(sorted(points), reference)
    volume, slab = 0.0, list[Costs]()
    for at, point in enumerate(points):
        bisect.insort(slab, point[:-1], key=lambda p: p[::-1])
        top = points[at + 1][-1] if at + 1 < len(points) else reference[-1]
        if top > point[-1]:
            volume += (top - point[-1]) * _volume(slab, reference[:-1])
    return volume


def _area(points: Iterable[Costs], reference: Costs) -> float:
    area, lowest = 0.0, reference[1]
    for first, second in points:
        if second < lowest:
            area += (reference[0] - first) * (lowest - second)
            lowest = second
    return area


def _sort_into_fronts(costs: Sequence[Costs]) -> list[int]:
    """The front of each, of costs in ascending order: so none is dominated by a later one."""
    if len(costs[0]) <= 2:
        return _sort_pairs(costs)
    fronts: list[_Front] = []
    found: list[int] = []
    for cost in costs:
        row = np.array(cost)
        # What front k dominates, front k - 1 dominates too.
        at = bisect.bisect_left(fronts, True, key=lambda front: not front.dominates(row))
        if at == len(fronts):
            fronts.append(_Front(row))
        else:
            fronts[at].append(row)
        found.append(at)
    return found


def _sort_pairs(costs: Sequence[Costs]) -> list[int]:
    """Of one or two costs: the last member of a front has its lowest second cost, so it alone has to be compared."""
    lasts: list[tuple[float, float]] = []  # of each front, the last member, its costs exchanged; ascending
    found: list[int] = []
    for cost in costs:
        pair = (cost[-1], cost[0])
        at = bisect.bisect_left(lasts, pair)
        lasts[at : at + 1] = [pair]
        found.append(at)
    return found


class _Front:
    """The members of a front as the rows of an array that grows.

    Args:
        first: Its first member.
    """

    def __init__(self, first: npt.NDArray[np.float64]) -> None:
        self._rows = np.empty((8, len(first)))
        self._rows[0] = first
        self._size = 1

    def append(self, row: npt.NDArray[np.float64]) -> None:
        """Take one more member."""
        if self._size == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self._size] = row
        self._size += 1

    def dominates(self, row: npt.NDArray[np.float64]) -> bool:
        """Whether a member dominates ``row``."""
        rows = self._rows[: self._size]
        return bool(((rows <= row).all(axis=1) & (rows < row).any(axis=1)).any())


def _key(cost: Costs, violation: float) -> tuple[bool, float, Costs]:
    return not _is_whole(cost), math.inf if math.isnan(violation) else max(violation, 0.0), _settle(cost)


def _is_whole(cost: Costs) -> bool:
    return all(map(math.isfinite, cost))


def _settle(cost: Costs) -> Costs:
    """The costs with infinity where one is missing, however that is written; so they can be compared and sorted."""
    return cost if _is_whole(cost) else tuple(value if math.isfinite(value) else math.inf for value in cost)


def _check(costs: Sequence[Costs], violations: Sequence[float] | None) -> None:
    lengths = {len(cost) for cost in costs}
    if len(lengths) > 1 or 0 in lengths:
        raise ConfigError(
            f"models are compared that have {' and '.join(map(str, sorted(lengths)))} costs",
            fix="give each as many costs as there are objectives",
        )
    if violations is not None and len(violations) != len(costs):
        raise ConfigError(
            f"there are {len(violations)} violations for {len(costs)} models", fix="give one violation per model"
        )
