"""What the driver's memory does over a long search.

Measured: the resident set of the driver's process over 10,000 trials that return at once, two warm workers, a durable
store, random search without repetition over 16,384 networks. The search runs in a process of its own; its memory and
the number of its trials are looked at from outside, every tenth of a second. The first 2,000 trials are the warm-up: by
then every module is loaded, and every arena of the allocator has been used.

What must grow is one entry for each network in the strategy and in the search, so that no network is tried twice. It is
the slope of a line through the looks after the warm-up, and printed in bytes per trial.

Aim: after the warm-up, the resident set stays within 20 MB of what it was.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from benchmarks.report import Figures, Report
from benchmarks.search_net import return_at_once
from benchmarks.wide_net import WideNet
from retix import RetiariiExeConfig, RetiariiExperiment
from retix.errors import StoreError
from retix.evaluator import FunctionalEvaluator
from retix.store import StoreReader, list_ids
from retix.strategy import Random

TRIALS = 10_000
WARM_UP = 2_000
WORKERS = 2

AIM = f"over {TRIALS:,} trials, the driver's memory stays within 20 MB of what it was after {WARM_UP:,}"

_MB = 1e6
_POINTS = (WARM_UP, 4_000, 6_000, 8_000, TRIALS)
_INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the driver.

    Attributes:
        trials: How many trials there were.
        memory: Its resident set, in bytes.
    """

    trials: int
    memory: int


def run() -> Report:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="retix-bench-") as name:
        begin = time.perf_counter()
        looks = watch_search(Path(name))
        seconds = time.perf_counter() - begin
    return Report(AIM, (describe(looks, seconds),))


def watch_search(root: Path) -> list[Look]:
    """Run the search in a process of its own, and look at it until it ends.

    Raises:
        RuntimeError: It failed.
    """
    command = [sys.executable, "-c", f"from benchmarks.memory import search; search({str(root)!r})"]
    looks = []
    with subprocess.Popen(command) as driver:
        process = psutil.Process(driver.pid)
        while driver.poll() is None:
            trials = _count_trials(root)
            with contextlib.suppress(psutil.Error):
                memory = process.memory_info().rss
                if memory:  # none is left while it ends
                    looks.append(Look(trials, memory))
            time.sleep(_INTERVAL)
    if driver.returncode != 0:
        raise RuntimeError(f"the search ended with {driver.returncode}")
    return looks


def search(root: str) -> None:
    """Search; what a user would see in the terminal goes nowhere."""
    torch.set_num_threads(1)
    evaluator = FunctionalEvaluator(return_at_once)
    experiment = RetiariiExperiment(WideNet(), evaluator, [], Random(seed=1), example_inputs=torch.randn(2, 2))
    config = RetiariiExeConfig("local", max_trial_number=TRIALS, trial_concurrency=WORKERS)
    config.experiment_working_directory = Path(root)
    with contextlib.redirect_stdout(io.StringIO()):
        experiment.run(config)


def describe(looks: list[Look], seconds: float) -> Figures:
    """What the looks say."""
    after = [look for look in looks if look.trials >= WARM_UP]
    slope = statistics.linear_regression([look.trials for look in after], [look.memory for look in after]).slope
    start = after[0].memory
    values = {f"at {_at(looks, count).trials:,} trials": _in_mb(_at(looks, count).memory) for count in _POINTS}
    values["least and most after the warm-up"] = (
        f"{(min(look.memory for look in after) - start) / _MB:+.1f} to "
        f"{(max(look.memory for look in after) - start) / _MB:+.1f} MB"
    )
    values["growth"] = f"{slope:,.0f} bytes per trial"
    values["wall time"] = f"{seconds:,.0f} s, {seconds / TRIALS * 1e3:.2f} ms per trial with start-up"
    return Figures("resident set of the driver", values)


def _at(looks: list[Look], trials: int) -> Look:
    return next((look for look in looks if look.trials >= trials), looks[-1])


def _in_mb(size: int) -> str:
    return f"{size / _MB:,.1f} MB"


def _count_trials(root: Path) -> int:
    for id in list_ids(root):
        with contextlib.suppress(StoreError):
            newest = StoreReader(root / id).trials(limit=1, order="newest")
            return newest[0].id if newest else 0
    return 0
