"""Constraints on spaces of decisions."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.errors import SpaceError
from retix.space import Chosen, Constraint, Decision, DecisionSpace, Sample, all_of, apply_function, constraint
from retix.strategy import GridSearch, Random, RegularizedEvolution
from retix.trial import Trial, TrialState
from tests.space.spaces import decision_spaces, list_samples

WIDTH = Chosen(Decision("width", (8, 16, 32)))
DEPTH = Chosen(Decision("depth", (1, 2, 4)))
RULE = constraint(WIDTH * DEPTH <= 32, "the model has to fit")
SPACE = DecisionSpace([WIDTH.decision, DEPTH.decision], [RULE])
KEPT = {Sample({"width": w, "depth": d}) for w, d in itertools.product((8, 16, 32), (1, 2, 4)) if w * d <= 32}


def test_constraint_is_data() -> None:
    """A constraint goes to JSON and back, and under other labels."""
    again = Constraint.from_json(json.loads(json.dumps(RULE.to_json())))
    assert str(again) == str(RULE)
    assert again.labels == ("width", "depth")
    assert again.relabel(lambda label: f"net.{label}").labels == ("net.width", "net.depth")


def test_constraint_has_to_be_open() -> None:
    """A plain boolean is no rule."""
    with pytest.raises(SpaceError, match="has to be a condition on choices"):
        constraint(3 < 4)


def test_only_kept_samples() -> None:
    """Grid, size and walks of every kind hold the samples that keep the rule, and all of them."""
    assert SPACE.size == len(KEPT) == 6
    assert set(SPACE.grid()) == KEPT
    rng = random.Random(0)
    assert {SPACE.walk(lambda decision: decision.draw(rng)) for _ in range(100)} == KEPT


@pytest.mark.parametrize("strategy", [GridSearch(True, 1), GridSearch(False), Random(seed=0)])
def test_strategies_end_with_exactly_the_kept_samples(strategy: GridSearch | Random) -> None:
    """Grid search, and random search without duplicates, give each kept sample once and then end."""
    strategy.start(DecisionSpace([WIDTH.decision, DEPTH.decision], [RULE]))
    samples = [proposal.sample for proposal in iter(strategy.ask, None)]
    assert len(samples) == len(KEPT)
    assert set(samples) == KEPT
    assert strategy.exhausted


def test_children_keep_the_rules() -> None:
    """Evolution never proposes a sample that breaks a rule."""
    strategy = RegularizedEvolution(population_size=3, sample_size=2, mutation_prob=0.5, seed=0)
    strategy.start(SPACE)
    for number in range(1, 60):
        proposal = strategy.ask()
        assert proposal is not None
        assert proposal.sample in KEPT
        metrics = {"default": float(proposal.sample["width"])}
        strategy.tell(Trial(number, proposal.sample, TrialState.SUCCEEDED, metrics, parent=proposal.parent))


def test_nothing_meets_the_constraint() -> None:
    """A space without samples says which rule is to blame, and what its sides can be."""
    space = DecisionSpace([WIDTH.decision, DEPTH.decision], [RULE, constraint(WIDTH * DEPTH > 500, "large")])
    with pytest.raises(SpaceError, match="no model of the space meets the constraint large") as caught:
        space.walk(Decision.first)
    assert "8 or 16 or 32 or 64 or 128" in str(caught.value)
    assert "fit" not in str(caught.value)
    assert space.size == 0


def test_contradicting_constraints() -> None:
    """Rules that only contradict each other are all named."""
    space = DecisionSpace([WIDTH.decision], [constraint(WIDTH > 8, "wide"), constraint(WIDTH < 16, "slim")])
    with pytest.raises(SpaceError, match=r"wide.*together with.*slim"):
        space.walk(Decision.first)


def test_rule_on_dead_decisions_says_nothing() -> None:
    """Where a decision of a rule is dead, the rule is kept."""
    op = Decision("op", ("conv", "none"))
    kernel = Chosen(Decision("kernel", (3, 5), when=((("op", "conv"),),)))
    space = DecisionSpace([op, kernel.decision], [constraint(kernel == 5)])
    assert set(space.grid()) == {Sample({"op": "conv", "kernel": 5}), Sample({"op": "none"})}
    assert space.size == 2


def test_unknown_label() -> None:
    """A rule about what is not there is refused."""
    with pytest.raises(SpaceError, match="speaks of the choice 'depth', which the space does not have"):
        DecisionSpace([WIDTH.decision], [RULE])


def is_prime(value: int) -> bool:
    """A rule that only Python knows."""
    return value > 1 and all(value % divisor for divisor in range(2, value))


def test_opaque_rules() -> None:
    """A function of one's own is a rule like any other."""
    number = Chosen(Decision("number", tuple(range(30))))
    space = DecisionSpace([number.decision], [constraint(apply_function(is_prime, number))])
    assert [sample["number"] for sample in space.grid()] == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]


def test_sums_are_counted_by_their_values() -> None:
    """Forty decisions are counted by the distribution of their sum, without listing 3 ** 40 samples."""
    parts = [Chosen(Decision(f"d{index}", (0, 1, 2))) for index in range(40)]
    space = DecisionSpace([part.decision for part in parts], [constraint(sum(parts) == 40)])
    ways = [1]
    for _ in parts:
        ways = [sum(ways[max(0, total - 2) : total + 1]) for total in range(len(ways) + 2)]
    assert space.size == ways[40]
    rng = random.Random(0)
    assert all(sum(space.walk(lambda d: d.draw(rng)).values()) == 40 for _ in range(5))


@settings(deadline=None, max_examples=60)  # a busy machine is no failure
@given(decision_spaces(), st.randoms(use_true_random=False))
def test_random_rules(space: DecisionSpace, rng: random.Random) -> None:
    """With rules that compare random decisions, size, grid and grid search agree with brute force."""
    chosen = [Chosen(decision) for decision in space.decisions]
    if not chosen:
        return
    rules = []
    for _ in range(rng.randrange(1, 3)):
        left, right = rng.choice(chosen), rng.choice(chosen)
        same = left == rng.choice(list(left.decision.options()))
        rules.append(constraint(rng.choice([left != right, same, all_of(same, left == right)])))
    kept = {sample for sample in list_samples(space) if all(rule.admits(sample) for rule in rules)}
    ruled = DecisionSpace(space.decisions, rules)
    assert ruled.size == len(kept)
    assert set(ruled.grid()) == kept
    if kept:
        strategy = GridSearch(False)
        strategy.start(ruled)
        assert [proposal.sample for proposal in iter(strategy.ask, None)] == list(ruled.grid())
