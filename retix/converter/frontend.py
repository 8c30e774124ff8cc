"""What lowering needs to know of a captured program, traced or scripted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from retix.ir import Location

OPEN = "retix::open"
"""The operator that stands for a call of a function with choices among its arguments."""

LEAF = "retix::leaf"
"""The operator that stands for a leaf in the leaf's own traced graph."""

MARK = "retix::mark"
"""The operator that an input of a module passes through, and that carries its name."""


@dataclass(frozen=True, slots=True)
class LeafCallee:
    """One call of a leaf.

    Attributes:
        args: Its positional arguments, nested as they were given: values of the lowering, and plain Python values.
        kwargs: Its keyword arguments, likewise.
        outputs: For each output of the call as TorchScript has it, the way to it within what the leaf returns: steps
            of a pytree path. None where the call's output is what the leaf returns.
        location: The user's line.
        capture: Captures another module, called with the same arguments.
        detached: No gradients flow into the call.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[tuple[Any, ...], ...] | None
    location: Location | None
    capture: Callable[[torch.nn.Module, str], Frontend]
    detached: bool = False


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call with choices among its arguments.

    Attributes:
        name: The operator's name.
        args: Positional arguments: tensors, plain values and `Asked`, nested.
        kwargs: Keyword arguments, likewise.
        results: The tensors that it returned.
        location: The user's line.
        detached: Gradients were switched off.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    results: tuple[torch.Tensor, ...]
    location: Location | None
    detached: bool


class Frontend(Protocol):
    """A captured program. TorchScript's own objects (graphs, nodes, values) are handed on untyped."""

    @property
    def keeps_lists(self) -> bool:
        """Whether a list whose length is not known stays one value."""

    @property
    def input_names(self) -> tuple[str, ...] | None:
        """What the outermost forward calls its inputs; None if the graph tells."""

    @property
    def constants(self) -> tuple[tuple[int, str, Any], ...]:
        """The inputs of the outermost forward that the graph does not have: place among all, name and value."""

    @property
    def rebuild(self) -> Callable[[list[Any]], Any] | None:
        """Puts what the outermost graph returns into the structure that the user's forward returns; None for itself."""

    def graph(self, path: str, method: str) -> Any:
        """The TorchScript graph of a method of the module at ``path``."""

    def function_graph(self, type_name: str) -> Any:
        """The TorchScript graph of a free function, by the name of its type."""

    def leaf_call(self, path: str, method: str, given: list[Any]) -> LeafCallee | None:
        """How a call of the leaf at ``path``, which is given the values ``given``, looks; None if it does nothing."""

    def open_call(self, call: int) -> OpenCall:
        """A call of a function with choices among its arguments, by the number that its operator carries."""

    def cell_location(self, call: int) -> Location | None:
        """The user's line of a call of a module that is no leaf."""
