"""Experiments: everything below, put together."""

from retix.experiment.config import RetiariiExeConfig
from retix.experiment.engine_config import (
    BaseEngineConfig,
    BenchmarkEngineConfig,
    CgoEngineConfig,
    ExecutionEngineConfig,
    OneshotEngineConfig,
    PyEngineConfig,
)
from retix.experiment.experiment import RetiariiExperiment, debug_mutated_model
from retix.experiment.export.folder import Folder, export_folders
from retix.experiment.export.self_check import CheckOutcome
from retix.experiment.record.earlier import Earlier, change_config, find_earlier
from retix.experiment.recorded import RecordedExperiment
from retix.experiment.search.ending import EndReason
from retix.experiment.search.failure_policy import FailurePolicy
from retix.experiment.training_service import RayService, TrainingService
from retix.experiment.user_mutators import DecisionMutator, evaluator_mutators

__all__ = [
    "BaseEngineConfig",
    "BenchmarkEngineConfig",
    "CgoEngineConfig",
    "CheckOutcome",
    "DecisionMutator",
    "Earlier",
    "EndReason",
    "ExecutionEngineConfig",
    "FailurePolicy",
    "Folder",
    "OneshotEngineConfig",
    "PyEngineConfig",
    "RayService",
    "RecordedExperiment",
    "RetiariiExeConfig",
    "RetiariiExperiment",
    "TrainingService",
    "change_config",
    "debug_mutated_model",
    "evaluator_mutators",
    "export_folders",
    "find_earlier",
]
