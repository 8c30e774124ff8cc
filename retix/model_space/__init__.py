"""Spaces of models, to look at, to draw from, and to search."""

from retix.model_space.model_space import EngineName, ModelSpace

__all__ = ["EngineName", "ModelSpace"]
