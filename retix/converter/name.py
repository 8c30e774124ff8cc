"""Values get the names of the user's variables."""

from __future__ import annotations

from retix.converter.place import NameBook
from retix.ir import Function, Graph, If, Location, Loop, Node


def name_variables(graph: Graph, names: NameBook) -> None:
    """Name what the last node of a statement computes after the variables that the statement assigns."""
    by_line: dict[Location, list[Node]] = {}
    for node in graph.nodes:
        if node.location is not None:
            by_line.setdefault(node.location, []).append(node)
    for location, nodes in by_line.items():
        targets = names.targets(location)
        if len(targets) > 1 and names.reads_shape(location):
            _unpack_shape(graph, nodes, targets)
        else:
            _name_statement(nodes, targets)


def _name_statement(nodes: list[Node], targets: tuple[str, ...]) -> None:
    last = nodes[-1]
    if isinstance(last.op, If | Loop):
        return  # the statement is the condition, or assigns within a branch
    if len(last.outputs) == len(targets):
        values = list(last.outputs)
    else:  # `q, k = qkv[0], qkv[1]`: what nothing else in the statement takes
        targets = tuple(target for target in targets if target != "_")
        values = [value for node in nodes for value in node.outputs if value.uses and not set(value.uses) & set(nodes)]
    if len(values) == len(targets):
        for value, target in zip(values, targets, strict=True):
            value.variable = target


def _unpack_shape(graph: Graph, nodes: list[Node], targets: tuple[str, ...]) -> None:
    """Write ``b, c, h, w = x.shape``, of which a trace has one node for each size that is used, as one step again."""
    sizes = [node for node in nodes if node.op == Function("aten::size") and len(node.args) == 2]
    sources = {node.args[0] for node in sizes}
    if len(sources) != 1 or any(node.args[1] not in range(len(targets)) for node in sizes):
        return
    first = sizes[0]
    shape = graph.add(first.op, sources, name="shape", before=first, location=first.location).output
    unpack = Function("python::unpack")
    made = graph.add(unpack, [shape], n_outputs=len(targets), name="size", before=first, location=first.location)
    for value, target in zip(made.outputs, targets, strict=True):
        value.variable = target
    for node in sizes:
        graph.erase(node, made.outputs[node.args[1]])
