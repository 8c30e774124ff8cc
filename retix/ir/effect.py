"""Effects: which nodes do more than compute their values, and which nodes are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retix.ir.graph import Graph, Node, cells_of
from retix.ir.op import Attribute, Call, Function, If, Loop, Module

if TYPE_CHECKING:
    from retix.ir.model import Model

_EFFECTS = {"python::append", "python::setitem", "python::raise", "aten::_assert_async"}


def changes_in_place(node: Node, model: Model) -> bool:
    """Whether the node changes a value in place, or may stop the model, itself or in a graph that it calls."""
    match node.op:
        case Function(name):
            return (name.endswith("_") and not name.endswith("__")) or name in _EFFECTS
        case Call(target):
            owner = model.graphs.get(node.graph.region_of or "", node.graph)
            member = owner.members.get(target)
            if member is None:
                return False
            if isinstance(member.op, Module):
                return member.op.kwargs.get("inplace") is True
            return any(_graph_changes_in_place(cell, model) for cell in cells_of(member.op))
        case If(then, otherwise):
            return _graph_changes_in_place(then, model) or _graph_changes_in_place(otherwise, model)
        case Loop(body):
            return _graph_changes_in_place(body, model)
    return False


def _graph_changes_in_place(name: str, model: Model) -> bool:
    graph = model.graphs.get(name)
    return graph is not None and any(changes_in_place(node, model) for node in graph.nodes)


def remove_dead(model: Model) -> None:
    """Take out nodes whose values nobody takes, members that no node uses, and graphs that no member is.

    Nodes that change a value in place stay, except behind a module's own in-place activation whose value is dead
    together with everything else that takes its input.
    """
    for name in tuple(model.graphs):
        shared = model.graphs[name]
        if any(_is_dead(node, model) for node in shared.nodes):
            _remove_dead_nodes(model.graph(name), model)
    used = _used_members(model)
    for name, graph in tuple(model.graphs.items()):
        if graph.region_of is None and not set(graph.members) <= used[name]:
            editable = model.graph(name)
            editable.members = {key: m for key, m in editable.members.items() if key in used[name]}
    reachable = _reachable(model)
    for name in [name for name in model.graphs if name not in reachable]:
        del model.graphs[name]


def _is_dead(node: Node, model: Model) -> bool:
    if any(value.uses for value in node.outputs):
        return False
    if not changes_in_place(node, model):
        return True
    # `conv -> relu(inplace)` with both values dead: what the relu changes is seen by nobody else
    return (
        isinstance(node.op, Call)
        and all(v.producer is not None and v.uses == (node,) for v in node.inputs)
        and isinstance(node.operation, Module)
    )


def _remove_dead_nodes(graph: Graph, model: Model) -> None:
    for node in reversed(list(graph.nodes)):
        if _is_dead(node, model):
            node.remove()


def _used_members(model: Model) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {name: set() for name in model.graphs}
    for name, graph in model.graphs.items():
        owner = graph.region_of or name
        for node in graph.nodes:
            if isinstance(node.op, (Call, Attribute)) and owner in used:
                used[owner].add(node.op.target)
    return used


def _reachable(model: Model) -> set[str]:
    reachable = {model.root_name}
    frontier = [model.root_name]
    while frontier:
        for child in model.graphs[frontier.pop()].branches():
            if child not in reachable and child in model.graphs:
                reachable.add(child)
                frontier.append(child)
    return reachable
