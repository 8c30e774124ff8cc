"""The engine that runs trials on the nodes of a Ray cluster; ray itself is imported when an engine is made."""

from retix.execution.ray.engine import RayEngine

__all__ = ["RayEngine"]
