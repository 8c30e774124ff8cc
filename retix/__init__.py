"""retix: architecture search for PyTorch.

Names are imported when they are first used, so that ``import retix.ir`` loads neither torch nor Lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from retix.evaluator import (
        Evaluator,
        FunctionalEvaluator,
        report_final_result,
        report_intermediate_result,
    )
    from retix.experiment import RetiariiExeConfig, RetiariiExperiment
    from retix.mutation import Mutator
    from retix.recipe import basic_unit, model_wrapper, serialize, serialize_cls, trace

_HOMES = {
    "Evaluator": "retix.evaluator",
    "FunctionalEvaluator": "retix.evaluator",
    "Mutator": "retix.mutation",
    "RetiariiExeConfig": "retix.experiment",
    "RetiariiExperiment": "retix.experiment",
    "basic_unit": "retix.recipe",
    "model_wrapper": "retix.recipe",
    "report_final_result": "retix.evaluator",
    "report_intermediate_result": "retix.evaluator",
    "serialize": "retix.recipe",
    "serialize_cls": "retix.recipe",
    "trace": "retix.recipe",
}

__all__ = [
    "Evaluator",
    "FunctionalEvaluator",
    "Mutator",
    "RetiariiExeConfig",
    "RetiariiExperiment",
    "basic_unit",
    "model_wrapper",
    "report_final_result",
    "report_intermediate_result",
    "serialize",
    "serialize_cls",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'retix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
