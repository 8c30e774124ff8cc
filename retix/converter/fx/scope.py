"""What one symbolic run of a module's forward found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

Node: TypeAlias = torch.fx.Node

LOCATION, SCOPE, TENSOR, RANK, OPEN = "location", "scope", "tensor", "rank", "open"
"""Keys of ``Node.meta``: the user's line; the `Scope` that a call runs; the tensor that is read; known dimensions;
whether it may be something else than a tensor, such as what a basic unit returns."""


DETACHED = "detached"
"""Key of ``Node.meta``: the node that stands for it where gradients are switched off."""


@dataclass(slots=True)
class Scope:
    """One call of a module that is no leaf, or of the outermost one.

    Attributes:
        path: The module's path.
        graph: What forward did.
        names: What forward calls its inputs, one name for each placeholder.
        constants: Inputs that are the same in every call: place among all inputs, name and value.
        result: What forward returned, with nodes in the place of symbols.
        returned: The nodes that its caller got, in the order in which the caller picks them.
    """

    path: str
    graph: torch.fx.Graph
    names: list[str] = field(default_factory=list)
    constants: list[tuple[int, str, Any]] = field(default_factory=list)
    result: Any = None
    returned: list[Node] = field(default_factory=list)


def pick(call: Any, position: int) -> Any:
    """The target of nodes that stand for one of the results of a call; never run."""
    raise NotImplementedError


def unpack(items: Any, count: int) -> Any:
    """The target of nodes that stand for all of ``count`` items; never run."""
    raise NotImplementedError


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """``tree`` with ``function`` of everything in its lists, tuples, dicts and slices that is none of these."""
    kind = type(tree)
    if kind is tuple:
        return tuple([map_tree(function, item) for item in tree])
    if isinstance(tree, list):  # torch.fx has a subclass of its own, and one of dict
        return [map_tree(function, item) for item in tree]
    if isinstance(tree, dict):
        mapped = {key: map_tree(function, item) for key, item in tree.items()}
        return mapped if kind.__module__.startswith("torch.fx") or kind is dict else kind(mapped)
    if kind is slice:
        return slice(*(map_tree(function, item) for item in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind(*(map_tree(function, item) for item in tree))
    return function(tree)
