"""What happened in an experiment, on disk: one writer, any number of readers; no torch."""

from retix.store.document import describe_experiment, describe_trial
from retix.store.info import ExperimentInfo, ExperimentState, OptimizeMode
from retix.store.reader import StoreReader, TrialOrder, list_experiments, list_ids, read_experiment
from retix.store.store import Store

__all__ = [
    "ExperimentInfo",
    "ExperimentState",
    "OptimizeMode",
    "Store",
    "StoreReader",
    "TrialOrder",
    "describe_experiment",
    "describe_trial",
    "list_experiments",
    "list_ids",
    "read_experiment",
]
