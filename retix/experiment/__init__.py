"""Experiments: everything below, put together."""

from retix.experiment.config import RetiariiExeConfig, TrainingService
from retix.experiment.experiment import RetiariiExperiment
from retix.experiment.search import EndReason

__all__ = ["EndReason", "RetiariiExeConfig", "RetiariiExperiment", "TrainingService"]
