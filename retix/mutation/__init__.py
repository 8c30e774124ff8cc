"""Rewriting models by choices, and by patterns; no torch."""

from retix.ir import Match, Pattern, Region, Site, find_matches, inline, insert, rewrite, step, wildcard
from retix.mutation.inheritance import InheritancePlan, plan_by_names, plan_inheritance
from retix.mutation.inline import InlineMutator
from retix.mutation.model_space import MutationSpace, SpaceDecision
from retix.mutation.mutator import Answer, Mutator, answers, replay
from retix.mutation.open_choices import find_decisions
from retix.mutation.sampler import Sampler
from retix.mutation.split import FillMutator, LabelMutator, RuleMutator, split_choices

__all__ = [
    "Answer",
    "FillMutator",
    "InheritancePlan",
    "InlineMutator",
    "LabelMutator",
    "Match",
    "MutationSpace",
    "Mutator",
    "Pattern",
    "Region",
    "RuleMutator",
    "Sampler",
    "Site",
    "SpaceDecision",
    "answers",
    "find_decisions",
    "find_matches",
    "inline",
    "insert",
    "plan_by_names",
    "plan_inheritance",
    "replay",
    "rewrite",
    "split_choices",
    "step",
    "wildcard",
]
