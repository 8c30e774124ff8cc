"""Strategies under the names that older versions of NNI had for them."""

from retix.strategy.random_search import Random

RandomStrategy = Random
"""NNI 2.1's name."""

__all__ = ["RandomStrategy"]
