"""The names that NNI's users import from ``nni.retiarii.strategy.evolution``."""

from retix.strategy.regularized_evolution import RegularizedEvolution

__all__ = ["RegularizedEvolution"]
