"""Search strategies: what to try next, given what was tried; no torch."""

from retix.door import open_door
from retix.strategy.base_strategy import BaseStrategy
from retix.strategy.chain import Chain
from retix.strategy.constrained import Constrained
from retix.strategy.dedup import Dedup
from retix.strategy.grid_search import GridSearch
from retix.strategy.local_search import LocalSearch
from retix.strategy.optuna import GP, NSGA2, TPE
from retix.strategy.random_search import Random
from retix.strategy.ranked import Ranked
from retix.strategy.regularized_evolution import RegularizedEvolution
from retix.strategy.strategy import Strategy
from retix.strategy.warm_start import WarmStart
from retix.strategy.wrapper import Wrapper

__all__ = [
    "GP",
    "NSGA2",
    "TPE",
    "BaseStrategy",
    "Chain",
    "Constrained",
    "Dedup",
    "GridSearch",
    "LocalSearch",
    "Random",
    "Ranked",
    "RegularizedEvolution",
    "Strategy",
    "WarmStart",
    "Wrapper",
]

# What needs torch is found when it is first used. `RandomStrategy` is what NNI 2.1 called `Random`, and
# `TPEStrategy` what NNI called `TPE`.
__getattr__ = open_door(
    __name__,
    TPEStrategy="retix.strategy.tpe_strategy",
    PolicyBasedRL="retix.strategy.policy_based_rl",
    RandomStrategy="retix.strategy.renamed",
    _LocalDebugStrategy="retix.compat",
)
