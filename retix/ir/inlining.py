"""Cells that are opened: their nodes written where they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retix.errors import GraphError
from retix.ir.graph import Graph
from retix.ir.node import Node, Value, map_values
from retix.ir.op import Attribute, Call, Cell, Constant, If, Loop, Member, NodeOp
from retix.ir.region import Region
from retix.ir.site import calls_of, copy_node, substitute


def inline(call: Node) -> Region:
    """Write the nodes of a cell in place of the call of it, and return them.

    The weights stay those of the cell; where other nodes call the same member, they share them.

    Raises:
        GraphError: The node calls no cell, or the cell runs branches.
    """
    graph, op = call.graph, call.operation
    if not isinstance(op, Cell) or not isinstance(call.op, Call):
        raise GraphError(f"node {call.name!r} calls no cell, but {call.type}")
    cell, target = graph.model.graphs[op.graph], call.op.target
    for node in cell.nodes:
        if isinstance(node.op, (If, Loop)):
            raise GraphError(f"node {node.name!r} of cell {cell.name!r} runs branches, so that it cannot be inlined")
    own = graph.scope.members[target]
    values = dict(zip(cell.inputs, call.args, strict=True))
    names = {
        name: _move_member(graph, f"{target}.{name}", member, own.origin, shared=_is_shared(call))
        for name, member in cell.members.items()
    }
    added = [copy_node(node, graph, values, _rename(node.op, names), before=call) for node in cell.nodes]
    result = map_values(cell.result.args[0], values.__getitem__)
    if not isinstance(result, Value):
        result = graph.add(Constant(), [result], name=call.name, before=call).output
    substitute(graph, call.output, result)
    call.remove()
    if not any(node.op == Call(target) for node in calls_of(graph, target)):
        _dissolve(graph, target)
        remaining = [name for item in graph.model.graphs.values() for name in item.branches()]
        if cell.name not in remaining:
            del graph.model.graphs[cell.name]
    graph.model.verify()
    return Region.of(added) if added else Region(graph, (), (), ())


def _dissolve(graph: Graph, target: str) -> None:
    """Take out a cell that nobody calls; the parts of it that are used get names that are not below it."""
    users = [(node, node.op) for node in calls_of(graph, target) if isinstance(node.op, (Call, Attribute))]
    scope = graph.scope
    parts = dict.fromkeys(op.target for _, op in users)
    names = {
        name: graph.add_member(name.replace(".", "_"), scope.members[name].op, scope.members[name].origin)
        for name in parts
    }
    for node, op in users:
        node.op = replace(op, target=names[op.target])
    for name in (*parts, target):
        del scope.members[name]


def _is_shared(call: Node) -> bool:
    assert isinstance(call.op, Call), "it calls a cell"
    return any(node is not call for node in calls_of(call.graph, call.op.target))


def _move_member(graph: Graph, name: str, member: Member, origin: str | None, *, shared: bool) -> str:
    """Have a part of a cell: the same one where the cell stays, else under a name that is free."""
    path = None
    if origin is not None and member.origin is not None:
        path = f"{origin}.{member.origin}" if origin and member.origin else origin or member.origin
    if shared:
        graph.scope.members.setdefault(name, Member(member.op, path))
        return name
    return graph.add_member(name.replace(".", "_"), member.op, path)


def _rename(op: NodeOp, names: Mapping[str, str]) -> NodeOp:
    if isinstance(op, (Call, Attribute)) and op.target in names:
        return replace(op, target=names[op.target])
    return op
