"""The names that NNI's users import from ``nni.retiarii.operation``."""

from retix.ir import Cell, Operation

__all__ = ["Cell", "Operation"]
