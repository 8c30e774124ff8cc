"""A search that begins with what is known already."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from retix.errors import ConfigError, SpaceError
from retix.space import Sample, SearchSpace
from retix.strategy.strategy import Strategy
from retix.strategy.wrapper import Wrapper
from retix.trial import Proposal, Trial, TrialState

_TAUGHT = (TrialState.SUCCEEDED, TrialState.PRUNED)


class WarmStart(Wrapper):
    """Proposes given samples first, and lets the strategy inside learn from the trials of an earlier experiment.

    Samples are trained like any other proposal, in the order given; what a sample leaves open takes its first answer.
    Trials are not trained again: before the search begins, the strategy inside is told of those that have a result,
    and fit the space; the others are left out::

        WarmStart(RegularizedEvolution(), [{"width": 32, "depth": 2}])
        WarmStart(TPE(), RetiariiExperiment.view("x3kd90qa").trials())

    A strategy that leaves out what it was told does not try known models again: with `Dedup` inside, every one does::

        WarmStart(Dedup(RegularizedEvolution()), trials)

    A trial of the earlier experiment is no trial of this one. So the strategy inside knows it under a number below 0;
    what descends from it has no parent here and inherits no weights.

    Args:
        strategy: The strategy inside.
        known: Samples (or mappings from labels to answers), trials, or both.

    Raises:
        ConfigError: Something is neither a sample nor a trial, or there is a `Constrained` inside.
    """

    def __init__(self, strategy: Strategy, known: Iterable[Mapping[str, Any] | Trial]) -> None:
        super().__init__(strategy)
        self.refuse_limits_inside()
        items = [known] if isinstance(known, (Mapping, Trial, str)) else list(known)
        for item in items:
            if not isinstance(item, (Mapping, Trial)):
                raise ConfigError(
                    f"a search cannot begin with {item!r}",
                    why="WarmStart takes samples, which are proposed first, and trials, which the strategy is told of",
                    fix="give it [{'label': answer, ...}, ...], or RetiariiExperiment.view('the id').trials()",
                )
        self._given = [item for item in items if not isinstance(item, Trial)]
        self._trials = [trial for trial in items if isinstance(trial, Trial) and _has_result(trial)]
        self._queue: deque[Sample] = deque()
        self._has_begun = False

    def start(self, space: SearchSpace) -> None:
        """Bind the strategy to its space, check the samples and tell of the trials.

        Raises:
            ConfigError: It is bound to another space already; or a sample does not fit the space.
        """
        is_new = self._space is None
        super().start(space)
        if is_new and not self._has_begun:
            self._queue.extend(_complete(space, number, given) for number, given in enumerate(self._given, 1))
            self._has_begun = True
            fitting = [trial for trial in self._trials if _fits(space, trial.sample)]
            for count, trial in enumerate(fitting, 1):
                self.inner.tell(replace(trial, id=self.make_number(count), parent=None, duplicate_of=None))

    def ask(self) -> Proposal | None:
        _ = self.space
        if self._queue:
            return Proposal(self._queue.popleft())
        proposal = self.inner.ask()
        if proposal is not None and proposal.parent is not None and self.is_own_number(proposal.parent):
            return Proposal(proposal.sample)
        return proposal

    @property
    def exhausted(self) -> bool:
        return not self._queue and self.inner.exhausted

    def possible_parents(self) -> frozenset[int]:
        return frozenset(number for number in self.inner.possible_parents() if not self.is_own_number(number))

    def state(self) -> dict[str, Any]:
        queue = [sample.to_json() for sample in self._queue]
        return {**super().state(), "queue": queue, "has_begun": self._has_begun}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._queue = deque(map(Sample, state["queue"]))
        self._has_begun = state["has_begun"]


def _has_result(trial: Trial) -> bool:
    metric = trial.metric
    return trial.state in _TAUGHT and metric is not None and math.isfinite(metric)


def _fits(space: SearchSpace, sample: Sample) -> bool:
    """Whether an earlier sample is one of this space, too."""
    try:
        return space.complete(sample) == sample and space.permits(sample)
    except SpaceError:
        return False


def _complete(space: SearchSpace, number: int, given: Mapping[str, Any]) -> Sample:
    """The whole sample that is meant by some of its answers."""
    where = f"sample {number} of WarmStart"
    try:
        sample = space.complete(given)
    except SpaceError as error:
        raise ConfigError(error.what, where=where, why=error.why, fix=error.fix) from error
    unknown = [label for label in given if label not in sample]
    if unknown:
        raise ConfigError(
            f"the sample answers {', '.join(map(repr, unknown))}, which is not asked beside its other answers",
            where=where,
            fix=f"answer {', '.join(map(repr, sample))}",
        )
    if not space.permits(sample):
        raise ConfigError(
            f"the sample {sample} is not permitted",
            where=where,
            why="it breaks a constraint of the space, or a limit",
            fix="change an answer, or leave the sample out",
        )
    return sample
