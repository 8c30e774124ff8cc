"""A model as a networkx graph, for analysis and drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retix.ir.text import format_node

if TYPE_CHECKING:
    import networkx

    from retix.ir.model import Model


def to_networkx(model: Model) -> networkx.MultiDiGraph:
    """The nodes of all graphs, keyed ``graph/node``; inputs are ``graph/%name``, results ``graph/return``.

    Nodes carry ``graph``, ``type`` and ``text``; edges carry the name of the ``value`` that flows.
    """
    import networkx  # takes longer to import than all of the IR

    result = networkx.MultiDiGraph()
    for graph in model.graphs.values():
        for value in graph.inputs:
            result.add_node(f"{graph.name}/{value!r}", graph=graph.name, type="input", text=repr(value))
        for node in [*graph.nodes, graph.result]:
            key = f"{graph.name}/{node.name}"
            result.add_node(key, graph=graph.name, type=node.type, text=format_node(node))
            for value in node.inputs:
                source = value.producer.name if value.producer is not None else repr(value)
                result.add_edge(f"{graph.name}/{source}", key, value=value.name)
    return result
