"""What a trace tells the lowering about calls."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.lower import LeafCallee
from retix.converter.trace import LEAF, Trace
from retix.ir import Location


class TraceFrontend:
    """Reads a `Trace`."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def graph(self, path: str, method: str) -> Any:
        """See `retix.converter.lower.Frontend`."""
        return self._trace.graph(path, method)

    def cell_location(self, call: int) -> Location | None:
        """See `retix.converter.lower.Frontend`."""
        return self._trace.cell_calls[call]

    def leaf_call(self, path: str, method: str) -> LeafCallee:
        """See `retix.converter.lower.Frontend`; the leaf's own graph holds one opaque operator."""
        graph = self._trace.graph(path, method)
        nodes = {output.debugName(): node for node in graph.nodes() for output in node.outputs()}
        (leaf,) = (node for node in graph.nodes() if node.kind() == LEAF)
        number, inputs, _ = leaf.inputs()
        call = self._trace.leaf_calls[number.toIValue()]
        positions = {item.debugName(): i for i, item in enumerate(list(graph.inputs())[1:])}
        order = tuple(positions[item.debugName()] for item in nodes[inputs.debugName()].inputs())
        unpacked = {}
        for node in graph.nodes():
            if node.kind() == "prim::ListUnpack":
                unpacked = {output.debugName(): i for i, output in enumerate(node.outputs())}
        outputs = tuple(unpacked[item.debugName()] for item in _results(graph, nodes))
        return LeafCallee(call.arguments, order, call.results, outputs, call.location)


def _results(graph: Any, nodes: dict[str, Any]) -> list[Any]:
    (output,) = graph.outputs()
    node = nodes.get(output.debugName())
    return list(node.inputs()) if node is not None and node.kind() == "prim::TupleConstruct" else [output]


def count_tensors(tree: Any) -> int:
    """How many tensors there are in nested tuples, lists and dicts."""
    return sum(isinstance(item, torch.Tensor) for item in pytree.tree_leaves(tree))
