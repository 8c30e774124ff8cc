"""What a value of the child is in the parent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Index: TypeAlias = tuple[int, ...]
"""For each unit of the child, the unit of the parent that it equals; -1 for one that the parent does not have."""

NEW = -1


@dataclass(frozen=True, slots=True)
class Image:
    """What a value of the child is in the parent.

    If it is exact, the child's value equals the parent's value ``ref``, its units taken by ``index`` along ``axis``;
    units whose index is -1 are anything.

    Attributes:
        ref: The number of the parent's value; None if there is none that it could stand for.
        index: Which units; None if all are the same, one by one.
        axis: Where the units lie, counted from the last axis, which is -1; None if unknown.
        parent_size: How many units the parent's value has; None if unknown.
        child_size: How many units the child's value has; None if unknown.
        is_exact: Whether it is equal, rather than only standing where the other stands in the parent.
        is_flat: Whether each unit is a run of equally many entries, as after a flatten.
        is_zero: Whether the child's value is 0 throughout.
        fixed: The functions that do not change the child's value, as ``relu`` changes none that are not negative.
        free: Where the index was chosen: the place of a layer that could as well have chosen another.
    """

    ref: int | None
    index: Index | None = None
    axis: int | None = None
    parent_size: int | None = None
    child_size: int | None = None
    is_exact: bool = False
    is_flat: bool = False
    is_zero: bool = False
    fixed: frozenset[str] = frozenset()
    free: object = None

    @property
    def is_same(self) -> bool:
        """Whether the child's value simply is the parent's."""
        return self.is_exact and self.index is None and self.ref is not None


UNKNOWN = Image(None)
"""A value that stands for nothing."""


def spread(parent_size: int, child_size: int) -> Index | None:
    """Which unit of the parent each of the child's is: one after the other, and round again; None if one by one.

    Depending on nothing but the two sizes, it is the same for all layers that are added up. (Chen et al., Net2Net,
    ICLR 2016, arXiv 1511.05641, draw at random.)
    """
    if parent_size == child_size:
        return None
    return tuple(unit % parent_size for unit in range(child_size))


def share(index: Sequence[int]) -> list[float]:
    """How much of what a unit of the parent gave each of its copies gives, so that they add up to it.

    Copies give unequal shares, between two thirds and four thirds of the mean: with equal ones they would get equal
    gradients and stay copies for ever. What is new gives nothing.
    """
    counts = Counter(index)
    met: Counter[int] = Counter()
    shares = []
    for unit in index:
        count = counts[unit]
        weight = 1.0 if count == 1 else 2 / 3 * (1 + met[unit] / (count - 1))
        shares.append(0.0 if unit == NEW else weight / count)
        met[unit] += 1
    return shares


def covers(index: Index | None, parent_size: int | None) -> bool:
    """Whether no unit of the parent is missing."""
    return index is None or (parent_size is not None and set(range(parent_size)) <= set(index))


def is_even(index: Index | None, parent_size: int | None) -> bool:
    """Whether every unit of the parent is there equally often, so that means and variances over units are the same."""
    if index is None:
        return True
    return NEW not in index and covers(index, parent_size) and len(set(Counter(index).values())) == 1


def simplify(index: Index | None, parent_size: int | None) -> Index | None:
    """The index, or None if all units are the same, one by one."""
    if index is not None and parent_size is not None and index == tuple(range(parent_size)):
        return None
    return index
