"""The names that NNI's users import from ``nni.retiarii.mutator``."""

from retix.errors import InvalidMutation
from retix.mutation import Mutator, Sampler

__all__ = ["InvalidMutation", "Mutator", "Sampler"]
