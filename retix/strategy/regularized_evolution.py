"""Regularized evolution."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from retix.objective import Objective, Objectives
from retix.space import Sample, SearchSpace
from retix.strategy.crossover import cross
from retix.strategy.member import Member, find_best, is_better
from retix.strategy.mutation import change, mutate
from retix.strategy.neighbourhood import list_moves
from retix.strategy.population import Population
from retix.strategy.sampler import ModelFilter, Sampler
from retix.strategy.settings import check_known, check_least, check_probability
from retix.strategy.strategy import Strategy
from retix.strategy.tries import Tries
from retix.trial import Proposal, Trial

_SPREAD = 16
"""Children in a row that may not be proposed, after which the neighbourhood is taken to be tried out."""


class RegularizedEvolution(Strategy):
    """Evolution in which the oldest dies, not the worst.

    Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019 (arXiv 1802.01548),
    algorithm 1: a random first population; then, again and again, a tournament among models drawn from the
    population with replacement, whose winner's mutated child joins the population, of which the oldest leaves.

    It is asynchronous: `ask` never waits for trials that run. The first proposals are random, a later one descends from
    whoever has finished, and is random where nobody has. Trials that others propose join the population, too, and if
    they fill it nothing has to be random. Age counts from the end of a trial.

    A mutation keeps each answer of the parent unless, with ``mutation_prob``, it is drawn anew, as in NNI. A child that
    would equal its parent gets exactly one decision changed, so that ``mutation_prob=0`` is the paper's mutation, which
    changes one decision at a time, without its identity mutation. Decisions that come alive are drawn. Where 16
    children in a row may not be proposed, what follows are mutants of the last of them.

    With several objectives, a tournament is won by a member of the best front that was drawn, by limits first
    (`retix.pareto.rank`), whichever was drawn before the others: by crowding, the ends of a front would win most, and
    its middle would starve. A trial that early stopping has paused or ended is alive with what it has shown; one that
    goes on keeps its place and age. Models are compared by what they have shown last, however many steps it took: on
    the table of `retix.benchmark`, to compare them at equal steps or to extrapolate made no difference, and to rank
    them among those of equal steps made it worse, since what was trained further had been found to be better.

    The defaults are NNI's and suit thousands of trials. For some tens, take::

        RegularizedEvolution(population_size=20, sample_size=20, initial_size=3, mutation="untried", dedup=True)

    On that table (1,728 networks, 9 decisions), this finds one of the best percent within 14 trials, as a median of 250
    seeds; ``population_size=10, sample_size=5, mutation_prob=0, dedup=True`` takes 25, and random search 54.

    Args:
        optimize_mode: ``maximize`` or ``minimize``, for the metric ``default``; an experiment's objectives go first.
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
        crossover_prob: The probability that what is mutated is not the winner of one tournament, but a mixture of the
            winners of two, each answer from either. The fitter one counts as the parent.
        initial_size: Random models before the first tournament; None for ``population_size``.
        mutation: ``random``, as above, or ``untried``: one decision changes, to the answer that changes have led to
            least often so far, where an improvement is a new beginning (`Tries`). ``mutation_prob`` then does nothing.

    Raises:
        ConfigError: A size or ``cycles`` is below 1, ``dedup_retries`` is below 0, a probability is outside 0..1, or a
            mode is unknown.
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
        crossover_prob: float = 0.0,
        initial_size: int | None = None,
        mutation: Literal["random", "untried"] = "random",
    ) -> None:
        super().__init__(seed)
        check_known("optimize_mode", optimize_mode, ("maximize", "minimize"))
        check_known("mutation", mutation, ("random", "untried"))
        check_known("on_failure", on_failure, ("ignore", "worst"))
        check_least("population_size", population_size, 1)
        check_least("sample_size", sample_size, 1)
        check_least("initial_size", population_size if initial_size is None else initial_size, 1)
        check_least("cycles", cycles, 1)
        check_least("dedup_retries", dedup_retries, 0)
        check_probability("mutation_prob", mutation_prob)
        check_probability("crossover_prob", crossover_prob)
        self.optimize_mode = optimize_mode
        self.objectives = Objectives((Objective(mode=optimize_mode),))
        self._population_size = population_size
        self._sample_size = sample_size
        self._mutation = mutation
        self._cycles = cycles
        self._mutation_prob = mutation_prob
        self._crossover_prob = crossover_prob
        self._attempts = 1 + dedup_retries
        self._ignores_failures = on_failure == "ignore"
        self._sampler = Sampler(dedup, model_filter)
        self._population = Population(population_size)
        self._initial_size = min(population_size, initial_size or population_size)
        self._tries = Tries() if mutation == "untried" else None
        self._proposed = 0
        self._inherits = inherit_weights

    @property
    def is_multi_objective(self) -> bool:
        return True

    def ask(self) -> Proposal | None:
        space = self.space
        if self.exhausted:
            return None
        proposal = self._propose_child(space) if self._is_populated else None
        if proposal is None:
            sample = self._sampler.draw(space, self.rng)
            proposal = None if sample is None else Proposal(sample)
        self._proposed += proposal is not None
        return proposal

    @property
    def _is_populated(self) -> bool:
        """Whether the first population is there; what others proposed may be part of it."""
        return max(self._proposed, len(self._population)) >= self._initial_size

    @property
    def exhausted(self) -> bool:
        return self._proposed >= self._cycles or self._sampler.exhausted

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        if self._space is not None:
            self._sampler.note(self._space, trial.sample)
        self._let_in(trial)

    def observe(self, trial: Trial) -> None:
        super().observe(trial)
        self._let_in(trial)

    def _let_in(self, trial: Trial) -> None:
        member = Member.of(trial, self.objectives)
        parent = None if trial.parent is None else self._population.find(trial.parent)
        if self._tries is not None and parent is not None and is_better(member, parent):
            self._tries.praise(parent.sample, member.sample)
        if member.is_rated or not self._ignores_failures:
            self._population.join(member)

    @property
    def inherits_weights(self) -> bool:
        return self._inherits

    def possible_parents(self) -> frozenset[int]:
        # One that is paused has no final weights yet.
        return frozenset(member.trial for member in self._population if self._may_inherit(member))

    def _may_inherit(self, parent: Member) -> bool:
        return self._inherits and parent.has_ended

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "proposed": self._proposed,
            "population": self._population.state(),
            "sampler": self._sampler.state(),
            "tries": None if self._tries is None else self._tries.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._proposed = state["proposed"]
        self._population.load_state(state["population"])
        self._sampler.load_state(state["sampler"])
        if self._tries is not None:
            self._tries.load_state(state["tries"] or ())

    def _propose_child(self, space: SearchSpace) -> Proposal | None:
        """A child of the winner of a tournament, or None if nobody is alive or no child may be proposed."""
        if not self._population:
            return None
        parent, origin = self._choose_parent(space)
        for child in itertools.islice(self._make_children(space, origin), self._attempts):
            if self._sampler.accept(space, child):
                if self._tries is not None:
                    self._tries.note(parent.sample, child)
                return Proposal(child, parent.trial, inherit=self._may_inherit(parent))
        return None

    def _make_children(self, space: SearchSpace, origin: Sample) -> Iterator[Sample]:
        """Mutants of ``origin``, and later mutants of mutants, without end."""
        while True:
            child = origin
            if self._tries is None:
                for _ in range(_SPREAD):
                    child = mutate(space, origin, self._mutation_prob, self.rng)
                    yield child
            else:
                for label, answer in self._tries.sort(list_moves(space, origin, self.rng)):
                    child = change(space, origin, label, answer, self.rng)
                    yield child
            if child == origin:
                return  # there is nothing to change
            origin = child

    def _choose_parent(self, space: SearchSpace) -> tuple[Member, Sample]:
        """The winner of a tournament, and what is to be mutated: its sample, or that crossed with another winner's."""
        parent = self._population.hold_tournament(self._sample_size, self.rng)
        if not self._crossover_prob or self.rng.random() >= self._crossover_prob:
            return parent, parent.sample
        other = self._population.hold_tournament(self._sample_size, self.rng)
        return find_best([parent, other]), cross(space, parent.sample, other.sample, self.rng)
