"""Decisions, samples and the spaces they span; no torch."""

from retix.space.constraint import Constraint, constraint
from retix.space.counting import Counter
from retix.space.decision import Choice, Condition, Decision, FrozenDict, freeze
from retix.space.depth_first import DepthFirst
from retix.space.expression import (
    CALLED,
    Applied,
    Called,
    Chosen,
    Expression,
    Known,
    all_of,
    any_of,
    apply,
    apply_function,
    contains,
    evaluate,
    expression_from_json,
    find_expressions,
    relabel,
)
from retix.space.formula import ALWAYS, AllOf, Answered, AnyOf, Explainer, Formula, Holds, Includes, find_labels
from retix.space.guard import Guard
from retix.space.limited_space import LimitedSpace
from retix.space.nasbench101 import takes_part, vertex_width
from retix.space.propositions import Course, KnownAnswers, Network, Proposition, Question, Test, UnansweredError
from retix.space.reading import read_sample
from retix.space.sample import Sample
from retix.space.search_space import DecisionSpace, Pick, SearchSpace, check_known

__all__ = [
    "ALWAYS",
    "CALLED",
    "AllOf",
    "Answered",
    "AnyOf",
    "Applied",
    "Called",
    "Choice",
    "Chosen",
    "Condition",
    "Constraint",
    "Counter",
    "Course",
    "Decision",
    "DecisionSpace",
    "DepthFirst",
    "Explainer",
    "Expression",
    "Formula",
    "FrozenDict",
    "Guard",
    "Holds",
    "Includes",
    "Known",
    "KnownAnswers",
    "LimitedSpace",
    "Network",
    "Pick",
    "Proposition",
    "Question",
    "Sample",
    "SearchSpace",
    "Test",
    "UnansweredError",
    "all_of",
    "any_of",
    "apply",
    "apply_function",
    "check_known",
    "constraint",
    "contains",
    "evaluate",
    "expression_from_json",
    "find_expressions",
    "find_labels",
    "freeze",
    "read_sample",
    "relabel",
    "takes_part",
    "vertex_width",
]
