"""Dead code, and how it is removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retix.ir.effect import Effects
from retix.ir.node import Node, find_values
from retix.ir.op import Cell
from retix.ir.order import sort_below

if TYPE_CHECKING:
    from retix.ir.model import Model


def remove_dead(model: Model) -> None:
    """Take out nodes whose values nobody takes, members that no node uses, and graphs that no member is.

    Nodes with effects stay, except where what they change is dead too; see `retix.ir.effect`. Where a cell, or both
    branches, never use an input that only a dead node computes, the call gives None instead.

    A model of which it is known that nothing is dead, and that did not change since, is left alone.
    """
    if is_clean(model):
        return
    effects = Effects(model)
    for name in tuple(model.graphs):
        if effects.may_be_dead(model.graphs[name]) and _remove_dead_nodes(name, effects, model):
            effects = Effects(model)
    _remove_unreachable(model)  # the branches of dead nodes use no members any more
    used = _used_members(model, effects)
    unused = [
        name
        for name, graph in model.graphs.items()
        if graph.region_of is None and not used[name] >= graph.members.keys()
    ]
    for name in unused:
        editable = model.graph(name)
        editable.members = {key: m for key, m in editable.members.items() if key in used[name]}
    if unused:
        _remove_unreachable(model)
    note_clean(model)


def note_clean(model: Model) -> None:
    """Remember that nothing in the model is dead; forgotten where one of its graphs may be edited."""
    graphs = dict(dict.items(model.graphs))  # past `LiveGraphs`, whose look-ups copy
    if all(graph.frozen for graph in graphs.values()):
        model.clean = (model.root_name, graphs)


def is_clean(model: Model) -> bool:
    """Whether it is known that nothing in the model is dead: its graphs are those that `note_clean` met."""
    return model.clean is not None and model.clean[0] == model.root_name and dict.__eq__(model.graphs, model.clean[1])


def _remove_dead_nodes(name: str, effects: Effects, model: Model) -> bool:
    """Whether there were any."""
    shared = model.graphs[name]
    live, _ = effects.live_nodes(shared)
    if len(live) == len(shared):
        return False
    names = {node.name for node in shared.nodes} - {node.name for node in live}
    unused = _find_unused_arguments(live, effects)
    for node in reversed(list(model.graph(name).nodes)):
        if node.name in unused:
            node.set_arguments([None if i in unused[node.name] else a for i, a in enumerate(node.args)], node.kwargs)
        if node.name in names:
            node.remove()
    return True


def _find_unused_arguments(live: set[Node], effects: Effects) -> dict[str, set[int]]:
    """Nodes by name, and the positions of their arguments that go nowhere and that only dead nodes compute."""
    found: dict[str, set[int]] = {}
    for node in live:
        for position, (item, used) in enumerate(zip(node.args, effects.arguments_of(node), strict=True)):
            if used is not item and any(
                value.producer is not None and value.producer not in live for value in find_values(item)
            ):
                found.setdefault(node.name, set()).add(position)
    return found


def _used_members(model: Model, effects: Effects) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {name: set() for name in model.graphs}
    for name, graph in model.graphs.items():
        owner = graph.region_of or name
        targets = effects.summary(graph).targets
        used.get(owner, set()).update(targets)
        for target in targets:
            if "." in target:
                for user, member in _lead_down(model, owner, target):
                    used[user].add(member)
    return used


def _lead_down(model: Model, name: str, target: str) -> Iterator[tuple[str, str]]:
    """For a part of a cell: yield the cell and that part of it, each with the graph it is a member of, and so on."""
    while name in model.graphs:
        graph = model.graphs[name]
        yield name, target
        cell = graph.find_cell(target)
        op = graph.members[cell[0]].op if cell is not None else None
        if cell is None or not isinstance(op, Cell):
            return
        yield name, cell[0]
        name, target = op.graph, cell[1]


def _remove_unreachable(model: Model) -> None:
    graphs = model.graphs
    reachable = set(sort_below([model.root_name], lambda name: graphs[name].branches() if name in graphs else ()))
    for name in [name for name in graphs if name not in reachable]:
        del graphs[name]
