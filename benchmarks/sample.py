"""What a network of a space costs, from the draw to its source.

Measured: all that happens to a sample before it is trained, on one core, in CPU time: every decision drawn at random,
the graph of the network put together and verified, and its source written. First for a small net with 24 nodes and six
decisions of 368,640 samples, hardly any of which is drawn twice; then for DARTS of 5 to 80 cells: how the time grows
with the number of nodes of the networks drawn. State: steady; a quarter as many samples were drawn before. What comes
later differs from all of them in numbers, and often in structure: the small net has 60 structures, DARTS more than are
ever drawn.

Beside it, in processes that alternate, NNI 2.10.1 with the same class made of its own layers: its mutators, each with a
sampler that draws at random, applied one after the other, and its script written. It verifies nothing, and what it
writes imports NNI and calls variables after nodes. NNI needs an environment of its own, whose Python is given in an
environment variable, ``RETIX_BENCH_NNI=/path/to/python``; without it, our side is measured alone. Beside it also retix
with a new `Generator` for each sample, which knows nothing of how graphs of the same structure were written before.

Aim: half of NNI's time; 20 networks of 20 cells in a second, and time that grows no faster than the number of nodes.
"""

from __future__ import annotations

import gc
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.darts import Darts
from benchmarks.report import Comparison, Growth, Report, Row, compare
from benchmarks.timing import Measure, interleave
from retix.codegen import Generator
from retix.converter import convert
from retix.mutation import MutationSpace

AIM = "half of NNI's time; DARTS of 20 cells in 50 ms, and no faster growth than that of nodes: exponent at most 1.1"

ROUNDS = 5
DARTS_ROUNDS = 3
SAMPLES = 1000
CELLS = (5, 10, 20, 40, 80)
NETWORKS = 10
"""How many networks of DARTS are drawn for one figure."""

NNI = "RETIX_BENCH_NNI"
"""The environment variable with the path of a Python that has NNI."""


def run() -> Report:
    """Run the benchmark."""
    sides = {
        "retix": _measure_process(sys.executable, "benchmarks.sample_retix"),
        "retix, a new Generator each time": _measure_process(sys.executable, "benchmarks.sample_retix", "fresh"),
    }
    nni = os.environ.get(NNI)
    if nni is not None:
        sides["NNI 2.10.1"] = _measure_process(nni, "benchmarks.sample_nni")
    small = compare("a net of 24 nodes and 6 decisions", interleave(sides, ROUNDS, warm_ups=0))
    spaces = {cells: _Space(cells) for cells in CELLS}
    found = interleave({str(cells): space.measure for cells, space in spaces.items()}, DARTS_ROUNDS)
    seconds = tuple(statistics.median(found[str(cells)]) for cells in CELLS)
    sizes = tuple(round(statistics.mean(space.nodes)) for space in spaces.values())
    rows = tuple(Row(f"{cells} cells", found[str(cells)]) for cells in CELLS)
    growth = Growth("DARTS, per node of the networks drawn", sizes, {"draw, build, verify, generate": seconds})
    return Report(AIM, (small, Comparison("DARTS, per network", rows), growth))


def _measure_process(python: str, module: str, *more: str) -> Measure:
    """A measure of the seconds per sample, in a process of its own."""

    def measure() -> float:
        command = [python, "-W", "ignore", "-m", module, str(SAMPLES), *more]
        root = Path(__file__).parent.parent
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
        seconds, different = json.loads(done.stdout.splitlines()[-1])
        assert different > 0.99 * SAMPLES, f"{module} drew only {different} different samples"
        return float(seconds)

    return measure


class _Space:
    """Draws networks of DARTS.

    Attributes:
        nodes: The nodes of each network drawn, in all of its graphs.
    """

    def __init__(self, cells: int) -> None:
        self._space = MutationSpace(convert(Darts(cells), frontend="fx"))
        self._generator, self._rng = Generator(), random.Random(0)
        self.nodes: list[int] = []

    def measure(self) -> float:
        """Seconds of CPU time per network."""
        gc.collect()
        spent = 0.0
        for _ in range(NETWORKS):
            begin = time.process_time()
            drawn = self._space.walk(lambda decision: decision.draw(self._rng))
            network = self._space.build(drawn)
            self._generator.generate(network)
            spent += time.process_time() - begin
            self.nodes.append(sum(len(graph) for graph in network.graphs.values()))
        return spent / NETWORKS
