"""Search strategies: what to try next, given what was tried; no torch."""

from retix.door import open_door
from retix.strategy.base_strategy import BaseStrategy
from retix.strategy.grid_search import GridSearch
from retix.strategy.random_search import Random
from retix.strategy.regularized_evolution import RegularizedEvolution
from retix.strategy.strategy import Strategy

__all__ = ["BaseStrategy", "GridSearch", "Random", "RegularizedEvolution", "Strategy"]

# `RandomStrategy` is what NNI 2.1 called `Random`.
__getattr__ = open_door(__name__, RandomStrategy="retix.strategy.renamed", _LocalDebugStrategy="retix.compat")
