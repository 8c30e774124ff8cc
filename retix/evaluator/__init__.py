"""Evaluators train a model and report how good it is."""

from typing import TYPE_CHECKING

from retix.door import open_door
from retix.evaluator.checkpoint import Checkpoint, checkpointing, current_checkpoint
from retix.evaluator.evaluator import Evaluator
from retix.evaluator.functional import FunctionalEvaluator
from retix.evaluator.opening import OpenEvaluator
from retix.evaluator.report import (
    Reporter,
    TrialEnded,
    report_final_result,
    report_intermediate_result,
    reporting,
)

if TYPE_CHECKING:
    from retix.evaluator.continuation import continue_from_checkpoint

__all__ = [
    "Checkpoint",
    "Evaluator",
    "FunctionalEvaluator",
    "OpenEvaluator",
    "Reporter",
    "TrialEnded",
    "checkpointing",
    "continue_from_checkpoint",
    "current_checkpoint",
    "report_final_result",
    "report_intermediate_result",
    "reporting",
]

# Found when it is first used, because it needs torch, and an evaluator need not.
__getattr__ = open_door(__name__, continue_from_checkpoint="retix.evaluator.continuation")
