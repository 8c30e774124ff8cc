"""What it costs to ask a strategy that has a long history.

Each strategy makes 100,000 proposals in a space of 20 decisions with 4 answers each, and is told each result; then it
is asked 10,000 times more, and told each result. Measured: the CPU time of these last `ask` alone.

Aim: 1 ms per ask, for random, grid and evolution.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Mapping

from benchmarks.report import Figures, Report, format_seconds
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import GridSearch, LocalSearch, Random, RegularizedEvolution, Strategy
from retix.trial import Trial, TrialState

HISTORY = 100_000
ASKED = 10_000

AIM = f"{ASKED:,} asks with a history of {HISTORY:,} trials take at most 1 ms each, for random, grid and evolution"

STRATEGIES: Mapping[str, Callable[[], Strategy]] = {
    "Random": lambda: Random(seed=0),
    "Random(dedup=False)": lambda: Random(dedup=False, seed=0),
    "GridSearch": lambda: GridSearch(seed=0),
    "GridSearch(shuffle=False)": lambda: GridSearch(shuffle=False, seed=0),
    "RegularizedEvolution": lambda: RegularizedEvolution(cycles=2 * HISTORY, seed=0),
    "RegularizedEvolution(dedup=True)": lambda: RegularizedEvolution(cycles=2 * HISTORY, dedup=True, seed=0),
    "RegularizedEvolution(mutation='untried', dedup=True)": lambda: RegularizedEvolution(
        cycles=2 * HISTORY, mutation="untried", dedup=True, seed=0
    ),
    "LocalSearch": lambda: LocalSearch(seed=0),
}


def run(history: int = HISTORY, asked: int = ASKED) -> Report:
    """Run the benchmark."""
    values = {}
    for name, make in STRATEGIES.items():
        times = measure(make(), history, asked)
        slow = sorted(times)[int(0.99 * asked)]
        mean, median = format_seconds(statistics.mean(times)), format_seconds(statistics.median(times))
        values[name] = f"{mean}, median {median}, 99 % below {format_seconds(slow)}"
    return Report(AIM, (Figures(f"one of {asked:,} asks after {history:,} trials", values),))


def measure(strategy: Strategy, history: int, asked: int) -> list[float]:
    """The seconds that each of the last ``asked`` asks took."""
    strategy.start(DecisionSpace(Decision(f"d{i}", (0, 1, 2, 3)) for i in range(20)))
    times = []
    for number in range(1, history + asked + 1):
        begin = time.thread_time()
        proposal = strategy.ask()
        times.append(time.thread_time() - begin)
        assert proposal is not None
        metrics = {"default": rate(proposal.sample)}
        strategy.tell(Trial(number, proposal.sample, TrialState.SUCCEEDED, metrics, parent=proposal.parent))
    return times[-asked:]


def rate(sample: Sample) -> float:
    """A metric that can be climbed, and has several summits."""
    answers = [sample[f"d{i}"] for i in range(20)]
    return float(sum((5 * a + 3 * b) % 7 for a, b in itertools.pairwise(answers)))
