"""Experiments: everything below, put together."""

from retix.experiment.config import RetiariiExeConfig, TrainingService
from retix.experiment.engine_config import (
    BaseEngineConfig,
    BenchmarkEngineConfig,
    CgoEngineConfig,
    ExecutionEngineConfig,
    OneshotEngineConfig,
    PyEngineConfig,
)
from retix.experiment.experiment import RetiariiExperiment, debug_mutated_model
from retix.experiment.search import EndReason
from retix.experiment.user_mutators import DecisionMutator, evaluator_mutators

__all__ = [
    "BaseEngineConfig",
    "BenchmarkEngineConfig",
    "CgoEngineConfig",
    "DecisionMutator",
    "EndReason",
    "ExecutionEngineConfig",
    "OneshotEngineConfig",
    "PyEngineConfig",
    "RetiariiExeConfig",
    "RetiariiExperiment",
    "TrainingService",
    "debug_mutated_model",
    "evaluator_mutators",
]
