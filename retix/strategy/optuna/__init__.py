"""Strategies that propose by Optuna's samplers, an optional dependency; importing this imports neither it nor torch."""

from retix.strategy.optuna.gp import GP
from retix.strategy.optuna.nsga2 import NSGA2
from retix.strategy.optuna.optuna_strategy import OptunaStrategy
from retix.strategy.optuna.tpe import TPE

__all__ = ["GP", "NSGA2", "TPE", "OptunaStrategy"]
