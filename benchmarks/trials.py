"""What a trial costs beside its training.

Measured: `RetiariiExperiment.run` over 200 trials with `Random`, whose evaluator returns at once and builds no model:
ask, build, digest, generate, record, send to a worker, run, record, tell. Two warm workers, a durable store, a space of
2,592 small networks with seven decisions. State: steady. The store says when each trial began and ended; counted is
from the moment when both workers have ended their first trial to the end of the last trial, over the trials that ended
in between. What it takes until the first trial starts is stated by itself.

Beside it, in the same rounds and on the same disk: Optuna with SQLite through its RDB storage and its random sampler,
200 trials in sequence with seven categorical parameters each, whose objective returns at once in Optuna's own process;
and a fresh process that imports what a trial needs and ends. All in wall time.

Aim: at most 10 ms per trial, and less than Optuna's with SQLite.
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

from benchmarks.report import Comparison, Parts, Report, Row, compare
from benchmarks.search_net import SearchNet, return_at_once
from benchmarks.stopwatch import watching
from benchmarks.timing import interleave
from retix import RetiariiExeConfig, RetiariiExperiment
from retix.evaluator import FunctionalEvaluator
from retix.space import Choice, Decision
from retix.strategy import Random
from retix.trial import Trial

TRIALS = 200
WORKERS = 2
ROUNDS = 3

AIM = "retix takes at most 10 ms per trial, and less than Optuna with SQLite"

_PARTS = {
    "ask": ("retix.strategy:Random.ask",),
    "build: mutate and verify": ("retix.mutation:MutationSpace.walk", "retix.mutation:MutationSpace.build"),
    "digest": ("retix.ir:Model.digest",),
    "generate": ("retix.experiment.search:generate",),
    "record in the store": ("retix.store:Store.update_trial", "retix.store:Store.trial_directory"),
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
        startups: From the first proposal to the start of the first trial, in seconds, of each search.
        in_worker: From a trial's start to its end in the worker, in seconds, the median of each search.
    """

    directory: Path
    startups: list[float] = field(default_factory=list)
    in_worker: list[float] = field(default_factory=list)

    def measure(self) -> float:
        """Seconds per trial of one search."""
        trials = _search(self.directory)
        steady = _find_steady(trials)
        self.startups.append(min(_started(trial) for trial in trials) - trials[0].created)
        self.in_worker.append(statistics.median(_ended(trial) - _started(trial) for trial in steady))
        return _time_per_trial(trials)

    def split(self) -> Parts:
        """Where the time of a trial goes in the driver, in one search of its own."""
        with watching(_PARTS, time.time) as stopwatch:
            trials = _search(self.directory)
        count = len(_find_steady(trials))
        spent = stopwatch.seconds(since=_find_warm(trials))
        seconds = {part: total / count for part, total in spent.items()}
        seconds["all else"] = _time_per_trial(trials) - sum(seconds.values())
        return Parts("one trial, in the driver", seconds)


def run() -> Report:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="retix-bench-") as name:
        directory = Path(name)
        searches = _Searches(directory)
        sizes = _read_sizes()
        sides = {
            "retix": searches.measure,
            "Optuna, SQLite": lambda: _time_optuna(directory, sizes),
            "a fresh process, imports only": _time_process,
        }
        times = interleave(sides, ROUNDS, warm_ups=0)  # each makes its own processes or database anyway
        parts = searches.split()
    others = Comparison(
        "retix, apart from that",
        (
            Row("start-up, until the first trial begins", tuple(searches.startups[-ROUNDS:])),
            Row("one trial in its worker", tuple(searches.in_worker[-ROUNDS:])),
        ),
    )
    return Report(AIM, (compare("per trial", times), others, parts))


def _search(directory: Path) -> list[Trial]:
    """Search with trials that return at once; what a user would see in the terminal goes nowhere."""
    experiment = _make_experiment()
    config = RetiariiExeConfig("local", max_trial_number=TRIALS, trial_concurrency=WORKERS)
    config.experiment_working_directory = directory
    with contextlib.redirect_stdout(io.StringIO()):
        experiment.run(config)
    return experiment.trials()


def _make_experiment() -> RetiariiExperiment:
    evaluator = FunctionalEvaluator(return_at_once)
    return RetiariiExperiment(SearchNet(), evaluator, [], Random(seed=1), example_inputs=torch.randn(2, 1, 8, 8))


def _find_warm(trials: list[Trial]) -> float:
    """When each worker had ended its first trial, in seconds since the epoch."""
    return max(_ended(trial) for trial in trials[:WORKERS])


def _find_steady(trials: list[Trial]) -> list[Trial]:
    """The trials that ended after that."""
    warm = _find_warm(trials)
    return [trial for trial in trials if _ended(trial) > warm]


def _time_per_trial(trials: list[Trial]) -> float:
    steady = _find_steady(trials)
    return (max(map(_ended, steady)) - _find_warm(trials)) / len(steady)


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

    _make_experiment().space.walk(pick)
    return sizes


def _time_optuna(directory: Path, sizes: Mapping[str, int]) -> float:
    import optuna  # the extra of that name; the other benchmarks run without it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = directory / f"optuna-{time.monotonic_ns()}.db"
    study = optuna.create_study(storage=f"sqlite:///{path}", sampler=optuna.samplers.RandomSampler(seed=1))

    def evaluate(trial: optuna.Trial) -> float:
        for label, size in sizes.items():
            trial.suggest_categorical(label, range(size))
        return 0.5

    begin = time.perf_counter()
    study.optimize(evaluate, n_trials=TRIALS)
    return (time.perf_counter() - begin) / TRIALS


def _time_process() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch, pytorch_lightning"], check=True)
    return time.perf_counter() - begin
