"""Evaluators train a model and report how good it is."""

from retix.evaluator.evaluator import Evaluator
from retix.evaluator.functional import FunctionalEvaluator
from retix.evaluator.opening import OpenEvaluator
from retix.evaluator.report import Reporter, report_final_result, report_intermediate_result, reporting

__all__ = [
    "Evaluator",
    "FunctionalEvaluator",
    "OpenEvaluator",
    "Reporter",
    "report_final_result",
    "report_intermediate_result",
    "reporting",
]
