"""What tracing takes apart, put together again: rewrites of a graph into the calls that a person writes.

Each function edits a fork that is about to be written, and changes nothing of what it computes or in which order.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from retix.codegen.index import GETITEM, is_operator, join_indexing, tidy_indexing, write_assignments
from retix.codegen.logic import restore_logic
from retix.codegen.result import join_tuples, unpack_results
from retix.ir import Function, Graph, If, Model, Node, Value

_POOLS = {
    f"aten::{name}": Function(single)
    for rank in (1, 2, 3)
    for name, single in (
        (f"adaptive_max_pool{rank}d", f"retix::adaptive_max_pool{rank}d"),
        (f"max_pool{rank}d_with_indices", f"aten::max_pool{rank}d"),
    )
}
"""Operators that also say where they found the largest, and what gives the largest alone."""


def restore_idioms(model: Model, names: Collection[str]) -> None:
    """Rewrite graphs of the model, with their branches.

    Args:
        model: The model.
        names: Which of its graphs.
    """
    for name in tuple(model.graphs):
        owner_name = model.graphs[name].region_of or name
        if owner_name not in names:
            continue
        graph = model.graph(name)
        owner = model.graphs[owner_name]
        restore_logic(model, graph)
        join_indexing(graph)
        write_assignments(graph, owner)
        tidy_indexing(graph)
        join_tuples(graph, owner)
        unpack_results(graph, owner)
        restore_normalize(graph)
        restore_pools(graph)
        restore_shapes(graph)
        restore_devices(graph)
        for node in graph.nodes:
            if isinstance(node.op, If):
                _drop_bool(node)


def restore_normalize(graph: Graph) -> None:
    """Write ``F.normalize`` for what it does: division by a norm that is kept away from zero."""
    for node in list(graph.nodes):
        if not is_operator(node, "aten::div") or len(node.args) != 2 or node.kwargs:
            continue
        chain = _producers(node.args[1], "aten::expand_as", "aten::clamp_min", "aten::linalg_vector_norm")
        if chain is None:
            continue
        expand, clamp, norm = chain
        x = node.args[0]
        if expand.args[1:] != (x,) or norm.args[0] is not x or len(norm.args) != 4 or norm.kwargs:
            continue
        _, p, dims, keepdim = norm.args
        if keepdim is not True or not isinstance(dims, list) or len(dims) != 1 or len(clamp.args) != 2:
            continue
        arguments = (x, p, dims[0], clamp.args[1])
        made = graph.add(Function("retix::normalize"), arguments, name="x", before=node, location=node.location).output
        made.variable = node.output.variable
        graph.erase(node, made)
        for part in chain:
            part.remove()


def _producers(value: Any, *names: str) -> list[Node] | None:
    """The chain of operators that ends in ``value``, last first, each used by the next alone."""
    chain: list[Node] = []
    for name in names:
        node = value.producer if isinstance(value, Value) else None
        if node is None or not is_operator(node, name) or len(value.uses) != 1 or value.variable is not None:
            return None
        chain.append(node)
        value = node.args[0]
    return chain


def restore_pools(graph: Graph) -> None:
    """Let a pooling by the largest give one result where nobody asks where that was found."""
    for node in list(graph.nodes):
        function = _POOLS.get(node.op.name) if isinstance(node.op, Function) else None
        if function is None or len(node.outputs) != 2 or node.outputs[1].uses:
            continue
        made = graph.add(function, node.args, node.kwargs, name=node.name, before=node, location=node.location).output
        made.variable = node.outputs[0].variable
        made.take_type(node.outputs[0])
        node.outputs[0].replace_by(made)
        node.remove()


def restore_shapes(graph: Graph) -> None:
    """Write ``x.shape[2:4]`` for a list of sizes that follow each other."""
    for node in [*graph.nodes, graph.result]:
        for item in [*node.args, *node.kwargs.values()]:
            read = _read_shape(item)
            if read is not None:
                _replace_list(graph, node, item, *read)


def _read_shape(item: Any) -> tuple[Value, int, int] | None:
    """The value, first and last dimension of a list of sizes."""
    if not isinstance(item, list) or len(item) < 2 or not all(isinstance(part, Value) for part in item):
        return None
    producers = [part.producer for part in item]
    if not all(is_operator(p, "aten::size") and len(p.args) == 2 for p in producers):
        return None
    if any(part.variable is not None for part in item) or len({p.args[0] for p in producers}) != 1:
        return None
    dims = [p.args[1] for p in producers]
    if not isinstance(dims[0], int) or dims != list(range(dims[0], dims[0] + len(dims))):
        return None
    return producers[0].args[0], dims[0], dims[-1]


def _replace_list(graph: Graph, node: Node, item: list[Value], value: Value, first: int, last: int) -> None:
    shape = graph.add(Function("aten::size"), (value,), name="shape", before=node, location=node.location).output
    is_last = last == -1 or (value.shape is not None and last + 1 == len(value.shape))
    bounds = slice(first or None, None if is_last else last + 1)
    sizes = graph.add(GETITEM, (shape, bounds), name="shape", before=node, location=node.location).output
    args = [sizes if part is item else part for part in node.args]
    node.set_arguments(args, {key: sizes if part is item else part for key, part in node.kwargs.items()})


def restore_devices(graph: Graph) -> None:
    """Read the device off the newest value of a variable: the input that tracing named may be gone by then."""
    newest: dict[Value, Value] = {}
    origin: dict[Value, Value] = {value: value for value in graph.inputs}
    for node in graph.nodes:
        if is_operator(node, "python::device") and node.args[0] in newest:
            node.set_arguments((newest[node.args[0]],))
        base = next((v for v in node.inputs if v in origin), None)
        if base is None or len(node.outputs) != 1 or is_operator(node, "aten::to", "aten::cpu", "aten::cuda"):
            continue
        first = origin[base]
        if node.output.variable is not None and node.output.variable == (first.variable or first.name):
            origin[node.output] = first
            newest[first] = node.output
        elif len(node.output.uses) == 1:
            origin[node.output] = first


def _drop_bool(node: Node) -> None:
    """``if`` asks for the truth of its condition by itself."""
    condition = node.args[0]
    producer = condition.producer if isinstance(condition, Value) else None
    if producer is not None and is_operator(producer, "python::bool") and condition.uses == (node,):
        node.graph.erase(producer, producer.args[0])
