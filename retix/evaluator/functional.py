"""An evaluator made of one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from retix.errors import EvaluationError
from retix.evaluator.evaluator import Evaluator
from retix.evaluator.report import RememberingReporter, current_reporter, report_final_result, reporting

if TYPE_CHECKING:
    # For annotations alone: a worker pays for torch only if the function uses it.
    from torch import nn


class FunctionalEvaluator(Evaluator):
    """Calls ``function(model_cls, **kwargs)``.

    The function reports by `report_intermediate_result` and `report_final_result`. If it reports no final result, what
    it returns is taken for it.

    Args:
        function: Makes a model by ``model_cls()`` and trains it.
        **kwargs: Further arguments of the function.

    Raises:
        EvaluationError: ``function`` cannot be called.
    """

    def __init__(self, function: Callable[..., Any], **kwargs: Any):
        if not callable(function):
            raise EvaluationError(
                f"FunctionalEvaluator got {function!r}, which cannot be called",
                fix="give it a function of the model's class: FunctionalEvaluator(evaluate_model)",
            )
        self.function = function
        self.arguments = kwargs

    def evaluate(self, model_cls: Callable[[], nn.Module]) -> Any:
        reporter = RememberingReporter(current_reporter())
        with reporting(reporter):
            result = self.function(model_cls, **self.arguments)
            if reporter.result is None and result is not None:
                report_final_result(result)
        return result
