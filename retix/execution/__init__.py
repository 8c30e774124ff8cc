"""Engines run trials; every one keeps the contract of `Engine`.

Names are imported when they are first used: a worker's keeper, a small process, lives in this package and needs no
torch.
"""

from typing import TYPE_CHECKING

from retix.door import open_door

if TYPE_CHECKING:
    from retix.execution.engine import Engine
    from retix.execution.generated import ModelFactory, building
    from retix.execution.inline import InlineEngine
    from retix.execution.local import LocalEngine
    from retix.execution.ray import RayEngine

__all__ = ["Engine", "InlineEngine", "LocalEngine", "ModelFactory", "RayEngine", "building"]

_HOMES = {
    "Engine": "retix.execution.engine",
    "InlineEngine": "retix.execution.inline",
    "LocalEngine": "retix.execution.local",
    "ModelFactory": "retix.execution.generated",
    "RayEngine": "retix.execution.ray",
    "building": "retix.execution.generated",
}
_IN_A_STRATEGY = ("budget_exhausted", "is_stopped_exec", "list_models", "query_available_resources", "submit_models")

__getattr__ = open_door(
    __name__, **_HOMES, **dict.fromkeys((*_IN_A_STRATEGY, "wait_models"), "retix.experiment.user_strategy")
)
