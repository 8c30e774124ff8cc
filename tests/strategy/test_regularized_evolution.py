"""Regularized evolution."""

from __future__ import annotations

import functools
import random
import statistics
from typing import Any

import pytest

from retix.errors import ConfigError, SpaceError
from retix.objective import Limit, Objective, Objectives
from retix.pareto import hypervolume
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import Random, RegularizedEvolution, Strategy
from retix.trial import Proposal, Trial, TrialState
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


def test_crossing_mixes_two_winners() -> None:
    """Children of two winners have answers of both, but for one that is mutated; the fitter one is their parent."""
    strategy = RegularizedEvolution(population_size=2, sample_size=1, mutation_prob=0, crossover_prob=1.0, seed=0)
    strategy.start(make_flat_space(8))
    search(strategy, lambda s: None, 2)
    low, high = ({f"d{i}": answer for i in range(8)} for answer in (0, 3))
    strategy.tell(Trial(98, Sample(low), TrialState.SUCCEEDED, {"default": 1.0}))
    strategy.tell(Trial(99, Sample(high), TrialState.SUCCEEDED, {"default": 2.0}))
    children = [proposal for _ in range(40) if (proposal := strategy.ask())]
    mixed = [child for child in children if {0, 3} <= set(child.sample.values())]
    assert len(mixed) > 10
    assert all(sum(answer in (0, 3) for answer in child.sample.values()) >= 7 for child in children)
    for child in children:
        counts = [sum(child.sample[label] == parent[label] for label in low) for parent in (low, high)]
        assert child.parent == 99 or counts[0] >= 7


def test_tournaments_may_begin_early() -> None:
    """With an initial size, the population grows by children until it is full."""
    strategy = RegularizedEvolution(population_size=20, sample_size=20, initial_size=3, seed=0)
    strategy.start(make_flat_space(6))
    parents = [p.parent for p in search(strategy, count_matches, 30)]
    assert parents[:3] == [None] * 3
    assert None not in parents[3:]


def test_a_population_of_others_is_evolved_at_once() -> None:
    """What a warm start or another strategy has found is the first population, and is not proposed again."""
    strategy = RegularizedEvolution(population_size=4, sample_size=99, mutation_prob=0, dedup=True, seed=0)
    strategy.start(make_flat_space(1, 6))
    for number in range(4):
        strategy.tell(make_trial(-number - 1, Proposal(Sample({"d0": number})), float(number)))
    proposals = [strategy.ask(), strategy.ask()]
    assert [proposal and proposal.parent for proposal in proposals] == [-4, -4]
    assert {proposal.sample["d0"] for proposal in proposals if proposal} == {4, 5}
    assert strategy.exhausted


def test_paused_trials_are_parents() -> None:
    """A paused trial counts by what it has shown, in its place by age, until it shows more; no weights come of it."""
    strategy = RegularizedEvolution(population_size=3, sample_size=20, inherit_weights=True, seed=0)
    strategy.start(make_flat_space(4))
    first, second, third = (p.sample for p in search(strategy, lambda s: None, 3))
    strategy.observe(Trial(11, first, TrialState.WAITING, {"default": 3.0}, steps=1))
    strategy.tell(Trial(12, second, TrialState.PRUNED, {"default": 2.0}, steps=1))
    child = strategy.ask()
    assert child is not None
    assert (child.parent, child.inherit) == (11, False)
    assert strategy.possible_parents() == {12}
    strategy.tell(Trial(11, first, TrialState.SUCCEEDED, {"default": 1.0}, steps=9))
    child = strategy.ask()
    assert child is not None
    assert (child.parent, child.inherit) == (12, True)
    strategy.tell(Trial(13, third, TrialState.SUCCEEDED, {"default": 0.0}))
    assert strategy.possible_parents() == {11, 12, 13}
    strategy.tell(Trial(14, third, TrialState.SUCCEEDED, {"default": 0.0}))
    assert strategy.possible_parents() == {12, 13, 14}


def test_several_objectives() -> None:
    """Parents come from the front, from its whole width; what breaks a limit loses against what breaks none."""
    objectives = Objectives([Objective(), Objective("parameters", "minimize")], [Limit("latency", at_most=1.0)])
    strategy = RegularizedEvolution(population_size=4, sample_size=30, seed=0)
    strategy.aim(objectives)
    strategy.start(make_flat_space(6))
    samples = [p.sample for p in search(strategy, lambda s: None, 4)]
    values = [(0.9, 90.0, 1.0), (0.5, 10.0, 1.0), (0.4, 20.0, 1.0), (0.99, 5.0, 2.0)]
    for number, (sample, (accuracy, parameters, latency)) in enumerate(zip(samples, values, strict=True), 1):
        metrics = {"default": accuracy, "parameters": parameters, "latency": latency}
        strategy.tell(Trial(number, sample, TrialState.SUCCEEDED, metrics))
    assert {proposal.parent for _ in range(30) if (proposal := strategy.ask())} == {1, 2}


def test_finds_a_front() -> None:
    """With two objectives that pull apart, evolution covers more of the front than chance does."""

    def measure(sample: Sample) -> tuple[float, float]:
        gain = sum(sample.values())
        return -gain, gain + 2 * sum(answer in (1, 2) for answer in sample.values())

    def cover(strategy: Strategy) -> float:
        strategy.aim(Objectives([Objective("gain"), Objective("price", "minimize")]))
        strategy.start(make_flat_space(8))
        found = []
        for number in range(1, 201):
            proposal = strategy.ask()
            assert proposal is not None
            found.append(measure(proposal.sample))
            metrics = {"default": 0.0, "gain": -found[-1][0], "price": found[-1][1]}
            strategy.tell(Trial(number, proposal.sample, TrialState.SUCCEEDED, metrics, parent=proposal.parent))
        return hypervolume(found, (1.0, 41.0))

    settings: dict[str, Any] = {"population_size": 50, "sample_size": 10, "initial_size": 10, "mutation": "untried"}
    evolved = [cover(RegularizedEvolution(**settings, dedup=True, seed=seed)) for seed in range(3)]
    chance = [cover(Random(seed=seed)) for seed in range(3)]
    assert min(evolved) > max(chance)


def test_the_untried_comes_first() -> None:
    """The children of one parent change to each of the 12 other answers once before any comes again."""
    strategy = RegularizedEvolution(population_size=1, mutation="untried", seed=0)
    strategy.start(make_flat_space(4))
    first = strategy.ask()
    assert first is not None
    strategy.tell(make_trial(1, first, 1.0))
    children = [proposal.sample for _ in range(24) if (proposal := strategy.ask())]
    assert len(set(children[:12])) == 12
    assert set(children[:12]) == set(children[12:])
    assert first.sample not in children


def test_small_budgets() -> None:
    """The settings that are advised for some tens of trials climb further in 40 than the paper's in as many."""

    def best(seed: int, **arguments: Any) -> float:
        strategy = RegularizedEvolution(seed=seed, dedup=True, **arguments)
        strategy.start(make_flat_space(9, 3))
        return max(count_matches(p.sample) for p in search(strategy, count_matches, 30))

    advised = {"population_size": 20, "sample_size": 20, "initial_size": 3, "mutation": "untried"}
    few = [best(seed, **advised) for seed in range(5)]
    many = [best(seed, population_size=10, sample_size=5, mutation_prob=0) for seed in range(5)]
    assert statistics.mean(few) > statistics.mean(many)


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
        ({"crossover_prob": 2.0}, "crossover_prob is 2.0"),
        ({"initial_size": 0}, "initial_size is 0"),
        ({"mutation": "none"}, "mutation is 'none'"),
        ({"optimize_mode": "max"}, "optimize_mode is 'max'"),
        ({"on_failure": "raise"}, "on_failure is 'raise'"),
    ],
)
def test_settings_without_a_meaning_are_refused(settings: dict[str, Any], message: str) -> None:
    """A wrong setting is named with its value and with what would do."""
    with pytest.raises(ConfigError, match=message) as caught:
        RegularizedEvolution(**settings)
    assert caught.value.fix is not None
