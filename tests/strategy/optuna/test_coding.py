"""Decisions in the words of Optuna."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from retix.space import Decision
from retix.strategy.optuna.coding import Codebook, Coding

RNG = random.Random(0)

DECISIONS = {
    "numbers": Decision("width", (64, 16, 32.5)),
    "two numbers": Decision("width", (16, 32)),
    "booleans": Decision("bias", (True, False)),
    "mixed": Decision("mixed", (1, "1", True, None, (1, 2))),
    "one": Decision("only", ("a",)),
    "few subsets": Decision("inputs", ("a", "b", "c"), n_chosen=2),
    "any subset": Decision("inputs", ("a", "b"), n_chosen=-1),
    "many subsets": Decision("inputs", tuple("abcdef"), n_chosen=3),
    "very many subsets": Decision("inputs", tuple("abcde"), n_chosen=-1),
}


def find(decision: Decision) -> Coding:
    """Its coding."""
    return Codebook()[decision]


@pytest.mark.parametrize("decision", DECISIONS.values(), ids=DECISIONS)
def test_every_answer_has_values(decision: Decision) -> None:
    """Each answer is written in values of the distributions, differs from all others, and is read again."""
    coding = find(decision)
    written = set()
    for option in decision.options():
        values = coding.encode(option)
        assert values.keys() == coding.distributions.keys()
        for name, value in values.items():
            assert coding.distributions[name].to_internal_repr(value) == value
        assert repr(coding.decode(values, RNG)) == repr(option)
        written.add(tuple(values.items()))
    assert len(written) == decision.size


def test_numbers_are_in_order() -> None:
    """Three numbers or more are indices in rising order, whatever their order as candidates."""
    coding = find(DECISIONS["numbers"])
    (distribution,) = coding.distributions.values()
    assert distribution == IntDistribution(0, 2)
    assert [list(coding.encode(width).values()) for width in (16, 32.5, 64)] == [[0], [1], [2]]


@pytest.mark.parametrize("name", ["two numbers", "booleans", "mixed", "few subsets"])
def test_the_rest_is_categorical(name: str) -> None:
    """What has no order that says something is a list."""
    (distribution,) = find(DECISIONS[name]).distributions.values()
    assert isinstance(distribution, CategoricalDistribution)
    assert len(distribution.choices) == DECISIONS[name].size


def test_one_answer_needs_no_parameter() -> None:
    """Where there is nothing to decide, samplers are not asked."""
    assert find(DECISIONS["one"]).distributions == {}


@pytest.mark.parametrize(("n_chosen", "least", "most"), [(3, 3, 3), (-1, 1, 6)])
def test_subsets_are_repaired(n_chosen: int, least: int, most: int) -> None:
    """Too many members are thinned out and too few filled up; what is right stays."""
    coding = find(Decision("inputs", tuple("abcdef"), n_chosen=n_chosen))
    names = list(coding.distributions)
    for bits in range(2**6):
        wanted = {index for index in range(6) if bits >> index & 1}
        chosen = coding.decode({name: int(index in wanted) for index, name in enumerate(names)}, RNG)
        assert list(chosen) == sorted(set(chosen))
        assert least <= len(chosen) <= most
        assert wanted <= set(chosen) or set(chosen) <= wanted
        assert wanted == set(chosen) or not least <= len(wanted) <= most


def test_near_answers() -> None:
    """The nearest allowed answer is the nearest number, the subset with most in common, or any."""
    assert find(DECISIONS["numbers"]).near(64, (16, 32.5), RNG) == 32.5
    subsets = ((0, 1, 5), (1, 2, 3), (3, 4, 5))
    assert find(DECISIONS["many subsets"]).near((0, 2, 3), subsets, RNG) == (1, 2, 3)
    assert {find(DECISIONS["mixed"]).near(None, (1, "1"), RNG) for _ in range(30)} == {1, "1"}


def test_names_tell_candidates_apart() -> None:
    """A label with other candidates is another parameter; what is alive when, and allowed, makes no difference."""
    book = Codebook()
    first = Decision("width", (16, 32, 64))
    assert book[first] is book[replace(first, when=((("op", "conv"),),), allowed=(16,))]
    names = {
        name
        for decision in (first, Decision("width", (16, 32)), Decision("width", (1, 2), n_chosen=1))
        for name in book[decision].distributions
    }
    assert len(names) == 3
    assert len({*book[Decision("x", (0, 1))].distributions, *book[Decision("x", (False, True))].distributions}) == 2
