"""A choice among the numbers of a range."""

from __future__ import annotations

import math
from typing import TypeAlias

from retix.caller import find_caller
from retix.errors import SpaceError
from retix.nn.pytorch.value_choice import ValueChoice

Number: TypeAlias = int | float

_POINTS = {False: 11, True: 16}
"""How many numbers stand for a range of floats, by whether it is geometric: tenths of it; five to a decade of three."""

_MOST = 10_000
_DIGITS = 6


class ValueRange(ValueChoice):
    """A number between two others: a `ValueChoice` whose candidates are evenly spaced, or grow by a constant factor.

    It is a finite choice like any other, so that every strategy, a grid included, and every place that takes a
    `ValueChoice` takes it. ``ValueRange(1e-4, 1e-1, log=True)`` are 16 learning rates, five to a decade. Floats are
    rounded to six significant digits, apart from the two ends. If ``low`` and ``high``, and ``step`` where there is
    one, are ints, so are all candidates.

    Args:
        low: The smallest candidate, which the base model is made with.
        high: The largest candidate; with ``step`` the largest is the last that is no larger.
        step: The distance of candidates. For ints that are not ``log``, it is 1 unless ``points`` is given.
        log: Whether candidates grow by a factor, as suits learning rates, weight decays and widths. Of ints, those
            that come out equal when rounded are taken once.
        points: How many candidates there are, both ends included; by default 11, or 16 if ``log``.
        label: Choices of one label are made together; by default the place where the value is first used.

    Raises:
        SpaceError: The range is empty or not finite, holds more than 10,000 candidates, ``log`` begins at or below 0,
            or both ``step`` and ``points`` are given.
    """

    __slots__ = ()

    def __init__(
        self,
        low: Number,
        high: Number,
        *,
        step: Number | None = None,
        log: bool = False,
        points: int | None = None,
        label: str | None = None,
    ) -> None:
        candidates = list_numbers(low, high, step=step, log=log, points=points)
        super().__init__(candidates, label=label)


def list_numbers(
    low: Number, high: Number, *, step: Number | None = None, log: bool = False, points: int | None = None
) -> list[Number]:
    """The candidates of a `ValueRange`, in rising order.

    Raises:
        SpaceError: See `ValueRange`.
    """
    _check_ends(low, high, log)
    whole = type(low) is int and type(high) is int
    if step is not None or (whole and not log and points is None):
        return _count_up(low, high, _check_step(low, high, 1 if step is None else step, log, points))
    count = _check_points(low, high, whole, points)
    many = _POINTS[log] if count is None else count
    shares = (index / (many - 1) for index in range(1, many - 1))
    between = [low * (high / low) ** share if log else low + (high - low) * share for share in shares]
    if whole:
        return sorted({low, *(min(max(round(number), low), high) for number in between), high})
    return _without_repetitions([float(low), *map(_round, between), float(high)], low, high)


def _count_up(low: Number, high: Number, step: Number) -> list[Number]:
    if type(low) is type(step) is int:
        return list(range(low, math.floor(high) + 1, step))
    # A hair more than `high`, as 0.1 + 2 * 0.1 is a hair more than 0.3.
    count = math.floor((high - low) / step * (1 + 1e-9)) + 1
    numbers = [float(low), *(_round(low + index * step) for index in range(1, count))]
    return _without_repetitions([min(number, float(high)) for number in numbers], low, high)


def _round(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def _without_repetitions(numbers: list[float], low: Number, high: Number) -> list[Number]:
    if len(set(numbers)) < len(numbers):
        raise _refuse(
            f"the numbers between {low!r} and {high!r} are too close to tell them apart",
            why=f"candidates are rounded to {_DIGITS} digits, so that samples can be read",
            fix="make the range wider, or its steps, or vary the distance to low instead",
        )
    return list(numbers)


def _check_ends(low: Number, high: Number, log: bool) -> None:
    for number in (low, high):
        if type(number) not in (int, float) or not math.isfinite(number):
            raise _refuse(f"ValueRange({low!r}, {high!r}): {number!r} is no finite number", fix="give ints or floats")
    if low >= high:
        raise _refuse(
            f"ValueRange({low!r}, {high!r}) holds nothing to choose from",
            fix="give the smaller number first, or write the value instead of a range",
        )
    if log and low <= 0:
        raise _refuse(
            f"ValueRange({low!r}, {high!r}, log=True) begins at {low!r}",
            why="no factor leads from there to larger numbers",
            fix="begin above 0; to have 0 as well, write ValueChoice([0.0, ...])",
        )


def _check_step(low: Number, high: Number, step: Number, log: bool, points: int | None) -> Number:
    if log or points is not None:
        raise _refuse(
            f"ValueRange({low!r}, {high!r}) is given a step and {'log' if log else 'points'}",
            why="each of them says where the candidates are",
            fix="leave step out" if log else "give one of them",
        )
    if type(step) not in (int, float) or not 0 < step <= high - low:
        raise _refuse(
            f"the step of ValueRange({low!r}, {high!r}) is {step!r}",
            fix=f"give a number above 0 and at most {high - low!r}",
        )
    if (high - low) / step >= _MOST:
        raise _refuse(
            f"ValueRange({low!r}, {high!r}, step={step!r}) has more than {_MOST:,} candidates",
            fix="give a larger step, or points=",
        )
    return step


def _check_points(low: Number, high: Number, whole: bool, points: int | None) -> int | None:
    if points is None:
        return None
    if type(points) is not int or not 2 <= points <= _MOST:
        raise _refuse(
            f"the points of ValueRange({low!r}, {high!r}) are {points!r}", fix=f"give an int from 2 to {_MOST:,}"
        )
    if whole and points > high - low + 1:
        raise _refuse(
            f"there are {high - low + 1} whole numbers from {low!r} to {high!r}, and {points} points are wanted",
            fix=f"for numbers in between, write {float(low)!r} and {float(high)!r}",
        )
    return points


def _refuse(what: str, *, why: str | None = None, fix: str) -> SpaceError:
    return SpaceError(what, where=find_caller(), why=why, fix=fix)
