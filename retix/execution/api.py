"""The names that NNI's users import from ``nni.retiarii.execution.api``."""

from retix.door import open_door
from retix.experiment.user_strategy import (
    budget_exhausted,
    is_stopped_exec,
    list_models,
    query_available_resources,
    submit_models,
    wait_models,
)

__all__ = [
    "budget_exhausted",
    "is_stopped_exec",
    "list_models",
    "query_available_resources",
    "submit_models",
    "wait_models",
]

__getattr__ = open_door(__name__)
