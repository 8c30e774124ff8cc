"""What the strategies have in common that propose by a sampler of Optuna's."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from retix.errors import SpaceError
from retix.objective import Objective, Objectives
from retix.space import Sample, SearchSpace
from retix.strategy.mutation import mutate
from retix.strategy.optuna.library import open_notebook, require
from retix.strategy.optuna.record import Record
from retix.strategy.sampler import ModelFilter, Sampler
from retix.strategy.settings import check_known
from retix.strategy.strategy import Strategy
from retix.trial import Proposal, Trial, TrialState

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from retix.strategy.optuna.study import Notebook

_VARIATIONS = 16


class OptunaStrategy(Strategy):
    """Proposes by a sampler of Optuna's, which learns from the trials that were told.

    A walk through the space asks the sampler for one answer after the other, so that it meets only decisions that are
    alive. To it, numbers are indices in rising order, so that it knows which are close; of all else it knows only what
    differs. Until enough results are there, samples are drawn at random, by their prior weights.

    A network that was proposed before is not proposed again: the sampler is asked anew, some times; then what it
    proposed is varied in one decision; then a sample is drawn that was not seen yet. The strategy is exhausted when
    there is none.

    A trial that failed, or was stopped from outside, teaches nothing. One that early stopping has pruned or paused
    counts with its last intermediate result, as each sampler takes it.

    Args:
        optimize_mode: Whether more or less of the metric ``default`` is better, unless `aim` says what is searched for.
        attempts: How often the sampler is asked before a proposal is varied.
        dedup: Whether no network is proposed twice.
        model_filter: Samples for which it returns False are never proposed.
        seed: See `Strategy`.

    Raises:
        ConfigError: Optuna is not installed, or the mode is unknown.
    """

    requires: tuple[str, ...] = ("optuna",)
    """The modules that must be installed."""

    prunes = True
    """Whether the sampler tells pruned trials from complete ones, where there is one objective."""

    fills = False
    """Whether the sampler only looks at decisions that all trials have, so that these are filled up."""

    def __init__(
        self,
        optimize_mode: Literal["maximize", "minimize"],
        attempts: int,
        dedup: bool,
        model_filter: ModelFilter | None,
        seed: int | None,
    ) -> None:
        super().__init__(seed)
        require(type(self).__name__, self.requires)
        check_known("optimize_mode", optimize_mode, ("maximize", "minimize"))
        self.optimize_mode = optimize_mode
        self.objectives = Objectives([Objective(mode=optimize_mode)])
        self._attempts = attempts if dedup else 1
        self._sampler = Sampler(dedup, model_filter)
        self._records: list[Record] = []
        self._notes: dict[str, Any] = {}
        self._open: dict[str, list[int]] = {}
        self._results = 0
        self._notebook: Notebook | None = None

    @property
    @abstractmethod
    def startup(self) -> int:
        """How many results there must be before the sampler is asked."""

    @abstractmethod
    def make_sampler(self, seed: int, attempt: int) -> BaseSampler:
        """A sampler of Optuna's, for one attempt at one proposal; attempts at the same count from 0."""

    @property
    def is_multi_objective(self) -> bool:
        return True

    @property
    def exhausted(self) -> bool:
        return self._sampler.exhausted

    def start(self, space: SearchSpace) -> None:
        super().start(space)
        if self._notebook is None:
            self._open_notebook(space)

    def ask(self) -> Proposal | None:
        space = self.space
        if self.exhausted:
            return None
        sample = self.suggest(space) if self._results >= self.startup else None
        if sample is None:
            sample = self._sampler.draw(space, self.rng)
        if sample is None:
            return None
        self._add(sample)
        return Proposal(sample)

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        number = self._find(trial.sample)
        self._sampler.note(self.space, trial.sample)
        if number is None:
            return
        numbers = self._open[trial.sample.key]
        numbers.remove(number)
        if not numbers:
            del self._open[trial.sample.key]
        is_pruned = trial.state is TrialState.PRUNED
        self._update(number, self._judge(trial, is_pruned) or Record(trial.sample, "failed"))

    def observe(self, trial: Trial) -> None:
        number = self._find(trial.sample)
        record = self._judge(trial, is_halted=True)
        if number is not None and record is not None:
            self._update(number, record)

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "sampler": self._sampler.state(),
            "records": [record.to_json() for record in self._records],
            "open": {key: list(numbers) for key, numbers in self._open.items()},
            "notes": dict(self._notes),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._sampler.load_state(state["sampler"])
        self._records = [Record.from_json(data) for data in state["records"]]
        self._open = {key: list(numbers) for key, numbers in state["open"].items()}
        self._notes = dict(state["notes"])
        self._results = sum(record.is_result for record in self._records)
        if self._space is not None:
            self._open_notebook(self._space)

    def _open_notebook(self, space: SearchSpace) -> None:
        self._notebook = open_notebook(space, len(self.objectives), self._notes, fills=self.fills)
        for record in self._records:
            self._notebook.add(record)

    @property
    def _book(self) -> Notebook:
        if self._notebook is None:
            self._open_notebook(self.space)
        return cast("Notebook", self._notebook)

    def suggest(self, space: SearchSpace) -> Sample | None:
        """What the sampler proposes, or something close to it; None if all of that is known."""
        for attempt in range(self._attempts):
            sample = self._book.suggest(self.make_sampler, attempt, self.rng)
            if self._sampler.accept(space, sample):
                return sample
        for _ in range(_VARIATIONS):
            variation = mutate(space, sample, 0.0, self.rng)
            if self._sampler.accept(space, variation):
                return variation
        return None

    def _add(self, sample: Sample) -> int:
        """Record a sample as open, and return its number."""
        number = len(self._records)
        record = Record(sample, marks=self._book.mark(self.make_sampler))
        self._book.add(record)
        self._records.append(record)
        self._open.setdefault(sample.key, []).append(number)
        return number

    def _find(self, sample: Sample) -> int | None:
        """The number of the open record of a sample, whoever proposed it; None if the space has no such sample."""
        numbers = self._open.get(sample.key)
        if numbers:
            return numbers[0]
        with suppress(SpaceError):
            return self._add(sample)
        return None

    def _update(self, number: int, record: Record) -> None:
        old = self._records[number]
        point = ((record.steps, record.costs[0]),) if record.stage == "pruned" else ()
        record = replace(record, path=old.path + point, marks=old.marks)
        self._records[number] = record
        self._results += record.is_result - old.is_result
        self._book.replace(number, record)

    def _judge(self, trial: Trial, is_halted: bool) -> Record | None:
        """What is to be learned from a trial; None if that is nothing."""
        costs = self.objectives.costs(trial.metrics)
        if trial.state in (TrialState.FAILED, TrialState.STOPPED) or not all(map(math.isfinite, costs)):
            return None
        violation = self.objectives.violation(trial.metrics) if self.objectives.limits else None
        if is_halted and self.prunes and len(costs) == 1:
            return Record(trial.sample, "pruned", costs, trial.steps, violation)
        return Record(trial.sample, "complete", costs, violation=violation)
