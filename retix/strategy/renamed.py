"""Strategies under the names that older versions of NNI had for them."""

from retix.strategy.optuna import TPE
from retix.strategy.random_search import Random

RandomStrategy = Random
"""NNI 2.1's name."""

TPEStrategy = TPE
"""NNI's name. Its own always minimised; this one takes ``optimize_mode``, as the other strategies do."""

__all__ = ["RandomStrategy", "TPEStrategy"]
