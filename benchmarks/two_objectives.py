"""Fronts of accuracy and size, with early stopping, beside Optuna's NSGA-II.

Measured: searches over the table of digits networks that comes with retix (`retix.benchmark`), all of them trained
for real, from three seeds. The objectives are the validation accuracy, to be high, and the number of parameters, to be
low. Every search has the same budget: the epochs of `TRIALS` whole trainings. retix evolves its front
(`RegularizedEvolution`, whose tournaments are by non-dominated rank) and stops trials early by their rank among all
that got as far (`ASHA`). Optuna's ``NSGAIISampler`` is driven directly, as its users drive it: with its defaults, and
with smaller generations that suit the budget better. Optuna cannot prune trials that have several objectives. Random
search with and without `ASHA` stands beside them: so one sees what early stopping saves, and what evolution adds. The
settings of evolution and of `ASHA` were chosen with the seeds 0 to 29.

A search goes by what it sees: the accuracies of one training of each network. What it gives is the front of the
networks that it has trained to the end. That front is judged by what is true: the mean accuracy over all seeds.

Counted: the hypervolume of that front, as a share of that of the best possible front, the reference point being the
worst accuracy and the most parameters in the table; once with the number of parameters as it is, and once with its
logarithm, so that small networks count as much as large ones.

Aim: at least Optuna's, by both, in the median of 10 seeds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from benchmarks.report import Figures, Report
from retix.benchmark import Simulation, Table, load_table
from retix.benchmark.direct import DirectOptuna
from retix.objective import Objective, Objectives
from retix.pareto import front, hypervolume
from retix.stopping import ASHA, EarlyStopping
from retix.strategy import TPE, Random, RegularizedEvolution, Strategy
from retix.trial import Proposal

SEEDS = range(100, 110)
TRIALS = 100
SMALL_GENERATION = 20

AIM = "the hypervolume of retix is at least that of Optuna's NSGA-II in the median of 10 seeds, on both scales"


@dataclass(frozen=True, slots=True)
class Side:
    """One way to search.

    Attributes:
        make: Makes the strategy, given a seed.
        stop: Makes the rule of early stopping; None for none.
        repeats: Whether a network that is proposed twice is trained twice.
    """

    make: Callable[[int], Strategy]
    stop: Callable[[], EarlyStopping] | None = None
    repeats: bool = False


class SmallGenerations(DirectOptuna):
    """Optuna's ``NSGAIISampler`` with generations of another size."""

    def ask(self) -> Proposal:
        if self._study is None:
            sampler = self._optuna.samplers.NSGAIISampler(population_size=SMALL_GENERATION, seed=self.seed)
            directions = [objective.mode for objective in self.objectives]
            self._study = self._optuna.create_study(directions=directions, sampler=sampler)
        return super().ask()


def evolve(seed: int) -> Strategy:
    """Children of whoever is on the front of all that is known, one decision changed, each network once."""
    return RegularizedEvolution(
        population_size=200, sample_size=400, initial_size=20, mutation="untried", dedup=True, seed=seed
    )


def stop() -> EarlyStopping:
    """Compared after 3 and 6 of 12 epochs, half goes on each time."""
    return ASHA(max_steps=12, min_steps=3, reduction=2)


SIDES: Mapping[str, Side] = {
    "retix: evolution, ASHA": Side(evolve, stop),
    "Optuna's NSGA-II": Side(lambda seed: DirectOptuna("NSGAIISampler", seed), repeats=True),
    f"Optuna's NSGA-II, {SMALL_GENERATION} each": Side(
        lambda seed: SmallGenerations("NSGAIISampler", seed), repeats=True
    ),
    "retix: TPE, ASHA": Side(lambda seed: TPE(seed=seed), stop),
    "retix: evolution": Side(evolve),
    "retix: random, ASHA": Side(lambda seed: Random(seed=seed), stop),
    "retix: random": Side(lambda seed: Random(seed=seed)),
}


class Judge:
    """Says how good a front is, by what is true of its networks.

    Args:
        sizes: The number of parameters of each network, or its logarithm.
        quality: The true accuracy of each network.
    """

    def __init__(self, sizes: NDArray[numpy.float64], quality: NDArray[numpy.float64]) -> None:
        costs = numpy.stack([-quality, sizes], axis=1)
        low, high = costs.min(axis=0), costs.max(axis=0)
        # Each from 0 for the best to 1 for the worst, which is the reference.
        self._costs = (costs - low) / (high - low)
        self._best = self._measure(range(len(costs)))

    def share(self, rows: Iterable[int]) -> float:
        """The hypervolume of networks, as a share of that of all."""
        return self._measure(rows) / self._best

    def _measure(self, rows: Iterable[int]) -> float:
        return hypervolume(((float(self._costs[row, 0]), float(self._costs[row, 1])) for row in rows), (1.0, 1.0))


def run() -> Report:
    """Run the benchmark."""
    table = load_table()
    sizes = table.measures["parameters"]
    judges = {"parameters": Judge(sizes, table.quality), "log parameters": Judge(numpy.log(sizes), table.quality)}
    fronts = {name: [search(table, side, seed) for seed in SEEDS] for name, side in SIDES.items()}
    return Report(AIM, tuple(_describe(scale, judge, fronts) for scale, judge in judges.items()))


def search(table: Table, side: Side, seed: int) -> set[int]:
    """The front that a search gives: rows of networks that it has trained to the end."""
    aims = Objectives([Objective(), Objective("parameters", "minimize")])
    rule = None if side.stop is None else side.stop()
    simulation = Simulation(table, side.make(seed), seed, rule, aims, repeats=side.repeats)
    whole = [result for result in simulation.search(epochs=TRIALS * table.epochs).results if result.is_whole]
    return {result.row for result in front(whole, [aims.costs(result.metrics) for result in whole])}


def _describe(scale: str, judge: Judge, fronts: Mapping[str, Sequence[set[int]]]) -> Figures:
    shares = {name: [judge.share(rows) for rows in found] for name, found in fronts.items()}
    mine = next(iter(shares.values()))
    rows = {}
    for name, theirs in shares.items():
        wins = sum(own >= their for own, their in zip(mine, theirs, strict=True))
        behind = "" if theirs is mine else f"; retix at least as good in {wins} of {len(mine)}"
        rows[name] = f"{statistics.median(theirs):.2%} ({min(theirs):.2%} to {max(theirs):.2%}){behind}"
    return Figures(f"hypervolume over accuracy and {scale}, of the best possible; {TRIALS} trainings", rows)
