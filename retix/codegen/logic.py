"""``and``, ``or`` and ``not``, of which the compiler of TorchScript makes branches, put together again."""

from __future__ import annotations

from typing import Any

from retix.ir import Function, Graph, If, Model, Node, Value, map_values

# What may be evaluated too early without harm: it reads no data, changes nothing and cannot fail.
_HARMLESS = {
    *(f"python::{name}" for name in ("eq", "ne", "lt", "le", "gt", "ge", "is", "isnot", "not", "and", "or", "bool")),
    *(f"python::{name}" for name in ("add", "sub", "mul", "neg", "len")),
    *("aten::size", "aten::dim", "aten::numel"),
}


def restore_logic(model: Model, graph: Graph) -> None:
    """Write branches that only choose between truth values as ``and``, ``or`` and ``not``, the inner ones first."""
    for node in list(graph.nodes):
        if isinstance(node.op, If):
            regions = model.graph(node.op.then), model.graph(node.op.otherwise)
            for region in regions:
                restore_logic(model, region)
            if len(node.outputs) == 1:
                _restore(graph, node, *regions)


def _restore(graph: Graph, node: Node, then: Graph, otherwise: Graph) -> None:
    (left,), (right,) = then.result.args[0], otherwise.result.args[0]
    condition = node.args[0]
    if left is True and right is False:
        _replace(graph, node, condition)
    elif left is False and right is True:
        _replace(graph, node, _apply(graph, node, "not", condition))
    elif right is False and not len(otherwise) and _is_harmless(then):
        _replace(graph, node, _apply(graph, node, "and", condition, _copy_into(graph, node, then)))
    elif left is True and not len(then) and _is_harmless(otherwise):
        _replace(graph, node, _apply(graph, node, "or", condition, _copy_into(graph, node, otherwise)))


def _is_harmless(region: Graph) -> bool:
    """Whether the region's nodes could as well stand before the ``if``."""
    return all(isinstance(node.op, Function) and node.op.name in _HARMLESS for node in region.nodes)


def _copy_into(graph: Graph, node: Node, region: Graph) -> Any:
    """The region's nodes again, before ``node``; returns what the region returns."""
    known: dict[Value, Any] = dict(zip(region.inputs, node.args[1:], strict=True))
    for inner in region.nodes:
        args, kwargs = map_values((inner.args, inner.kwargs), known.__getitem__)
        made = graph.add(inner.op, args, kwargs, name=inner.name, before=node, location=inner.location)
        known.update(zip(inner.outputs, made.outputs, strict=True))
    return map_values(region.result.args[0][0], known.__getitem__)


def _apply(graph: Graph, node: Node, name: str, *operands: Any) -> Value:
    return graph.add(Function(f"python::{name}"), operands, name="flag", before=node, location=node.location).output


def _replace(graph: Graph, node: Node, value: Value) -> None:
    if node.output.variable is not None and value.variable is None:
        value.variable = node.output.variable
    graph.erase(node, value)
