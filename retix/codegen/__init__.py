"""From the IR to Python source that a person would accept as their own; no torch."""

from retix.codegen.generation import Generator, generate
from retix.codegen.source import Source
from retix.door import open_door

__all__ = ["Generator", "Source", "generate"]

__getattr__ = open_door(__name__, model_to_pytorch_script="retix.compat")
