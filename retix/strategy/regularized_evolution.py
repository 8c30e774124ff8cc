"""Regularized evolution."""

from __future__ import annotations

import json
import math
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from retix.errors import ConfigError, SpaceError
from retix.space import Choice, Decision, Sample, SearchSpace
from retix.strategy.sampler import ModelFilter, Sampler
from retix.strategy.strategy import Strategy
from retix.trial import Proposal, Trial

_DRAWS = 32


@dataclass(frozen=True, slots=True)
class Member:
    """One model of the population.

    Attributes:
        trial: The id of its trial.
        sample: The model.
        score: Its metric, negated where less is better; minus infinity where it has none.
    """

    trial: int
    sample: Sample
    score: float

    def to_json(self) -> dict[str, Any]:
        """The member as JSON values."""
        score = self.score if math.isfinite(self.score) else None
        return {"trial": self.trial, "sample": self.sample.to_json(), "score": score}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Member:
        """The member that ``to_json`` wrote."""
        score = -math.inf if data["score"] is None else data["score"]
        return cls(data["trial"], Sample(data["sample"]), score)


class RegularizedEvolution(Strategy):
    """Evolution in which the oldest dies, not the worst.

    Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019 (arXiv 1802.01548),
    algorithm 1: a random first population; then, again and again, a tournament among models drawn from the
    population with replacement, whose winner's mutated child joins the population, of which the oldest leaves.

    It is asynchronous: `ask` never waits for trials that run. The first ``population_size`` proposals are random, a
    later one descends from whoever has finished, and is random where nobody has. Age counts from the end of a trial.

    A mutation keeps each answer of the parent unless, with ``mutation_prob``, it is drawn anew, as in NNI. A child that
    would equal its parent gets exactly one decision changed, so that ``mutation_prob=0`` is the paper's mutation, which
    changes one decision at a time, without its identity mutation. Decisions that come alive are drawn.

    Args:
        optimize_mode: ``maximize`` or ``minimize``, for the metric ``default``.
        population_size: Models that are alive at a time.
        sample_size: Draws per tournament; it may be larger than the population.
        cycles: Proposals altogether, the first population included.
        mutation_prob: The probability that an answer is drawn anew.
        dedup: Whether no network is proposed twice.
        dedup_retries: Further children that are tried after one which may not be proposed, being a duplicate or
            refused by the filter. After them comes a random sample, without a parent.
        on_failure: What becomes of a trial without a finite metric: ``ignore`` keeps it out of the population,
            ``worst`` lets it in as the worst model.
        model_filter: Samples for which it returns False are never proposed.
        seed: See `Strategy`.
        inherit_weights: Whether a child starts from its parent's trained weights instead of fresh ones: equal layers
            are copied, and what the mutation made wider, deeper or larger is made so that the child first computes what
            its parent computes, where that is possible. It should then train for fewer steps: an evaluator sees by
            ``retix.weights.current().parent`` whether there is a parent. The proposals are the same either way.

    Raises:
        ConfigError: A size or ``cycles`` is below 1, ``dedup_retries`` is below 0, ``mutation_prob`` is outside 0..1,
            or a mode is unknown.
    """

    def __init__(
        self,
        optimize_mode: Literal["maximize", "minimize"] = "maximize",
        population_size: int = 100,
        sample_size: int = 25,
        cycles: int = 20000,
        mutation_prob: float = 0.05,
        dedup: bool = False,
        dedup_retries: int = 500,
        on_failure: Literal["ignore", "worst"] = "ignore",
        model_filter: ModelFilter | None = None,
        seed: int | None = None,
        inherit_weights: bool = False,
    ) -> None:
        super().__init__(seed)
        _check_known("optimize_mode", optimize_mode, ("maximize", "minimize"))
        _check_known("on_failure", on_failure, ("ignore", "worst"))
        _check_least("population_size", population_size, 1)
        _check_least("sample_size", sample_size, 1)
        _check_least("cycles", cycles, 1)
        _check_least("dedup_retries", dedup_retries, 0)
        if not 0 <= mutation_prob <= 1:
            raise ConfigError(f"mutation_prob is {mutation_prob!r}", fix="give a probability between 0 and 1")
        self.optimize_mode = optimize_mode
        self._sign = 1.0 if optimize_mode == "maximize" else -1.0
        self._population_size = population_size
        self._sample_size = sample_size
        self._cycles = cycles
        self._mutation_prob = mutation_prob
        self._attempts = 1 + dedup_retries
        self._ignores_failures = on_failure == "ignore"
        self._sampler = Sampler(dedup, model_filter)
        self._population: deque[Member] = deque(maxlen=population_size)
        self._proposed = 0
        self._inherits = inherit_weights

    def ask(self) -> Proposal | None:
        space = self.space
        if self.exhausted:
            return None
        proposal = self._propose_child(space) if self._proposed >= self._population_size else None
        if proposal is None:
            sample = self._sampler.draw(space, self.rng)
            proposal = None if sample is None else Proposal(sample)
        self._proposed += proposal is not None
        return proposal

    @property
    def exhausted(self) -> bool:
        return self._proposed >= self._cycles or self._sampler.exhausted

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        metric = trial.metric
        if metric is not None and math.isfinite(metric):
            self._population.append(Member(trial.id, trial.sample, self._sign * metric))
        elif not self._ignores_failures:
            self._population.append(Member(trial.id, trial.sample, -math.inf))

    @property
    def inherits_weights(self) -> bool:
        return self._inherits

    def possible_parents(self) -> frozenset[int]:
        return frozenset(member.trial for member in self._population) if self._inherits else frozenset()

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "proposed": self._proposed,
            "population": [member.to_json() for member in self._population],
            "sampler": self._sampler.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._proposed = state["proposed"]
        self._population.clear()
        self._population.extend(Member.from_json(member) for member in state["population"])
        self._sampler.load_state(state["sampler"])

    def _propose_child(self, space: SearchSpace) -> Proposal | None:
        """A child of the winner of a tournament, or None if nobody is alive or no child may be proposed."""
        if not self._population:
            return None
        draws = [self._population[self.rng.randrange(len(self._population))] for _ in range(self._sample_size)]
        parent = max(draws, key=lambda member: member.score)
        for _ in range(self._attempts):
            child = mutate(space, parent.sample, self._mutation_prob, self.rng)
            if self._sampler.accept(space, child):
                return Proposal(child, parent.trial, inherit=self._inherits)
        return None


def mutate(space: SearchSpace, parent: Sample, probability: float, rng: random.Random) -> Sample:
    """A sample that differs from ``parent`` in at least one decision, unless the space holds no other.

    Args:
        space: The space of both.
        parent: Where the answers come from.
        probability: How likely each answer is drawn anew.
        rng: One number is drawn per answer that could be kept, and what ``Decision.draw`` takes per answer drawn.
    """
    met: list[Decision] = []

    def pick(decision: Decision) -> Choice:
        met.append(decision)
        if _can_keep(parent, decision) and rng.random() >= probability:
            return parent[decision.label]
        return decision.draw(rng)

    child = space.walk(pick)
    changeable = [decision.label for decision in met if decision.size > 1]
    return _change(space, parent, rng.choice(changeable), rng) if child == parent and changeable else child


def _change(space: SearchSpace, parent: Sample, label: str, rng: random.Random) -> Sample:
    """``parent`` with another answer to the decision ``label``."""

    def pick(decision: Decision) -> Choice:
        if decision.label == label:
            return _draw_other(decision, parent[label], rng)
        return parent[decision.label] if _can_keep(parent, decision) else decision.draw(rng)

    return space.walk(pick)


def _can_keep(parent: Sample, decision: Decision) -> bool:
    """Whether the parent's answer exists and answers this decision; an invented one may have other candidates."""
    if decision.label not in parent:
        return False
    try:
        decision.check(parent[decision.label])
    except SpaceError:
        return False
    return True


def _draw_other(decision: Decision, old: Choice, rng: random.Random) -> Choice:
    """Draw an answer that is not ``old``."""
    text = json.dumps(old)
    for _ in range(_DRAWS):
        choice = decision.draw(rng)
        if json.dumps(choice) != text:
            return choice
    # Only weights can make `old` that likely.
    return next(option for option in decision.options() if json.dumps(option) != text)


def _check_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{name} is {value!r}", fix=f"choose one of {', '.join(map(repr, known))}")


def _check_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} is {value!r}", fix=f"give a number of at least {least}")
