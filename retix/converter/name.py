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
        _name_statement(nodes, names.targets(location))


def _name_statement(nodes: list[Node], targets: tuple[str, ...]) -> None:
    last = nodes[-1]
    if isinstance(last.op, If | Loop):
        return  # the statement is the condition, or assigns within a branch
    if targets and len(last.outputs) == len(targets):
        for value, target in zip(last.outputs, targets, strict=True):
            value.variable = target
    elif len(targets) > 1:  # `b, c, h, w = x.shape`: one node for each size that is used
        for node in nodes:
            if node.op == Function("aten::size") and len(node.args) == 2 and node.args[1] in range(len(targets)):
                node.output.variable = targets[node.args[1]]
