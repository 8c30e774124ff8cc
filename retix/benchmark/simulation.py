"""A search over a table: everything happens as in an experiment, but for the training."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from retix.benchmark.table import Table
from retix.objective import Objectives
from retix.space import Sample
from retix.stopping import EarlyStopping
from retix.strategy import Strategy
from retix.trial import Proposal, Trial, TrialState, Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """A network whose training has ended.

    Attributes:
        row: The network.
        trials: How many trials had begun by then, this one included.
        epochs: How many epochs had been trained by then, in all trials together.
        metrics: What the strategy was told.
        is_whole: Whether it was trained for all epochs.
    """

    row: int
    trials: int
    epochs: int
    metrics: Mapping[str, float]
    is_whole: bool


@dataclass(slots=True)
class Run:
    """What came of one search.

    Attributes:
        results: In the order in which trainings ended.
        trials: How many trials were begun; duplicates cost nothing and are not counted.
        epochs: How many epochs were trained.
        is_exhausted: Whether the strategy had nothing left.
    """

    results: list[Result] = field(default_factory=list)
    trials: int = 0
    epochs: int = 0
    is_exhausted: bool = False


@dataclass(slots=True)
class _Training:
    """A trial that has not ended."""

    trial: int
    proposal: Proposal
    row: int
    seed: int
    known: Mapping[str, float]
    epochs: int = 0


class Simulation:
    """Runs one strategy over a table, one trial at a time, as the search loop of an experiment would.

    A proposal of a network that was tried already is answered with what is known of it, and costs nothing. A trial
    takes its accuracies from one of the seeds that its network was trained from, drawn anew for each network and
    search: as in a real search, what is seen is noisy.

    Args:
        table: The networks.
        strategy: Proposes; not started yet.
        seed: Decides from which seeds networks are seen.
        stopping: The rule of early stopping, if any.
        objectives: What the search is after; the accuracy is the metric ``default``, measures go by their names.
        repeats: Whether a network that is proposed twice is trained twice.
    """

    def __init__(
        self,
        table: Table,
        strategy: Strategy,
        seed: int,
        stopping: EarlyStopping | None = None,
        objectives: Objectives | None = None,
        *,
        repeats: bool = False,
    ) -> None:
        self._table = table
        self._repeats = repeats
        self._strategy = strategy
        self._stopping = stopping
        self._objectives = objectives or Objectives()
        self._seeds = random.Random(seed)
        self._paused: dict[int, _Training] = {}
        self._last: dict[int, Trial] = {}  # by row: the last that was heard of it
        self._asked = 0
        self.run = Run()
        strategy.aim(self._objectives)
        strategy.start(table.space)
        if stopping is not None:
            stopping.aim(self._objectives)

    def search(self, trials: int | None = None, epochs: int | None = None, goal: frozenset[int] = frozenset()) -> Run:
        """Search until a budget is spent, nothing is left, or a network of ``goal`` was trained to its end.

        Args:
            trials: How many trials may begin.
            epochs: After how many epochs no training begins or goes on.
            goal: Rows.
        """
        while epochs is None or self.run.epochs < epochs:
            may_begin = trials is None or self.run.trials < trials
            training = self._promote() or (self._begin() if may_begin else None) or self._finish()
            if training is None:
                break
            self._train(training)
            last = self.run.results[-1] if self.run.results else None
            if last is not None and last.is_whole and last.row in goal:
                return self.run
        for training in list(self._paused.values()):
            self._end(training, TrialState.PRUNED)
        return self.run

    def _promote(self) -> _Training | None:
        number = None if self._stopping is None else self._stopping.next_promotion()
        if number is None or self._stopping is None:
            return None
        self._stopping.promoted(number)
        return self._paused.pop(number)

    def _finish(self) -> _Training | None:
        """A paused trial to go on with where otherwise none would have come to its end."""
        if self._stopping is None or any(result.is_whole for result in self.run.results):
            return None
        number = self._stopping.next_finalist()
        if number is None:
            return None
        self._stopping.promoted(number)
        return self._paused.pop(number)

    def _begin(self) -> _Training | None:
        """The next proposal that is no duplicate, or None if there is none."""
        while (proposal := self._strategy.ask()) is not None:
            self._asked += 1
            row = self._table.row(proposal.sample)
            known = self._last.get(row)
            if known is None or self._repeats:
                self.run.trials += 1
                seed = self._seeds.randrange(self._table.seeds)
                return _Training(self._asked, proposal, row, seed, self._measure(proposal.sample))
            self._strategy.tell(
                Trial(
                    self._asked,
                    proposal.sample,
                    TrialState.DUPLICATE,
                    known.metrics,
                    parent=proposal.parent,
                    duplicate_of=known.id,
                    steps=known.steps,
                )
            )
        self.run.is_exhausted = True
        return None

    def _measure(self, sample: Sample) -> Mapping[str, float]:
        names = {objective.name for objective in self._objectives} | {limit.name for limit in self._objectives.limits}
        return {name: self._table.space.measure(sample, name) for name in sorted(names - {"default"})}

    def _train(self, training: _Training) -> None:
        """Train until the rule has a trial stopped or paused, or to the last epoch."""
        while training.epochs < self._table.epochs:
            training.epochs += 1
            self.run.epochs += 1
            verdict = self._report(training)
            if training.epochs == self._table.epochs:
                break
            if verdict is Verdict.PAUSE:
                self._paused[training.trial] = training
                trial = self._make_trial(training, TrialState.WAITING)
                self._last[training.row] = trial
                self._strategy.observe(trial)
                return
            if verdict is Verdict.STOP:
                self._end(training, TrialState.PRUNED)
                return
        self._end(training, TrialState.SUCCEEDED)

    def _report(self, training: _Training) -> Verdict:
        if self._stopping is None:
            return Verdict.GO_ON
        return self._stopping.report(training.trial, training.epochs, self._metrics(training))

    def _end(self, training: _Training, state: TrialState) -> None:
        self._paused.pop(training.trial, None)
        trial = self._make_trial(training, state)
        self._last[training.row] = trial
        if self._stopping is not None:
            self._stopping.ended(training.trial)
        self.run.results.append(
            Result(training.row, self.run.trials, self.run.epochs, trial.metrics, training.epochs == self._table.epochs)
        )
        self._strategy.tell(trial)

    def _make_trial(self, training: _Training, state: TrialState) -> Trial:
        proposal = training.proposal
        metrics = self._metrics(training)
        return Trial(training.trial, proposal.sample, state, metrics, parent=proposal.parent, steps=training.epochs)

    def _metrics(self, training: _Training) -> Mapping[str, float]:
        accuracy = float(self._table.accuracy[training.row, training.seed, training.epochs - 1])
        return {"default": accuracy, **training.known}
