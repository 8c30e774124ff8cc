"""Times, taken in turn: on a machine that others use, only ratios of neighbouring measurements mean anything."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

Measure: TypeAlias = Callable[[], float]
"""Does a piece of work once and returns what it took, in seconds."""

Times: TypeAlias = tuple[float, ...]
"""What the rounds of one side took, in seconds, in order."""


def time_calls(function: Callable[[], object], count: int = 1) -> Measure:
    """A measure of the mean time of ``count`` calls in a row, in seconds of CPU time per call.

    CPU time, because what else runs on the machine counts for less there; it suits work in this process, on one thread.
    The garbage collector runs before the calls, so that none pays for what another side left behind, and stays on
    during them, as it does for users.
    """

    def measure() -> float:
        gc.collect()
        begin = time.process_time()
        for _ in range(count):
            function()
        return (time.process_time() - begin) / count

    return measure


def interleave(sides: Mapping[str, Measure], rounds: int, warm_ups: int = 1) -> dict[str, Times]:
    """Measure all sides once in each round; every other round begins with the last side.

    Args:
        sides: What to measure, by name.
        rounds: How often each is measured.
        warm_ups: How many rounds go before, whose times are dropped.

    Returns:
        The seconds of each side by name, one for each round.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-warm_ups, rounds):
        for name in sides if number % 2 == 0 else reversed(tuple(sides)):
            seconds = sides[name]()
            if number >= 0:
                found[name].append(seconds)
    return {name: tuple(times) for name, times in found.items()}
