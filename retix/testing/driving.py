"""Driving a strategy without an experiment: ask, run a few trials at a time, tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

from retix.space import Sample
from retix.strategy import Strategy
from retix.trial import Failure, FailureKind, Proposal, Trial, TrialState

Score: TypeAlias = Callable[[Sample], "float | Mapping[str, float] | None"]
"""The metric of a sample, or its metrics by name, or None for a trial that fails."""


def make_trial(number: int, proposal: Proposal, metric: float | Mapping[str, float] | None) -> Trial:
    """The trial of a proposal that succeeded with ``metric``, or failed if that is None."""
    if metric is None:
        failure = Failure(FailureKind.RAISED, "no such luck")
        return Trial(number, proposal.sample, TrialState.FAILED, parent=proposal.parent, failure=failure)
    metrics = dict(metric) if isinstance(metric, Mapping) else {"default": metric}
    return Trial(number, proposal.sample, TrialState.SUCCEEDED, metrics, parent=proposal.parent)


def ask_all(strategy: Strategy) -> list[Sample]:
    """Ask until there is nothing more; nothing is told."""
    return [proposal.sample for proposal in iter(strategy.ask, None)]


def search(strategy: Strategy, score: Score, trials: int, workers: int = 1, first: int = 1) -> list[Proposal]:
    """Let ``workers`` trials run at a time, the oldest ending first, and return at most ``trials`` proposals.

    Args:
        strategy: A started strategy.
        score: What becomes of each trial.
        trials: How many to propose.
        workers: How many proposals are open at a time.
        first: The number of the first trial.
    """
    proposals: list[Proposal] = []
    running: deque[int] = deque()

    def end_oldest() -> None:
        index = running.popleft()
        strategy.tell(make_trial(first + index, proposals[index], score(proposals[index].sample)))

    while len(proposals) < trials:
        proposal = strategy.ask()
        if proposal is not None:
            running.append(len(proposals))
            proposals.append(proposal)
        elif not running:
            break
        if proposal is None or len(running) == workers:
            end_oldest()
    while running:
        end_oldest()
    return proposals
