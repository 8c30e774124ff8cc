"""What all graphs of one captured program share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from retix.converter.frontend import Frontend
from retix.converter.leaf import LeafBook
from retix.converter.place import NameBook
from retix.ir import Graph, Location, Model
from retix.nn.pytorch import LabelBook


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A value that is a module: itself, or a part of it."""

    path: str


@dataclass(frozen=True, slots=True)
class Lowered:
    """A module's graph, and how its calls relate to TorchScript's.

    Attributes:
        graph: The graph.
        order: For each input of the graph, which input of the TorchScript graph it is.
        results: What it returns.
        numbers: Which of its outputs are Python numbers.
        location: The user's line that called it.
    """

    graph: Graph
    order: tuple[int, ...]
    results: Any
    numbers: frozenset[int]
    location: Location | None


@dataclass(kw_only=True)
class Program:
    """What is common to all graphs of one captured program, whichever front end captured it.

    Attributes:
        root: The user's module.
        model: The model that grows.
        labels: Names unlabelled choices.
        leaves: Writes leaves as data.
        names: Finds variable names.
        prefix: What graph names begin with, for candidates that are captured on their own.
        done: The modules that have graphs, by path.
    """

    root: torch.nn.Module
    model: Model
    labels: LabelBook
    leaves: LeafBook
    names: NameBook
    prefix: str = ""
    done: dict[str, Lowered] = field(default_factory=dict)

    def full(self, path: str) -> str:
        """A path in the user's outermost model."""
        return ".".join(part for part in (self.prefix, path) if part)

    def keep(self, path: str, lowered: Lowered) -> Lowered | None:
        """The graph of the module at ``path``: a module that is called again has one graph, that of its first call.

        Returns:
            That graph with what is this call's own; None if this call does something else than the first.
        """
        known = self.done.setdefault(path, lowered)
        if known is lowered:
            self.model.graphs[lowered.graph.name] = lowered.graph
        elif known.numbers != lowered.numbers or self._digest(known) != self._digest(lowered):
            return None
        return replace(lowered, graph=known.graph)

    def _digest(self, lowered: Lowered) -> str:
        name = lowered.graph.name
        return Model({**self.model.graphs, name: lowered.graph}, name).digest()


@dataclass(kw_only=True)
class ScriptProgram(Program):
    """A program that TorchScript captured.

    Attributes:
        frontend: The captured program.
        handlers: What lowers each kind of node; the one under ``""`` lowers every operator of torch.
    """

    frontend: Frontend
    handlers: Mapping[str, Callable[[Any, Any], None]]

    def at(self, root: torch.nn.Module, frontend: Frontend, prefix: str) -> ScriptProgram:
        """A program for another captured module, whose graphs go into the same model."""
        return replace(self, root=root, frontend=frontend, prefix=prefix, done={})
