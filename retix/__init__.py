"""retix: architecture search for PyTorch.

Names are imported when they are first used, so that ``import retix.ir`` loads neither torch nor Lightning. Beside the
project's own, they are those that NNI's users import from ``nni`` and ``nni.retiarii``.
"""

from typing import TYPE_CHECKING

from retix.door import open_door

__version__ = "0.1.0"

if TYPE_CHECKING:
    from retix.compat import DebugEvaluator
    from retix.errors import IllegalGraphError, InvalidMutation
    from retix.evaluator import (
        Evaluator,
        FunctionalEvaluator,
        continue_from_checkpoint,
        report_final_result,
        report_intermediate_result,
    )
    from retix.experiment import (
        FailurePolicy,
        RayService,
        RecordedExperiment,
        RetiariiExeConfig,
        RetiariiExperiment,
        TrainingService,
        debug_mutated_model,
    )
    from retix.experiment.user_strategy import (
        budget_exhausted,
        is_stopped_exec,
        list_models,
        query_available_resources,
        submit_models,
        wait_models,
    )
    from retix.ir import Edge, Graph, Model, ModelStatus, Mutation, Node, Operation
    from retix.measures import ProxyEvaluator
    from retix.model_space import ModelSpace
    from retix.mutation import Mutator, Sampler
    from retix.nn.pytorch import fixed_arch
    from retix.objective import Limit, Objective
    from retix.recipe import basic_unit, model_wrapper, serialize, serialize_cls
    from retix.serializer import dump, load, trace
    from retix.space import constraint

_HOMES = {
    "DebugEvaluator": "retix.compat",
    "Edge": "retix.ir",
    "Evaluator": "retix.evaluator",
    "FailurePolicy": "retix.experiment",
    "FunctionalEvaluator": "retix.evaluator",
    "Graph": "retix.ir",
    "IllegalGraphError": "retix.errors",
    "InvalidMutation": "retix.errors",
    "Limit": "retix.objective",
    "Model": "retix.ir",
    "ModelSpace": "retix.model_space",
    "ModelStatus": "retix.ir",
    "Mutation": "retix.ir",
    "Mutator": "retix.mutation",
    "Node": "retix.ir",
    "Objective": "retix.objective",
    "Operation": "retix.ir",
    "ProxyEvaluator": "retix.measures",
    "RayService": "retix.experiment",
    "RecordedExperiment": "retix.experiment",
    "RetiariiExeConfig": "retix.experiment",
    "RetiariiExperiment": "retix.experiment",
    "Sampler": "retix.mutation",
    "TrainingService": "retix.experiment",
    "basic_unit": "retix.recipe",
    "budget_exhausted": "retix.experiment.user_strategy",
    "constraint": "retix.space",
    "continue_from_checkpoint": "retix.evaluator",
    "debug_mutated_model": "retix.experiment",
    "dump": "retix.serializer",
    "fixed_arch": "retix.nn.pytorch",
    "is_stopped_exec": "retix.experiment.user_strategy",
    "list_models": "retix.experiment.user_strategy",
    "load": "retix.serializer",
    "model_wrapper": "retix.recipe",
    "query_available_resources": "retix.experiment.user_strategy",
    "report_final_result": "retix.evaluator",
    "report_intermediate_result": "retix.evaluator",
    "serialize": "retix.recipe",
    "serialize_cls": "retix.recipe",
    "submit_models": "retix.experiment.user_strategy",
    "trace": "retix.serializer",
    "wait_models": "retix.experiment.user_strategy",
}

__all__ = [
    "DebugEvaluator",
    "Edge",
    "Evaluator",
    "FailurePolicy",
    "FunctionalEvaluator",
    "Graph",
    "IllegalGraphError",
    "InvalidMutation",
    "Limit",
    "Model",
    "ModelSpace",
    "ModelStatus",
    "Mutation",
    "Mutator",
    "Node",
    "Objective",
    "Operation",
    "ProxyEvaluator",
    "RayService",
    "RecordedExperiment",
    "RetiariiExeConfig",
    "RetiariiExperiment",
    "Sampler",
    "TrainingService",
    "basic_unit",
    "budget_exhausted",
    "constraint",
    "continue_from_checkpoint",
    "debug_mutated_model",
    "dump",
    "fixed_arch",
    "is_stopped_exec",
    "list_models",
    "load",
    "model_wrapper",
    "query_available_resources",
    "report_final_result",
    "report_intermediate_result",
    "serialize",
    "serialize_cls",
    "submit_models",
    "trace",
    "wait_models",
]

__getattr__ = open_door(__name__, **_HOMES)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
