"""What tracing takes apart, put together again: rewrites of a graph into the calls that a person writes.

Each function edits a fork that is about to be written, and changes nothing of what it computes or in which order.
"""

from __future__ import annotations

from typing import Any

from retix.codegen.index import GETITEM, is_operator, join_indexing, tidy_indexing, write_assignments
from retix.ir import Call, Function, Graph, If, Model, Module, Node, Value

# What torch's layers with several results return: a name for each, as torch's documentation calls them.
_RESULTS: dict[str, tuple[Any, ...]] = {
    "torch.nn.LSTM": ("output", ("hidden", "cell")),
    "torch.nn.GRU": ("output", "hidden"),
    "torch.nn.RNN": ("output", "hidden"),
    "torch.nn.LSTMCell": ("hidden", "cell"),
    "torch.nn.MultiheadAttention": ("attn_output", "attn_weights"),
}


def restore_idioms(model: Model) -> None:
    """Rewrite every graph of the model."""
    for name in tuple(model.graphs):
        graph = model.graph(name)
        owner = model.graphs[graph.region_of] if graph.region_of is not None else graph
        join_indexing(graph)
        write_assignments(graph, owner)
        tidy_indexing(graph)
        unpack_results(graph, owner)
        restore_normalize(graph)
        restore_shapes(graph)
        restore_devices(graph)
        for node in graph.nodes:
            if isinstance(node.op, If):
                _drop_bool(node)


def unpack_results(graph: Graph, owner: Graph) -> None:
    """Write ``attn, _ = self.attn(…)`` where the parts of a layer's result are taken one by one."""
    for node in list(graph.nodes):
        member = owner.members.get(node.op.target) if isinstance(node.op, Call) else None
        if member is None or not isinstance(member.op, Module) or len(node.outputs) != 1:
            continue
        names = _RESULTS.get(member.op.type)
        if names is not None and _is_taken_apart(node.output, len(names)):
            made = graph.add(
                node.op,
                node.args,
                node.kwargs,
                name=node.name,
                output_names=[name if isinstance(name, str) else "state" for name in names],
                before=node,
                location=node.location,
            )
            _redirect(node.output, made.outputs)
            node.remove()
            for value, inner in zip(made.outputs, names, strict=True):
                if isinstance(inner, tuple) and _is_taken_apart(value, len(inner)):
                    _unpack(graph, value, inner)


def _is_taken_apart(value: Value, count: int) -> bool:
    return bool(value.uses) and all(
        is_operator(user, "python::getitem") and user.args[0] is value and user.args[1] in range(count)
        for user in value.uses
    )


def _redirect(value: Value, parts: tuple[Value, ...]) -> None:
    for user in value.uses:
        part = parts[user.args[1]]
        part.variable = part.variable or user.output.variable
        user.graph.erase(user, part)


def _unpack(graph: Graph, value: Value, names: tuple[str, ...]) -> None:
    first = min((user for user in value.uses), key=lambda user: [n is user for n in graph.nodes].index(True))
    made = graph.add(Function("python::unpack"), (value,), output_names=names, before=first, location=first.location)
    for user in value.uses:
        if user is not made:
            part = made.outputs[user.args[1]]
            part.variable = part.variable or user.output.variable
            graph.erase(user, part)


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
    bounds = slice(first or None, None if last == -1 else last + 1)
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
