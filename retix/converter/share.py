"""Parts of a cell that the graph around it uses too."""

from __future__ import annotations

from retix.ir import Cell, Graph, Member, Model


def share_parts(model: Model) -> None:
    """Let every cell have the parts that graphs around it reach through it, whether it uses them itself or not.

    ``self.encoder.scale`` next to ``self.encoder(x)`` is one part of the encoder; so is what only a later call of a
    module uses, which is written in place where it is called.
    """
    for graph in list(model.graphs.values()):
        if graph.region_of is None:
            for name, member in list(graph.members.items()):
                _hand_down(model, graph, name, member)


def _hand_down(model: Model, graph: Graph, name: str, member: Member) -> None:
    steps = name.split(".")
    for cut in range(1, len(steps)):
        owner = graph.members.get(".".join(steps[:cut]))
        if owner is None:
            continue
        if isinstance(owner.op, Cell):
            inner, rest = model.graphs[owner.op.graph], ".".join(steps[cut:])
            known = inner.members.setdefault(rest, Member(member.op, rest))
            _hand_down(model, inner, rest, known)
        return
