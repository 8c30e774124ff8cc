"""Decisions, samples and the spaces they span; no torch."""

from retix.space.decision import Choice, Condition, Decision, freeze
from retix.space.expression import (
    Applied,
    Chosen,
    Expression,
    apply,
    evaluate,
    expression_from_json,
    find_expressions,
)
from retix.space.sample import Sample
from retix.space.search_space import DecisionSpace, Pick, SearchSpace

__all__ = [
    "Applied",
    "Choice",
    "Chosen",
    "Condition",
    "Decision",
    "DecisionSpace",
    "Expression",
    "Pick",
    "Sample",
    "SearchSpace",
    "apply",
    "evaluate",
    "expression_from_json",
    "find_expressions",
    "freeze",
]
