"""From the IR to Python source that a person would accept as their own; no torch."""

from retix.codegen.generation import generate
from retix.codegen.source import Source

__all__ = ["Source", "generate"]
