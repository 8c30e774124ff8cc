"""The names that NNI's users import from ``nni.retiarii.strategy.bruteforce``."""

from retix.strategy.grid_search import GridSearch
from retix.strategy.random_search import Random

__all__ = ["GridSearch", "Random"]
