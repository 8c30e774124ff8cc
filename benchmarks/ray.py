"""Trials on Ray: of retix, and of Ray Tune; each run in a process of its own, with a cluster of its own.

``python -m benchmarks.ray SIDE TRIALS DIRECTORY`` runs one side and prints what it found as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WORKERS = 2

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass(frozen=True, slots=True)
class Timing:
    """What a run took.

    Attributes:
        startup: Seconds from the start of the search, modules imported, until as many trials as there are workers have
            ended.
        per_trial: Seconds per trial after that.
    """

    startup: float
    per_trial: float


def measure(side: str, trials: int, directory: Path) -> Timing:
    """Run one side in a process of its own.

    Args:
        side: ``retix``, ``tune`` or ``tune, actors reused``.
        trials: How many trials.
        directory: Where their records go.

    Raises:
        RuntimeError: The process failed.
    """
    command = [sys.executable, "-m", "benchmarks.ray", side, str(trials), str(directory)]
    done = subprocess.run(command, env={**os.environ, **_QUIET}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{side} on Ray ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return Timing(**json.loads(done.stdout.splitlines()[-1]))


def run_retix(trials: int, directory: Path) -> Timing:
    """Trials that return at once, by the engine for Ray."""
    from benchmarks.trials import find_timing, make_config, make_experiment

    experiment = make_experiment()
    begin = time.time()
    with contextlib.redirect_stdout(io.StringIO()):
        experiment.run(make_config(directory, trials, "ray"))
    return find_timing(experiment.trials(), begin)


def run_tune(trials: int, directory: Path, reuse: bool) -> Timing:
    """Trials that return at once, by Ray Tune with its random search over seven choices."""
    import ray
    from ray import tune

    ends: list[float] = []

    class Clock(tune.Callback):
        def on_trial_complete(self, *arguments: Any, **named: Any) -> None:
            ends.append(time.time())

    begin = time.time()
    ray.init("local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    space = {f"decision_{number}": tune.choice(list(range(4))) for number in range(7)}
    tuner = tune.Tuner(
        tune.with_resources(_return_at_once, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(num_samples=trials, max_concurrent_trials=WORKERS, reuse_actors=reuse),
        run_config=tune.RunConfig(storage_path=str(directory / "tune"), verbose=0, callbacks=[Clock()]),
    )
    tuner.fit()
    ray.shutdown()
    warm = ends[WORKERS - 1]
    return Timing(warm - begin, (ends[-1] - warm) / (len(ends) - WORKERS))


def _return_at_once(config: dict[str, Any]) -> dict[str, float]:
    return {"score": 0.5}


_SIDES: dict[str, Callable[[int, Path], Timing]] = {
    "retix": run_retix,
    "tune": lambda trials, directory: run_tune(trials, directory, reuse=False),
    "tune, actors reused": lambda trials, directory: run_tune(trials, directory, reuse=True),
}


if __name__ == "__main__":
    print(json.dumps(asdict(_SIDES[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3])))))
