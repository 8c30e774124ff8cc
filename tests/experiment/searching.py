"""Searches with all their real parts, put together for the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from retix.evaluator import FunctionalEvaluator
from retix.execution import Engine
from retix.experiment.search.loop import Limits, Search
from retix.experiment.search.weight_keeper import WeightKeeper
from retix.model_space import ModelSpace
from retix.recipe import dumps
from retix.space import Sample
from retix.store import Store, StoreReader
from retix.strategy import Strategy
from retix.trial import Proposal, Reported, Trial, TrialState
from tests.experiment.nets import INPUTS


class Scripted(Strategy):
    """Proposes a list of samples, and remembers what it is told."""

    def __init__(self, *samples: dict[str, Any]) -> None:
        super().__init__(seed=0)
        self.left = [Sample(sample) for sample in samples]
        self.told: list[Trial] = []

    def ask(self) -> Proposal | None:
        return Proposal(self.left.pop(0)) if self.left else None

    @property
    def exhausted(self) -> bool:
        return not self.left

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.told.append(trial)


@dataclass
class Listener:
    """Remembers every change; ``hook`` is called with each trial that changes."""

    hook: Callable[[Trial], object] = lambda trial: None
    states: dict[int, list[TrialState]] = field(default_factory=dict)
    reports: list[Reported] = field(default_factory=list)
    limits: list[tuple[Limits, int]] = field(default_factory=list)

    def trial_changed(self, trial: Trial) -> None:
        self.states.setdefault(trial.id, []).append(trial.state)
        self.hook(trial)

    def trial_reported(self, trial: Trial, report: Reported) -> None:
        self.reports.append(report)

    def limits_changed(self, limits: Limits, capacity: int) -> None:
        self.limits.append((limits, capacity))


def make_space(module: torch.nn.Module, **arguments: Any) -> ModelSpace:
    """The space of a base model."""
    return ModelSpace(module, example_inputs=INPUTS, **arguments)


def make_store(root: Path) -> Store:
    """A new experiment, whose best trial is the one with the highest metric."""
    return Store.create(root, name="test", optimize_mode="maximize", config={}, versions={})


def make_search(
    space: ModelSpace,
    strategy: Strategy,
    engine: Engine,
    store: Store,
    function: Callable[..., Any],
    *,
    listener: Listener | None = None,
    limits: Limits | None = None,
    arguments: dict[str, Any] | None = None,
) -> tuple[Search, StoreReader]:
    """A search that is about to begin, and what it will have recorded."""
    strategy.start(space)
    reader = StoreReader(store.directory)
    evaluator = dumps(FunctionalEvaluator(function, **(arguments or {})))
    weights = WeightKeeper(1, True, store.directory, strategy=strategy)
    listener = listener or Listener()
    search = Search(space, strategy, engine, store, lambda sample: evaluator, limits or Limits(), weights, listener)
    return search, reader


def count_most_at_once(trials: list[Trial]) -> int:
    """How many of the trials ran at the same time, at most."""
    spans = [(trial.started, trial.ended) for trial in trials if trial.started is not None and trial.ended is not None]
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


def never() -> bool:
    """Nobody asks the search to stop."""
    return False
