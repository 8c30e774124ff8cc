"""Drivers that are killed and resumed: ``python -m tests.experiment.resumed ROOT``, which prints what they proposed.

Importing torch takes seconds, so this process does it once, and forks each driver. A driver kills itself, by SIGKILL,
while a trial runs (which then runs within the driver), or between two changes of the store.
"""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import retix.nn.pytorch as nn
from retix import FunctionalEvaluator, RetiariiExeConfig, RetiariiExperiment, report_intermediate_result
from retix.evaluator import continue_from_checkpoint
from retix.execution import Engine, InlineEngine
from retix.execution.api import budget_exhausted, submit_models, wait_models
from retix.experiment.search import dialogue
from retix.experiment.search.replay import SNAPSHOT_FILE, STRATEGY_FILE
from retix.stopping import ASHA
from retix.store import Store, StoreReader, list_ids
from retix.strategy import BaseStrategy, GridSearch, PolicyBasedRL, Random, RegularizedEvolution, Strategy
from retix.trial import Event, Job, Verdict

TRIALS = 22
PERIOD = 5
EPOCHS = 9
EPOCH_PERIOD = 11
STOPPED_EARLY = "evolution with early stopping"
INPUTS = torch.zeros(2, 2)


class Net(nn.Module):
    """Networks told apart by two widths and an activation, which counts only in the wide ones."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([1, 2, 3, 4, 5, 6, 7, 8], label="width")
        self.one = nn.Linear(2, width)
        self.act = nn.LayerChoice([nn.ReLU(), nn.Tanh(), nn.Sigmoid()], label="act")
        self.two = nn.Linear(width, nn.ValueChoice([1, 2, 3], label="out"))

    def forward(self, x: torch.Tensor) -> Any:
        return self.two(self.act(self.one(x)))


class Climb(BaseStrategy):
    """As NNI's users write it: blocks, and walks from the best model so far by its own random numbers."""

    def __init__(self) -> None:
        self.best: dict[str, Any] = {}
        self.top = -1.0

    def run(self, base_model: Any, applied_mutators: Any) -> None:
        rng = random.Random(5)
        while not budget_exhausted():
            answers: dict[str, Any] = {}
            model = base_model
            for mutator in applied_mutators:
                model = mutator.apply(model, functools.partial(self.pick, rng, answers))
            submit_models(model)
            wait_models(model)
            if model.metric is not None and model.metric > self.top:
                self.best, self.top = answers, model.metric

    def pick(self, rng: random.Random, answers: dict[str, Any], decision: Any) -> Any:
        """Half of the answers are the best model's."""
        keep = decision.label in self.best and rng.random() < 0.5
        answers[decision.label] = self.best[decision.label] if keep else rng.choice(list(decision.options()))
        return answers[decision.label]


class Pair(Engine):
    """Two trials at a time in this process, and chance decides which of them ends first."""

    def __init__(self) -> None:
        self._engines = [InlineEngine(), InlineEngine()]
        self._running: dict[int, InlineEngine] = {}

    @property
    def capacity(self) -> int:
        return sum(engine.capacity for engine in self._engines)

    @property
    def free(self) -> int:
        return sum(engine.free for engine in self._engines)

    def submit(self, job: Job) -> None:
        engine = next(engine for engine in self._engines if engine.free)
        engine.submit(job)
        self._running[job.trial] = engine

    def events(self, timeout: float | None = None) -> list[Event]:
        busy = [engine for engine in self._engines if not engine.free]
        if not busy:
            return self._engines[0].events(timeout)
        return random.SystemRandom().choice(busy).events(timeout)

    def cancel(self, trial: int) -> None:
        self._running[trial].cancel(trial)

    def answer(self, trial: int, verdict: Verdict) -> None:
        self._running[trial].answer(trial, verdict)

    def resize(self, capacity: int) -> None:
        raise NotImplementedError

    def waits(self) -> Mapping[int, str]:
        return {}

    def close(self) -> None:
        for engine in self._engines:
            engine.close()


def score(model_cls: Callable[[], Any], kills: Path | None) -> float:
    """A number that depends on the network; some networks raise; every fifth first run takes its driver down."""
    model = model_cls()
    width, out = model.one.out_features, model.two.out_features
    report_intermediate_result(0.0)
    if kills is not None and _is_due(kills, f"{width} {out} {type(model.act).__name__}"):
        os.kill(os.getpid(), signal.SIGKILL)
    if (width, out) in ((3, 1), (6, 2)):
        raise ValueError("this network raises")
    return width / 8 + len(type(model.act).__name__) / 100 + out / 10


def learn(model_cls: Callable[[], Any], kills: Path | None) -> float:
    """Learns nine numbers in nine epochs from its checkpoint; some first epochs take their driver down."""
    model = model_cls()
    width, out = model.one.out_features, model.two.out_features
    known = torch.nn.Linear(1, 1)
    done = continue_from_checkpoint(known=known)
    for epoch in range(done, EPOCHS):
        # What was learnt shows in the metric: a trial that began anew, or left out an epoch, would be told from others.
        seen = 0.0 if epoch == 0 else float(known.weight.detach())
        known.weight.data.fill_(seen + (width + out / 10) / (epoch + 1))
        if kills is not None and _is_due(kills, f"{width} {out} {type(model.act).__name__} {epoch}", EPOCH_PERIOD):
            os.kill(os.getpid(), signal.SIGKILL)
        report_intermediate_result({"default": float(known.weight.detach()), "epoch": epoch})
    return float(known.weight.detach())


def _is_due(kills: Path, network: str, period: int = PERIOD) -> bool:
    """Whether this is the fifth network, the tenth, and so on, and runs for the first time."""
    seen = kills.read_text().splitlines() if kills.exists() else []
    if network in seen:
        return False
    with kills.open("a") as file:
        print(network, file=file, flush=True)
    return (len(seen) + 1) % period == 0


STRATEGIES: dict[str, Callable[[], Strategy | BaseStrategy]] = {
    "grid": lambda: GridSearch(shuffle=False),
    "shuffled grid": lambda: GridSearch(seed=2),
    "random": lambda: Random(seed=3),
    "random without seed": Random,
    "evolution": lambda: RegularizedEvolution(population_size=6, sample_size=3, seed=4),
    "of NNI's kind": Climb,
    "rl": lambda: PolicyBasedRL(trial_per_collect=4, seed=6),
    STOPPED_EARLY: lambda: RegularizedEvolution(population_size=6, sample_size=3, seed=4),
}


def search(root: Path, name: str, pair: bool, kills: Path | None) -> None:
    """Search, or go on where an earlier driver was killed."""
    config = RetiariiExeConfig("local", experiment_working_directory=root, max_trial_number=TRIALS, keep_weights=0)
    config.trial_concurrency = 2 if pair else 1
    config.deterministic = pair
    ids = list_ids(root)
    if name == STOPPED_EARLY:
        config.early_stopping = ASHA(EPOCHS)
    evaluator = FunctionalEvaluator(learn if name == STOPPED_EARLY else score, kills=kills)
    experiment = RetiariiExperiment(Net(), evaluator, [], STRATEGIES[name](), example_inputs=INPUTS)
    engine = Pair if pair else InlineEngine
    # So that steps of every kind are replayed on a state that was kept on the way, too.
    often = patch.object(dialogue, "_SNAPSHOT_EVERY", 13 if name == STOPPED_EARLY else dialogue._SNAPSHOT_EVERY)
    with often, patch("retix.experiment.experiment.make_engine", lambda *arguments: engine()):
        experiment.run(config, resume=ids[0] if ids else None)


def kill_at_commit(number: int) -> AbstractContextManager[object]:
    """Kill this process when it is about to make its change number ``number`` durable, or right after."""
    left = number
    execute = Store._execute

    def count(store: Store, statement: str) -> None:
        nonlocal left
        if statement == "COMMIT":
            left -= 1
            if left == 0 and number % 2:
                os.kill(os.getpid(), signal.SIGKILL)
        execute(store, statement)
        if statement == "COMMIT" and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return patch.object(Store, "_execute", count)


def run_driver(function: Callable[[], None], log: Path) -> int:
    """Run a function in a process of its own; its exit status, negative if it was killed."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        try:
            function()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_to_the_end(root: Path, name: str, pair: bool, how: str) -> dict[str, Any]:
    """Search, with as many drivers as it takes; what came of it."""
    root.mkdir()
    log, kills, rng = root / "log.txt", root / "kills.txt" if how == "in a trial" else None, random.Random(1)
    begin, drivers, status = time.monotonic(), 0, -signal.SIGKILL
    while status == -signal.SIGKILL:
        drivers += 1
        # The first ones are needed to create the experiment.
        at_commit = how == "at a commit" and drivers < 12
        killer = kill_at_commit(rng.randrange(8, 24)) if at_commit else nullcontext()

        def drive(killer: AbstractContextManager[object] = killer) -> None:
            with ExitStack() as stack:
                stack.enter_context(killer)
                search(root, name, pair, kills)

        status = run_driver(drive, log)
    found = {"status": status, "drivers": drivers, "seconds": time.monotonic() - begin, "log": log.read_text()[-3000:]}
    if status == 0:
        reader = StoreReader(root / list_ids(root)[0])
        trials = reader.trials()
        found["state"] = str(reader.info().state)
        found["samples"] = [trial.sample.to_json() for trial in trials]
        found["ends"] = [[str(trial.state), trial.metric, trial.parent] for trial in trials]
        found["steps"] = [trial.steps for trial in trials]
        found["told"] = sorted(step.trial for step in reader.steps() if step.kind == "tell" and step.trial is not None)
        pauses = [(step.trial, step.data["steps"]) for step in reader.steps() if step.kind == "pause"]
        found["pauses"] = sorted(pauses)
        found["snapshots"] = (reader.directory / SNAPSHOT_FILE).exists()
        found["checkpoints"] = [path.parent.name for path in reader.directory.glob("trials/*/checkpoint*")]
        first = reader.directory / STRATEGY_FILE  # a strategy of NNI's kind has no state
        found["seed"] = json.loads(first.read_text())["seed"] if first.exists() else None
    return found


def main() -> None:
    """Run all cases given as JSON: a list of a name, whether two at a time, and how drivers are killed."""
    torch.set_num_threads(1)
    root = Path(sys.argv[1])
    cases = json.loads(sys.argv[2])
    found = []
    for number, case in enumerate(cases):
        found.append(run_to_the_end(root / str(number), *case))
        if case[0] == "random without seed":
            seed = found[-1].get("seed", 0)
            STRATEGIES["random with that seed"] = lambda seed=seed: Random(seed=seed)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
