"""Rewriting models by choices; no torch."""

from retix.mutation.inline import InlineMutator
from retix.mutation.model_space import MutationSpace
from retix.mutation.mutator import Answer, Mutator, answers

__all__ = ["Answer", "InlineMutator", "MutationSpace", "Mutator", "answers"]
