"""Search strategies: what to try next, given what was tried; no torch."""

from retix.strategy.grid_search import GridSearch
from retix.strategy.random_search import Random
from retix.strategy.regularized_evolution import RegularizedEvolution
from retix.strategy.strategy import Strategy

__all__ = ["GridSearch", "Random", "RegularizedEvolution", "Strategy"]
