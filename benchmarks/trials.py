"""What a trial costs beside its training.

Measured: `RetiariiExperiment.run` over 200 and 2,000 trials with `Random`, whose evaluator returns at once and builds
no model: ask, build, digest, generate, record, send to a worker, run, record, tell. Two warm workers, a durable store,
a space of 6,656 small networks with seven decisions. State: steady. The store says when each trial began and ended;
counted is from the moment when both workers have ended their first trial to the end of the last trial, over the trials
that ended in between. What it takes until the first trials have ended is stated by itself. The same on a cluster of Ray
of its own on this machine, in a process of its own.

Beside it, in the same rounds and on the same disk: Optuna with SQLite through its RDB storage and its random sampler,
as many trials in sequence with seven categorical parameters each, whose objective returns at once in Optuna's own
process; Ray Tune with random search over seven choices, 12 trials with an actor each and 40 with actors reused, two at
a time, on a cluster of its own, likewise from the end of the first two; and a fresh process that imports what a trial
needs and ends. All in wall time.

Aim: at most 5 ms per trial on this machine, and less than Optuna's with SQLite; at most 10 ms on Ray.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.ray import WORKERS, Timing, measure
from benchmarks.report import Comparison, Parts, Report, Row, compare
from benchmarks.search_net import SearchNet, return_at_once
from benchmarks.stopwatch import watching
from benchmarks.timing import Measure, interleave
from retix import RetiariiExeConfig, RetiariiExperiment
from retix.evaluator import FunctionalEvaluator
from retix.space import Choice, Decision
from retix.strategy import Random
from retix.trial import Trial

TRIALS = 200
MANY_TRIALS = 2_000
ROUNDS = 3
TUNE_TRIALS = {"tune": 12, "tune, actors reused": 40}

AIM = "retix takes at most 5 ms per trial and less than Optuna with SQLite; at most 10 ms on Ray"

_PARTS = {
    "ask": ("retix.strategy:Random.ask",),
    "build: mutate and verify": ("retix.mutation:MutationSpace.walk", "retix.mutation:MutationSpace.build"),
    "digest": ("retix.ir:Model.digest",),
    "generate": ("retix.model_space:ModelSpace.source",),
    "record in the store": ("retix.store:Store.update_trial", "retix.store:Store.add_step"),
    "wait for the disk": ("retix.store:Store._execute", "retix.store:Store.trial_directory"),
    "submit": ("retix.execution:LocalEngine.submit",),
    "tell": ("retix.strategy:Random.tell",),
    "show progress": ("retix.experiment.progress:Progress.trial_changed",),
    "wait for the workers": ("retix.execution:LocalEngine.events",),
}


@dataclass(slots=True)
class _Searches:
    """Runs searches and keeps what they found besides the time per trial.

    Attributes:
        directory: Where the experiments go.
        startups: Seconds until the first trials have ended, of each search, by side.
        in_worker: From a trial's start to its end in the worker, in seconds, the median of each search.
    """

    directory: Path
    startups: dict[str, list[float]] = field(default_factory=dict)
    in_worker: list[float] = field(default_factory=list)

    def measure(self, count: int) -> float:
        """Seconds per trial of one search."""
        begin = time.time()
        trials = _search(self.directory, count)
        self.in_worker.append(statistics.median(_ended(trial) - _started(trial) for trial in _find_steady(trials)))
        return self._note("retix", find_timing(trials, begin))

    def measure_on_ray(self, side: str, count: int) -> float:
        """Seconds per trial of one search on Ray."""
        directory = self.directory / f"ray-{time.monotonic_ns()}"
        return self._note(f"{side}, on Ray", measure(side, count, directory))

    def split(self) -> Parts:
        """Where the time of a trial goes in the driver, in one search of its own."""
        with watching(_PARTS, time.time) as stopwatch:
            trials = _search(self.directory, TRIALS)
        count = len(_find_steady(trials))
        spent = stopwatch.seconds(since=_find_warm(trials))
        seconds = {part: total / count for part, total in spent.items()}
        seconds["all else"] = find_timing(trials, 0.0).per_trial - sum(seconds.values())
        return Parts("one trial, in the driver", seconds)

    def _note(self, side: str, timing: Timing) -> float:
        self.startups.setdefault(side, []).append(timing.startup)
        return timing.per_trial


def run() -> Report:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="retix-bench-") as name:
        directory = Path(name)
        searches = _Searches(directory)
        sizes = _read_sizes()
        few: dict[str, Measure] = {
            "retix": lambda: searches.measure(TRIALS),
            "retix, on Ray": lambda: searches.measure_on_ray("retix", TRIALS),
            "Optuna, SQLite": lambda: _time_optuna(directory, sizes, TRIALS),
            "Ray Tune": lambda: searches.measure_on_ray("tune", TUNE_TRIALS["tune"]),
            "Ray Tune, actors reused": lambda: searches.measure_on_ray(
                "tune, actors reused", TUNE_TRIALS["tune, actors reused"]
            ),
            "a fresh process, imports only": _time_process,
        }
        many: dict[str, Measure] = {
            "retix": lambda: searches.measure(MANY_TRIALS),
            "retix, on Ray": lambda: searches.measure_on_ray("retix", MANY_TRIALS),
            "Optuna, SQLite": lambda: _time_optuna(directory, sizes, MANY_TRIALS),
        }
        # They make their own processes or databases each time anyway.
        tables = [
            compare(f"per trial, of {TRIALS}", interleave(few, ROUNDS, warm_ups=0)),
            compare(f"per trial, of {MANY_TRIALS:,}", interleave(many, 1, warm_ups=0)),
        ]
        parts = searches.split()
    rows = [Row(f"{side}: until two trials have ended", tuple(times)) for side, times in searches.startups.items()]
    rows.append(Row("retix: one trial in its worker", tuple(searches.in_worker)))
    return Report(AIM, (*tables, Comparison("apart from that", tuple(rows)), parts))


def make_config(directory: Path, count: int, platform: str = "local") -> RetiariiExeConfig:
    """The settings of a search."""
    config = RetiariiExeConfig(platform, max_trial_number=count, trial_concurrency=WORKERS)
    config.experiment_working_directory = directory
    return config


def make_experiment() -> RetiariiExperiment:
    """A search whose trials return at once."""
    evaluator = FunctionalEvaluator(return_at_once)
    return RetiariiExperiment(SearchNet(), evaluator, [], Random(seed=1), example_inputs=torch.randn(2, 1, 8, 8))


def find_timing(trials: list[Trial], begin: float) -> Timing:
    """What a search took that began at ``begin``, in seconds since the epoch."""
    steady, warm = _find_steady(trials), _find_warm(trials)
    return Timing(warm - begin, (max(map(_ended, steady)) - warm) / len(steady))


def _search(directory: Path, count: int) -> list[Trial]:
    """Search with trials that return at once; what a user would see in the terminal goes nowhere."""
    experiment = make_experiment()
    with contextlib.redirect_stdout(io.StringIO()):
        experiment.run(make_config(directory, count))
    return experiment.trials()


def _find_warm(trials: list[Trial]) -> float:
    """When each worker had ended its first trial, in seconds since the epoch."""
    return max(_ended(trial) for trial in trials[:WORKERS])


def _find_steady(trials: list[Trial]) -> list[Trial]:
    """The trials that ended after that."""
    warm = _find_warm(trials)
    return [trial for trial in trials if _ended(trial) > warm]


def _started(trial: Trial) -> float:
    assert trial.started is not None, f"trial {trial.id} never started"
    return trial.started


def _ended(trial: Trial) -> float:
    assert trial.ended is not None, f"trial {trial.id} never ended"
    return trial.ended


def _read_sizes() -> dict[str, int]:
    """The number of answers to each decision of the space, by label."""
    sizes: dict[str, int] = {}

    def pick(decision: Decision) -> Choice:
        sizes[decision.label] = decision.size
        return next(iter(decision.options()))

    make_experiment().space.walk(pick)
    return sizes


def _time_optuna(directory: Path, sizes: Mapping[str, int], count: int) -> float:
    import optuna  # the extra of that name; the other benchmarks run without it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = directory / f"optuna-{time.monotonic_ns()}.db"
    study = optuna.create_study(storage=f"sqlite:///{path}", sampler=optuna.samplers.RandomSampler(seed=1))

    def evaluate(trial: optuna.Trial) -> float:
        for label, size in sizes.items():
            trial.suggest_categorical(label, range(size))
        return 0.5

    begin = time.perf_counter()
    study.optimize(evaluate, n_trials=count)
    return (time.perf_counter() - begin) / count


def _time_process() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch, pytorch_lightning"], check=True)
    return time.perf_counter() - begin
