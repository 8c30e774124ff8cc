"""Engines run trials; every one keeps the contract of `Engine`."""

from retix.door import open_door
from retix.execution.engine import Engine
from retix.execution.generated import ModelFactory, building
from retix.execution.inline import InlineEngine
from retix.execution.local import LocalEngine

__all__ = ["Engine", "InlineEngine", "LocalEngine", "ModelFactory", "building"]

_IN_A_STRATEGY = ("budget_exhausted", "is_stopped_exec", "list_models", "query_available_resources", "submit_models")

__getattr__ = open_door(__name__, **dict.fromkeys((*_IN_A_STRATEGY, "wait_models"), "retix.experiment.user_strategy"))
