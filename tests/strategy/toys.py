"""Small spaces and a small driver for the tests of strategies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from retix.space import Decision, DecisionSpace, Pick, Sample, SearchSpace
from retix.strategy import Strategy
from retix.trial import Failure, FailureKind, Proposal, Trial, TrialState

Score = Callable[[Sample], float | None]
"""The metric of a sample, or None for a trial that fails."""


class StackSpace(SearchSpace):
    """A space that invents decisions: the first answer says how many layers follow.

    The candidates of a layer depend on the layer before: channels never shrink. Stacks of the same channels are the
    same network, whatever they are called.
    """

    def walk(self, pick: Pick) -> Sample:
        answers = {}

        def ask(decision: Decision) -> int:
            answers[decision.label] = decision.check(pick(decision))
            return int(answers[decision.label])

        least = 1
        for layer in range(ask(Decision("depth", (1, 2, 3)))):
            least = ask(Decision(f"channels{layer}", tuple(range(least, 4))))
        ask(Decision("colour", (0, 1)))
        return Sample(answers)

    def fingerprint(self, sample: Sample) -> str:
        return str([choice for label, choice in sorted(sample.items()) if label.startswith("channels")])

    networks = 3 + 6 + 10
    samples = 2 * networks


def make_conditional_space() -> DecisionSpace:
    """Twelve samples: kernels under one operator, widths and a subset of inputs under the other."""
    return DecisionSpace(
        [
            Decision("op", ("conv", "mlp")),
            Decision("kernel", (3, 5, 7), when=((("op", "conv"),),)),
            Decision("width", (16, 32, 64), when=((("op", "mlp"),),)),
            Decision("inputs", ("a", "b"), n_chosen=-1, when=((("op", "mlp"),),)),
        ]
    )


def make_flat_space(decisions: int, options: int = 4) -> DecisionSpace:
    """A space of independent decisions ``d0``, ``d1``, ... that are answered by numbers from 0 on."""
    return DecisionSpace(Decision(f"d{i}", tuple(range(options))) for i in range(decisions))


def make_trial(number: int, proposal: Proposal, metric: float | None) -> Trial:
    """The trial of a proposal that succeeded with ``metric``, or failed if that is None."""
    if metric is None:
        failure = Failure(FailureKind.RAISED, "no such luck")
        return Trial(number, proposal.sample, TrialState.FAILED, parent=proposal.parent, failure=failure)
    return Trial(number, proposal.sample, TrialState.SUCCEEDED, {"default": metric}, parent=proposal.parent)


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
    while len(proposals) < trials and (proposal := strategy.ask()) is not None:
        proposals.append(proposal)
        running.append(len(proposals) - 1)
        if len(running) == workers:
            index = running.popleft()
            strategy.tell(make_trial(first + index, proposals[index], score(proposals[index].sample)))
    for index in running:
        strategy.tell(make_trial(first + index, proposals[index], score(proposals[index].sample)))
    return proposals
