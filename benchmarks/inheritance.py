"""What a search saves whose children start from their parents' weights.

Measured: regularized evolution over the networks of `benchmarks.digits_net` on scikit-learn's digits, twice with each
of five seeds, by `RetiariiExperiment` on two workers, in deterministic order. Every trial of either side is trained for
the same `STEPS`, with the same constant learning rate; on one side every network starts from random weights, on the
other, ``RegularizedEvolution(inherit_weights=True)``, children start from their parents'. Nothing else differs: same
space, seeds, batches, population, budget. The length is such that one trial alone does not train a network to its end,
as is usual in a search: what a line of parents has learned adds up. Where a schedule is tuned so that a network
converges within one trial, little or nothing is saved, and a rate that is high anew in each trial undoes what was
inherited.

Counted: the training steps of all trials, failed ones in full, in the order of trials, until the best accuracy so far
reached a goal. Networks that were trained before cost nothing on either side. There are two goals. For each seed: the
best accuracy that the search without inheritance reaches with all of its steps; this is the figure of that seed. For
all seeds: the median of those; it takes out the luck of single networks, and what is compared is the median of steps
over the seeds. Where a goal is never reached, that is said, and counts as infinite.

The accuracy that a search goes by is that of one fifth of the images. Since it is the best of many, the accuracy of the
same network on another fifth, which no search saw, stands beside it.

Aim: by both ways to look at it, at most half of the steps.
"""

from __future__ import annotations

import contextlib
import io
import math
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch

from benchmarks.digits_net import DigitsNet, train
from benchmarks.report import Figures, Report
from retix import RetiariiExeConfig, RetiariiExperiment
from retix.evaluator import FunctionalEvaluator
from retix.strategy import RegularizedEvolution
from retix.trial import Trial, TrialState

SEEDS = range(5)
STEPS = 120
BATCH = 32
POPULATION = 5
TRIALS = 40
WORKERS = 2

AIM = "with inheritance, the same accuracy takes at most half of the training steps, over 5 seeds"


@dataclass(frozen=True, slots=True)
class Course:
    """How a search went.

    Attributes:
        steps: How many training steps it had cost when each trial had ended.
        best: The best accuracy until then.
        unseen: The accuracy of that best network on images that the search never saw.
    """

    steps: tuple[int, ...]
    best: tuple[float, ...]
    unseen: tuple[float, ...]

    def find_cost(self, goal: float) -> float:
        """The steps until the goal was reached; infinite if it never was."""
        reached = (step for step, best in zip(self.steps, self.best, strict=True) if best >= goal)
        return next(reached, math.inf)


def run() -> Report:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="retix-bench-") as name:
        pairs = [run_pair(Path(name), seed) for seed in SEEDS]
    return report(pairs)


def report(pairs: Sequence[tuple[Course, Course]]) -> Report:
    """What came out: of each seed, the search without inheritance and the one with it."""
    ratios = [compare(fresh, heir) for fresh, heir in pairs]
    rows = {f"seed {seed}": describe(*pair) for seed, pair in zip(SEEDS, pairs, strict=False)}
    rows["median"] = f"{statistics.median(ratios):.2f} of the steps"
    goal = statistics.median(fresh.best[-1] for fresh, _ in pairs)
    costs = [statistics.median(course.find_cost(goal) for course in side) for side in zip(*pairs, strict=True)]
    rows[f"all to {goal:.2%}"] = (
        f"{costs[0]:,.0f} steps without, {costs[1]:,.0f} with (medians of the seeds): {costs[1] / costs[0]:.2f}"
    )
    return Report(AIM, (Figures("steps until the same accuracy", rows),))


def run_pair(directory: Path, seed: int) -> tuple[Course, Course]:
    """Search without inheritance and with it."""
    return _search(directory, seed, inherit=False), _search(directory, seed, inherit=True)


def _search(directory: Path, seed: int, *, inherit: bool) -> Course:
    """Search; what a user would see in the terminal goes nowhere."""
    evaluator = FunctionalEvaluator(train, steps=STEPS, batch=BATCH)
    strategy = RegularizedEvolution(
        population_size=POPULATION, sample_size=4, mutation_prob=0, seed=seed, inherit_weights=inherit
    )
    experiment = RetiariiExperiment(DigitsNet(), evaluator, [], strategy, example_inputs=torch.randn(2, 1, 10, 10))
    config = RetiariiExeConfig("local", max_trial_number=TRIALS, trial_concurrency=WORKERS)
    config.experiment_working_directory = directory
    config.deterministic = True
    config.keep_weights = 0
    with contextlib.redirect_stdout(io.StringIO()):
        experiment.run(config)
    return follow(experiment.trials(), STEPS)


def follow(trials: Sequence[Trial], steps: int) -> Course:
    """How a search went whose trials cost ``steps`` each."""
    ran = [trial for trial in trials if trial.state is not TrialState.DUPLICATE]
    leaders = list(accumulate(ran, _choose))
    return Course(
        tuple(steps * count for count in range(1, len(ran) + 1)),
        tuple(trial.metrics.get("default", 0.0) for trial in leaders),
        tuple(trial.metrics.get("unseen", 0.0) for trial in leaders),
    )


def _choose(first: Trial, second: Trial) -> Trial:
    return second if second.metrics.get("default", 0.0) > first.metrics.get("default", 0.0) else first


def compare(fresh: Course, heir: Course) -> float:
    """The steps with inheritance as a share of those without, to the best accuracy without."""
    goal = fresh.best[-1]
    return heir.find_cost(goal) / fresh.find_cost(goal)


def describe(fresh: Course, heir: Course) -> str:
    """The figures of one seed in a line."""
    goal = fresh.best[-1]
    cost = heir.find_cost(goal)
    reached = "never" if math.isinf(cost) else f"{cost:,.0f} steps"
    return (
        f"{goal:.2%} after {fresh.find_cost(goal):,.0f} steps without, {reached} with: {compare(fresh, heir):.2f}; "
        f"on unseen images {fresh.unseen[-1]:.2%}; after all {TRIALS * STEPS:,} steps with: "
        f"{heir.best[-1]:.2%}, on unseen images {heir.unseen[-1]:.2%}"
    )
