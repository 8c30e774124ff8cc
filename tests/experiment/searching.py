"""Searches with all their real parts, put together for the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from retix.stopping import EarlyStopping
from retix.store import Store, StoreReader
from retix.strategy import Strategy
from retix.trial import Proposal, Reported, Trial, TrialState, Verdict
from tests.experiment.nets import INPUTS


class Scripted(Strategy):
    """Proposes a list of samples, and remembers what it is told."""

    def __init__(self, *samples: dict[str, Any]) -> None:
        super().__init__(seed=0)
        self.left = [Sample(sample) for sample in samples]
        self.told: list[Trial] = []
        self.observed: list[Trial] = []

    def ask(self) -> Proposal | None:
        return Proposal(self.left.pop(0)) if self.left else None

    @property
    def exhausted(self) -> bool:
        return not self.left

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.told.append(trial)

    def observe(self, trial: Trial) -> None:
        self.observed.append(trial)


class Ruled(EarlyStopping):
    """Says what a table has for a trial and its step, lets trials go on in a given order, and remembers all it hears.

    Args:
        verdicts: By trial and step; where it has nothing, the trial goes on.
        promotions: Which paused trials go on; each is named as soon as it has paused.
    """

    def __init__(self, verdicts: Mapping[tuple[int, int], Verdict], promotions: tuple[int, ...] = ()) -> None:
        super().__init__()
        self._verdicts = verdicts
        self._left = list(promotions)
        self._asked_to_pause: set[int] = set()
        self.heard: list[Any] = []

    @property
    def may_pause(self) -> bool:
        return Verdict.PAUSE in self._verdicts.values()

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        self.heard.append((trial, step, dict(metrics)))
        verdict = self._verdicts.get((trial, step), Verdict.GO_ON)
        if verdict is Verdict.PAUSE:
            self._asked_to_pause.add(trial)
        return verdict

    def ended(self, trial: int) -> None:
        self.heard.append(("ended", trial))

    def next_promotion(self) -> int | None:
        return self._left[0] if self._left and self._left[0] in self._asked_to_pause else None

    def promoted(self, trial: int) -> None:
        self.heard.append(("promoted", trial))
        self._asked_to_pause.discard(trial)
        if trial in self._left:
            self._left.remove(trial)


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
    stopping: EarlyStopping | None = None,
    measured: tuple[str, ...] = (),
) -> tuple[Search, StoreReader]:
    """A search that is about to begin, and what it will have recorded."""
    strategy.start(space)
    reader = StoreReader(store.directory)
    evaluator = dumps(FunctionalEvaluator(function, **(arguments or {})))
    weights = WeightKeeper(1, True, store.directory, strategy=strategy)
    listener = listener or Listener()
    search = Search(
        space,
        strategy,
        engine,
        store,
        lambda sample: evaluator,
        limits or Limits(),
        weights,
        listener,
        stopping=stopping,
        measured=measured,
    )
    return search, reader


def count_most_at_once(trials: list[Trial]) -> int:
    """How many of the trials ran at the same time, at most."""
    spans = [(trial.started, trial.ended) for trial in trials if trial.started is not None and trial.ended is not None]
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


def never() -> bool:
    """Nobody asks the search to stop."""
    return False
