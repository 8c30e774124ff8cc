"""What symbols are for the example inputs, as far as sizes tell: computed without data, and only when asked for."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.asked import default_of
from retix.converter.fx.scope import RANK, SCOPE, TENSOR, Node, map_tree, pick, unpack

UNKNOWN = object()
"""What is known of a node of which nothing is known."""

SOURCE = "source"
"""Key of ``Node.meta`` of a placeholder: the node of the caller that it stands for, or the example input."""


class Estimator:
    """Runs nodes on tensors without data.

    Args:
        module: Finds the module at a path.

    Attributes:
        is_running: Whether a node is being computed just now.
    """

    def __init__(self, module: Callable[[str], torch.nn.Module]) -> None:
        self._module = module
        self._known: dict[Node, Any] = {}
        self._varying: set[Node] = set()
        self.is_running = False

    def find(self, node: Node) -> Any:
        """A number, a tensor without data or a structure of these; or `UNKNOWN`."""
        if node in self._known:
            return self._known[node]
        outer, self.is_running = self.is_running, True
        try:
            self._find_all([node])
        finally:
            self.is_running = outer
        return self._known[node]

    def _find_all(self, pending: list[Node]) -> None:
        while pending:
            last = pending[-1]
            if last in self._known:
                pending.pop()
                continue
            missing = [item for item in _sources(last) if item not in self._known]
            if missing:
                pending += missing
            else:
                self._known[pending.pop()] = self._compute(last)
                if _is_example(last) or any(item in self._varying for item in _sources(last)):
                    self._varying.add(last)

    def is_varying(self, node: Node) -> bool:
        """Whether what `find` found holds for the example inputs, and may be otherwise for others."""
        return node in self._varying

    def rank(self, node: Node) -> int | None:
        """How many dimensions a tensor has, if that is known."""
        known = self.find(node)
        if isinstance(known, torch.Tensor):
            return known.dim()
        told: int | None = node.meta.get(RANK)
        return told

    def count_sizes(self, node: Node) -> int | None:
        """How many sizes a shape, or a slice of one, has; None if that is not known."""
        if is_shape(node):
            return self.rank(node.args[0])  # type: ignore[arg-type]  # a tensor
        if node.target is operator.getitem and isinstance(node.args[0], Node) and isinstance(node.args[1], slice):
            whole = self.count_sizes(node.args[0])
            bounds = (node.args[1].start, node.args[1].stop, node.args[1].step)
            is_plain = whole is not None and not any(isinstance(bound, Node) for bound in bounds)
            return len(range(whole)[node.args[1]]) if is_plain and whole is not None else None
        return None

    def _compute(self, node: Node) -> Any:
        if TENSOR in node.meta:
            return _without_data(node.meta[TENSOR])
        if node.op == "placeholder":
            source = node.meta.get(SOURCE, UNKNOWN)
            return self._known[source] if isinstance(source, Node) else map_tree(_without_data, source)
        if node.target is pick:
            (source,) = _sources(node)
            known = self._known[source]
            return known if source is not node.args[0] or known is UNKNOWN else known[node.args[1]]
        args, kwargs = map_tree(self._value, (node.args, node.kwargs))
        if any(item is UNKNOWN for item in pytree.tree_leaves((args, kwargs))):
            return self._count_dimensions(node)
        try:
            with torch.device("meta"), torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._run(node, args, kwargs)
        except Exception:  # whatever a computation without data cannot do is not known
            return UNKNOWN

    def _value(self, item: Any) -> Any:
        return self._known[item] if isinstance(item, Node) else default_of(item)

    def _run(self, node: Node, args: Any, kwargs: Any) -> Any:
        if node.target is unpack:
            return tuple(args[0])
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        if node.op == "call_module":
            module = self._module(str(node.target))
            state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
            return torch.func.functional_call(module, {k: _without_data(v) for k, v in state.items()}, args, kwargs)
        return node.target(*args, **kwargs)  # type: ignore[operator]  # of a call of a function

    def _count_dimensions(self, node: Node) -> Any:
        is_count = (node.op == "call_method" and node.target == "dim") or (
            node.target is getattr and node.args[1] == "ndim"
        )
        told = node.args[0].meta.get(RANK) if is_count and isinstance(node.args[0], Node) else None
        return UNKNOWN if told is None else told


def is_shape(node: Node) -> bool:
    """Whether a node is all of ``x.shape``."""
    if node.op == "call_method":
        return node.target == "size" and len(node.args) == 1 and not node.kwargs
    return node.target is getattr and node.args[1] == "shape"


def _without_data(item: Any) -> Any:
    return item.detach().to("meta") if isinstance(item, torch.Tensor) else item


def _is_example(node: Node) -> bool:
    return node.op == "placeholder" and not isinstance(node.meta.get(SOURCE), Node)


def _sources(node: Node) -> Iterator[Node]:
    """The nodes that one is computed from."""
    if node.op == "placeholder":
        source = node.meta.get(SOURCE)
        return iter([source] if isinstance(source, Node) else [])
    if node.target is pick:
        call: Any = node.args[0]
        return iter([call.meta[SCOPE].returned[node.args[1]] if SCOPE in call.meta else call])
    return iter(node.all_input_nodes)
