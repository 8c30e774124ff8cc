"""The names that NNI's users import from ``nni.retiarii.strategy.local_debug_strategy``."""

from retix.compat import _LocalDebugStrategy

__all__ = ["_LocalDebugStrategy"]
