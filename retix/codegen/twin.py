"""Twins: graphs whose ``forward`` has the same text, so that one of them is rewritten and written for all."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from retix.codegen.outline import kind, outline
from retix.ir import Graph, If, Loop, Model


def find_twins(model: Model) -> dict[str, str]:
    """For each graph that is no branch, the first graph that does the same under the same names.

    Twins may differ in what their members are made with, and in the graphs that their cells are.
    """
    first: dict[Hashable, str] = {}
    found: dict[str, str] = {}
    for graph in model.graphs.values():
        if graph.region_of is None:
            known = outline(graph)
            key = (graph.type, *_describe(graph, model)) if known is None else known.likeness
            found[graph.name] = first.setdefault(key, graph.name)
    return found


def _describe(graph: Graph, model: Model) -> Iterator[Any]:
    """Yield all that the text of ``forward`` depends on."""
    yield tuple([(name, kind(member.op)) for name, member in graph.members.items()])
    yield tuple([(value.name, value.variable, repr(value.default)) for value in graph.inputs])
    for node in graph.nodes:
        match node.op:
            case If(then, otherwise):
                yield tuple(_describe(model.graphs[then], model)), tuple(_describe(model.graphs[otherwise], model))
            case Loop(body, n_carried):
                yield n_carried, tuple(_describe(model.graphs[body], model))
            case op:
                yield op
        # `repr` tells 1, 1.0 and True apart, and 0.0 and -0.0
        yield repr(node.args), repr(node.kwargs), tuple([(value.name, value.variable) for value in node.outputs])
    yield repr(graph.result.args)
