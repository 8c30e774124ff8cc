"""Strategies compared: the same table, the same seeds."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from functools import cache

from retix.benchmark.contestants import CONTESTANTS
from retix.benchmark.simulation import Run, Simulation
from retix.benchmark.standing import CHECKPOINTS, Standing
from retix.benchmark.table import Table, load_table
from retix.errors import ConfigError


def compare(names: Sequence[str], seeds: int = 50, trials: int = 150, processes: int = 1) -> Iterator[Standing]:
    """Search the table of digits with each strategy, once per seed; yields one standing after the other.

    Args:
        names: Of `CONTESTANTS`.
        seeds: How many searches of each, with the seeds 0, 1, ...
        trials: The budget of each search, in whole trainings.
        processes: How many searches are run at a time.

    Raises:
        ConfigError: There is no such strategy, or a number is below 1.
    """
    unknown = [name for name in names if name not in CONTESTANTS]
    if unknown:
        raise ConfigError(f"there is no strategy {unknown[0]!r}", fix=f"choose among {', '.join(CONTESTANTS)}")
    for what, number in (("seeds", seeds), ("trials", trials), ("processes", processes)):
        if number < 1:
            raise ConfigError(f"{what} is {number}", fix="choose 1 or more")
    tasks = [(name, seed, trials) for name in names for seed in range(seeds)]
    if processes == 1:
        yield from _stand(names, seeds, map(_search, tasks))
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from _stand(names, seeds, pool.imap(_search, tasks))


def _stand(names: Sequence[str], seeds: int, found: Iterator[_Found]) -> Iterator[Standing]:
    for name in names:
        searches = [next(found) for _ in range(seeds)]
        columns = zip(*searches, strict=True)
        reached_trials, reached_epochs, regrets, seconds = columns
        yield Standing(name, reached_trials, reached_epochs, regrets, sum(seconds) / seeds)


_Found = tuple[float, float, tuple[float, ...], float]


@cache
def _table() -> Table:
    # Once per process; it is never changed.
    return load_table()


def _search(task: tuple[str, int, int]) -> _Found:
    """Run one search: trials and epochs to the goal, regrets, and seconds."""
    name, seed, trials = task
    table, contestant = _table(), CONTESTANTS[name]
    rule = None if contestant.stop is None else contestant.stop()
    begin = time.perf_counter()
    simulation = Simulation(table, contestant.make(seed), seed, rule, repeats=contestant.repeats)
    run = simulation.search(epochs=trials * table.epochs)
    seconds = time.perf_counter() - begin
    goal = table.top()
    hit = next((result for result in run.results if result.is_whole and result.row in goal), None)
    reached = (math.inf, math.inf) if hit is None else (hit.trials, hit.epochs)
    budgets = [budget for budget in CHECKPOINTS if budget <= trials]
    return *reached, tuple(find_regret(table, run, budget * table.epochs) for budget in budgets), seconds


def find_regret(table: Table, run: Run, epochs: int) -> float:
    """By how much the network that seems best after so many epochs is below the best one; NaN before there is any."""
    whole = [result for result in run.results if result.is_whole and result.epochs <= epochs]
    if not whole:
        return math.nan
    quality = table.quality
    seen = max(whole, key=lambda result: result.metrics["default"])
    return float(quality.max() - quality[seen.row])
