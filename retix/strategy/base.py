"""The names that NNI's users import from ``nni.retiarii.strategy.base``."""

from retix.strategy.base_strategy import BaseStrategy

__all__ = ["BaseStrategy"]
