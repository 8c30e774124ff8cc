"""Regularized evolution."""

from __future__ import annotations

import functools
import random
import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import ConfigError, SpaceError
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import Random, RegularizedEvolution, Strategy
from retix.strategy.regularized_evolution import mutate
from retix.trial import Proposal, Trial, TrialState
from tests.space.spaces import decision_spaces
from tests.strategy.toys import StackSpace, ask_all, make_conditional_space, make_flat_space, make_trial, search

Genes = tuple[int, ...]


def count_matches(sample: Sample) -> float:
    """How many decisions have their best answer; easy to climb, hard to hit by chance."""
    return float(sum(sample[f"d{i}"] == i % 4 for i in range(len(sample))))


def evolve_by_the_paper(
    genes: int, options: int, population_size: int, sample_size: int, cycles: int, seed: int
) -> list[Genes]:
    """Algorithm 1 of arXiv 1802.01548 for one worker, with `count_matches` and one changed gene per child."""
    rng = random.Random(seed)

    def evaluate(model: Genes) -> int:
        return sum(gene == i % 4 for i, gene in enumerate(model))

    def mutate_one(model: Genes) -> Genes:
        # The engine asks for each gene whether it stays; with probability 0 all do, and one is forced to change.
        for _ in model:
            rng.random()
        at = rng.choice(range(genes))
        while (gene := rng.randrange(options)) == model[at]:
            pass
        return (*model[:at], gene, *model[at + 1 :])

    history = [tuple(rng.randrange(options) for _ in range(genes)) for _ in range(population_size)]
    population = list(history)
    while len(history) < cycles:
        tournament = [population[rng.randrange(len(population))] for _ in range(sample_size)]
        child = mutate_one(max(tournament, key=evaluate))
        population.append(child)
        history.append(child)
        population.pop(0)
    return history


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("population_size", "sample_size"), [(10, 3), (5, 5), (4, 9), (1, 1)])
def test_agrees_with_the_paper(population_size: int, sample_size: int, seed: int) -> None:
    """One worker and single mutations give the very sequence of the paper's algorithm."""
    strategy = RegularizedEvolution("maximize", population_size, sample_size, 80, mutation_prob=0, seed=seed)
    strategy.start(make_flat_space(6, 4))
    history = [tuple(p.sample[f"d{i}"] for i in range(6)) for p in search(strategy, count_matches, 100)]
    assert history == evolve_by_the_paper(6, 4, population_size, sample_size, 80, seed)


def test_beats_random_search() -> None:
    """On a problem that can be climbed, the median of evolution is better than that of chance."""

    def best(strategy: Strategy) -> float:
        strategy.start(make_flat_space(12))
        return max(count_matches(p.sample) for p in search(strategy, count_matches, 200, workers=4))

    evolution = [best(RegularizedEvolution(population_size=20, sample_size=5, seed=seed)) for seed in range(9)]
    chance = [best(Random(seed=seed)) for seed in range(9)]
    assert statistics.median(evolution) > statistics.median(chance) + 1


def test_minimize_is_maximize_of_the_negative() -> None:
    """The two modes mirror each other."""

    def rate(sign: int, sample: Sample) -> float:
        return sign * count_matches(sample)

    modes: list[tuple[Any, int]] = [("maximize", 1), ("minimize", -1)]
    runs = []
    for mode, sign in modes:
        strategy = RegularizedEvolution(mode, 5, 3, seed=0)
        strategy.start(make_flat_space(6))
        runs.append(search(strategy, functools.partial(rate, sign), 50))
    assert runs[0] == runs[1]


def test_ask_never_waits() -> None:
    """Random proposals fill the first population, and go on while nobody has finished."""
    strategy = RegularizedEvolution(population_size=3, sample_size=2, seed=0)
    strategy.start(make_flat_space(4))
    asked = [strategy.ask() for _ in range(10)]
    assert all(proposal is not None and proposal.parent is None for proposal in asked)
    strategy.tell(make_trial(7, asked[6] or Proposal(Sample()), 1.0))
    child = strategy.ask()
    assert child is not None
    assert child.parent == 7


def test_the_oldest_dies() -> None:
    """Parents come from the latest trials alone, even if an older one was the best."""
    strategy = RegularizedEvolution(population_size=3, sample_size=20, seed=0)
    strategy.start(make_flat_space(4))
    proposals = search(strategy, lambda s: 0.0, 3)
    for number, metric in ((4, 9.0), (5, 1.0), (6, 3.0), (7, 2.0)):
        strategy.tell(make_trial(number, proposals[0], metric))
    assert {proposal.parent for _ in range(10) if (proposal := strategy.ask())} == {6}


@pytest.mark.parametrize(("on_failure", "parents"), [("ignore", {1}), ("worst", {1, 2, 3, 4, 5, 6})])
def test_failures(on_failure: Any, parents: set[int]) -> None:
    """Trials without a finite metric stay out, or live on as the worst, and push out the oldest in time."""
    strategy = RegularizedEvolution(population_size=6, sample_size=1, on_failure=on_failure, seed=0)
    strategy.start(make_flat_space(4))
    sample = search(strategy, lambda s: None, 6)[0].sample
    strategy.tell(Trial(1, sample, TrialState.SUCCEEDED, {"default": -5.0}))
    strategy.tell(Trial(2, sample, TrialState.FAILED))
    strategy.tell(Trial(3, sample, TrialState.STOPPED))
    strategy.tell(Trial(4, sample, TrialState.DUPLICATE, duplicate_of=2))
    strategy.tell(Trial(5, sample, TrialState.SUCCEEDED, {"default": float("nan")}))
    strategy.tell(Trial(6, sample, TrialState.SUCCEEDED, {"loss": 1.0}))
    assert {proposal.parent for _ in range(60) if (proposal := strategy.ask())} == parents


@pytest.mark.parametrize(("mode", "bad"), [("maximize", -1e30), ("minimize", 1e30)])
def test_the_worst_loses_every_tournament(mode: Any, bad: float) -> None:
    """A failed trial is worse than any metric, in both modes."""
    strategy = RegularizedEvolution(mode, 2, 20, on_failure="worst", seed=0)
    strategy.start(make_flat_space(4))
    search(strategy, lambda s: None, 2)
    first = strategy.space.complete({})
    strategy.tell(Trial(98, first, TrialState.SUCCEEDED, {"default": bad}))
    strategy.tell(Trial(99, first, TrialState.FAILED))
    assert {proposal.parent for _ in range(10) if (proposal := strategy.ask())} == {98}


def test_duplicates_carry_their_metric() -> None:
    """A trial that repeats an earlier one enters the population with that one's result."""
    strategy = RegularizedEvolution(population_size=1, seed=0)
    strategy.start(make_flat_space(4))
    proposal = strategy.ask()
    assert proposal is not None
    strategy.tell(Trial(2, proposal.sample, TrialState.DUPLICATE, {"default": 1.0}, duplicate_of=1))
    child = strategy.ask()
    assert child is not None
    assert child.parent == 2


def test_inheritance_changes_no_proposal() -> None:
    """Children inherit from their parents, who are alive at that time; what is proposed stays the same."""
    runs = []
    for inherits in (False, True):
        strategy = RegularizedEvolution(population_size=4, sample_size=2, seed=0, inherit_weights=inherits)
        strategy.start(make_flat_space(6))
        runs.append(search(strategy, count_matches, 40))
        alive = set(range(37, 41)) if inherits else set()
        assert strategy.possible_parents() == alive
        assert all(proposal.inherit == (inherits and proposal.parent is not None) for proposal in runs[-1])
    plain, heirs = ([(p.sample, p.parent) for p in run] for run in runs)
    assert plain == heirs


def test_cycles_bound_the_proposals() -> None:
    """The search ends after as many proposals as there are cycles, the first population included."""
    strategy = RegularizedEvolution(population_size=3, cycles=7, seed=0)
    strategy.start(make_flat_space(4))
    assert len(search(strategy, count_matches, 100)) == 7
    assert strategy.exhausted


@pytest.mark.parametrize("retries", [0, 20])
def test_dedup_finds_every_network_once(retries: int) -> None:
    """Without repetition, evolution ends once it has met every network of the space."""
    strategy = RegularizedEvolution(population_size=4, sample_size=2, dedup=True, dedup_retries=retries, seed=0)
    space = StackSpace()
    strategy.start(space)
    samples = [p.sample for p in search(strategy, lambda s: float(s["depth"]), 1000)]
    assert len(samples) == len({space.fingerprint(s) for s in samples}) == StackSpace.networks
    assert strategy.exhausted


def test_filtered_children_never_come() -> None:
    """Neither a random sample nor a child passes a filter that refuses it."""
    strategy = RegularizedEvolution(
        population_size=4, sample_size=2, cycles=60, model_filter=lambda s: s["d0"] != 1, seed=0
    )
    strategy.start(make_flat_space(3))
    proposals = search(strategy, count_matches, 100)
    assert len(proposals) == 60
    assert {p.sample["d0"] for p in proposals} == {0, 2, 3}


def test_a_filter_that_refuses_everything_is_an_error() -> None:
    """A search that can propose nothing at all says so."""
    strategy = RegularizedEvolution(model_filter=lambda sample: False)
    strategy.start(make_conditional_space())
    with pytest.raises(SpaceError, match="model_filter refused every model"):
        strategy.ask()


@settings(deadline=None)  # a busy machine is no failure
@given(decision_spaces(), st.integers(0, 99), st.sampled_from([0.0, 0.3, 1.0]))
def test_mutants_differ_and_lie_in_the_space(space: DecisionSpace, seed: int, probability: float) -> None:
    """A child is a sample of the space, and another one than its parent if there is another."""
    rng = random.Random(seed)
    parent = space.walk(lambda d: d.draw(rng))
    child = mutate(space, parent, probability, rng)
    assert space.walk(lambda d: child[d.label]) == child
    assert (child != parent) == (space.size > 1)


def test_mutation_without_probability_changes_one_decision() -> None:
    """With probability 0, one answer changes, which may kill or wake others."""
    space, rng = make_conditional_space(), random.Random(0)
    parent = Sample({"op": "mlp", "width": 32, "inputs": (0, 1)})
    for _ in range(50):
        child = mutate(space, parent, 0.0, rng)
        if child["op"] == "mlp":
            assert sum(child[label] != parent[label] for label in parent) == 1
        else:
            assert set(child) == {"op", "kernel"}


def test_mutation_probability_is_per_answer() -> None:
    """An answer among 50 is drawn anew with the given probability, and then changes 3 times out of 4."""
    space, rng = make_flat_space(50), random.Random(0)
    parent = space.complete({})
    changes = [sum(answer != 0 for answer in mutate(space, parent, 0.2, rng).values()) for _ in range(200)]
    assert 6.5 < statistics.mean(changes) < 8.5


def test_mutation_gives_up_answers_that_do_not_fit() -> None:
    """Where an invented decision has other candidates for the child, the parent's answer is drawn anew."""
    space, rng = StackSpace(), random.Random(0)
    parent = Sample({"depth": 2, "channels0": 1, "channels1": 1, "colour": 0})
    children = {mutate(space, parent, 0.0, rng) for _ in range(100)}
    raised = [child for child in children if child["channels0"] == 3]
    assert raised == [Sample({"depth": 2, "channels0": 3, "channels1": 3, "colour": 0})]


def test_mutation_reaches_answers_without_weight() -> None:
    """Where the prior leaves no other answer, a child still differs from its parent."""
    space = DecisionSpace([Decision("a", (1, 2), weights=(1.0, 0.0))])
    assert mutate(space, Sample({"a": 1}), 0.0, random.Random(0)) == Sample({"a": 2})


def test_a_space_of_one_sample_repeats_it() -> None:
    """Without dedup there is nothing else to propose; with it, the search is over."""
    space = DecisionSpace([Decision("only", (1,))])
    for dedup, proposals in ((False, 9), (True, 1)):
        strategy = RegularizedEvolution(population_size=2, cycles=9, dedup=dedup, seed=0)
        strategy.start(space)
        assert len(search(strategy, lambda s: 1.0, 20)) == proposals
        assert ask_all(strategy) == []
        assert strategy.exhausted


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"population_size": 0}, "population_size is 0"),
        ({"sample_size": 0}, "sample_size is 0"),
        ({"cycles": 0}, "cycles is 0"),
        ({"dedup_retries": -1}, "dedup_retries is -1"),
        ({"mutation_prob": -0.1}, "mutation_prob is -0.1"),
        ({"mutation_prob": 1.5}, "mutation_prob is 1.5"),
        ({"mutation_prob": float("nan")}, "mutation_prob is nan"),
        ({"optimize_mode": "max"}, "optimize_mode is 'max'"),
        ({"on_failure": "raise"}, "on_failure is 'raise'"),
    ],
)
def test_settings_without_a_meaning_are_refused(settings: dict[str, Any], message: str) -> None:
    """A wrong setting is named with its value and with what would do."""
    with pytest.raises(ConfigError, match=message) as caught:
        RegularizedEvolution(**settings)
    assert caught.value.fix is not None
