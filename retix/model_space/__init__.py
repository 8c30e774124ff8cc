"""Spaces of models, to look at, to draw from, and to search."""

from retix.model_space.archive import read_inputs, write_inputs
from retix.model_space.loading import build_from_source
from retix.model_space.model_space import EngineName, ModelSpace

__all__ = ["EngineName", "ModelSpace", "build_from_source", "read_inputs", "write_inputs"]
