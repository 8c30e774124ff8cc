"""What happened in an experiment, on disk: one writer, any number of readers; no torch."""

from retix.store.command import Command, send_command, wait_for_answer
from retix.store.database import JournalMode
from retix.store.document import describe_experiment, describe_trial
from retix.store.front import find_best, find_front, read_objectives
from retix.store.info import ExperimentInfo, ExperimentState, OptimizeMode
from retix.store.journal import Attempt, CommandAnswer, FailureCount, PastConfig, Step, StepKind
from retix.store.listing import list_experiments, list_ids, read_experiment
from retix.store.lock import Holder, read_holder
from retix.store.privacy import check_private
from retix.store.queries import TrialOrder
from retix.store.reader import StoreReader
from retix.store.store import Store

__all__ = [
    "Attempt",
    "Command",
    "CommandAnswer",
    "ExperimentInfo",
    "ExperimentState",
    "FailureCount",
    "Holder",
    "JournalMode",
    "OptimizeMode",
    "PastConfig",
    "Step",
    "StepKind",
    "Store",
    "StoreReader",
    "TrialOrder",
    "check_private",
    "describe_experiment",
    "describe_trial",
    "find_best",
    "find_front",
    "list_experiments",
    "list_ids",
    "read_experiment",
    "read_holder",
    "read_objectives",
    "send_command",
    "wait_for_answer",
]
