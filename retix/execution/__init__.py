"""Engines run trials; every one keeps the contract of `Engine`."""

from retix.execution.engine import Engine
from retix.execution.generated import ModelFactory, building
from retix.execution.inline import InlineEngine
from retix.execution.local import LocalEngine

__all__ = ["Engine", "InlineEngine", "LocalEngine", "ModelFactory", "building"]
