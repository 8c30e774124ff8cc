"""The driver of a chaos search: ``python -m tests.chaos.driver PLAN [ID]`` begins it, or goes on with experiment ID."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from retix import FunctionalEvaluator, RetiariiExeConfig, RetiariiExperiment
from retix.execution import LocalEngine
from retix.stopping import ASHA
from retix.strategy import Random, RegularizedEvolution, Strategy
from tests.chaos.deeds import INPUTS, Wide, misbehave

WORKERS = 2
MEMORY_LIMIT = 1_000_000_000
LOG_LIMIT = 1_000_000
TIME_LIMIT = 4.0
FROZEN_AFTER = 2.0
LOST_RETRIES = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is searched.

    Attributes:
        root: Where the experiment goes.
        records: Where its trials leave their own lines.
        trials: The budget.
        seed: Of the strategy and of the trials' deeds.
        strategy: ``random`` or ``evolution``.
        isolation: ``warm`` or ``fresh``.
        stops_early: Whether trials are paused after their first and their second result, and the better half goes on.
    """

    root: str
    records: str
    trials: int
    seed: int
    strategy: str = "random"
    isolation: str = "warm"
    stops_early: bool = False

    def write(self, path: Path) -> None:
        """Write it for `read`."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """What `write` wrote."""
        return cls(**json.loads(path.read_text()))


def make_config(plan: Plan) -> RetiariiExeConfig:
    """The settings of the search."""
    return RetiariiExeConfig(
        "local",
        experiment_working_directory=Path(plan.root),
        trial_concurrency=WORKERS,
        max_trial_number=plan.trials,
        max_trial_duration=TIME_LIMIT,
        max_trial_memory=MEMORY_LIMIT,
        max_trial_log=LOG_LIMIT,
        frozen_after=FROZEN_AFTER,
        isolation=plan.isolation,
        recycle_after=50,
        keep_weights=0,
        on_failure={"worker_lost": f"retry:{LOST_RETRIES}"},
        early_stopping=ASHA(max_steps=4, min_steps=1, reduction=2) if plan.stops_early else None,
    )


def make_strategy(plan: Plan) -> Strategy:
    """The strategy of the search."""
    if plan.strategy == "evolution":
        return RegularizedEvolution(population_size=20, sample_size=5, seed=plan.seed)
    return Random(seed=plan.seed)


def main() -> None:
    """Run; notes how many slots were free when the engine was closed, as ``slots.jsonl`` beside the plan."""
    path = Path(sys.argv[1])
    plan = Plan.read(path)
    evaluator = FunctionalEvaluator(misbehave, directory=Path(plan.records), seed=plan.seed)
    experiment = RetiariiExperiment(Wide(), evaluator, [], make_strategy(plan), example_inputs=INPUTS)
    arguments: dict[str, Any] = {"resume": sys.argv[2]} if len(sys.argv) > 2 else {}
    with patch.object(LocalEngine, "close", _noting_slots(LocalEngine.close, path.with_name("slots.jsonl"))):
        experiment.run(make_config(plan), **arguments)


def _noting_slots(close: Any, notes: Path) -> Any:
    def note_and_close(engine: LocalEngine) -> None:
        if engine.capacity:
            line = {"driver": os.getpid(), "free": engine.free, "capacity": engine.capacity}
            with notes.open("a") as file:
                print(json.dumps(line), file=file)
        close(engine)

    return note_and_close


if __name__ == "__main__":
    main()
