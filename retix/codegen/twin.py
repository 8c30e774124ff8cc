"""Twins: graphs whose ``forward`` has the same text, so that one of them is rewritten and written for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retix.ir import Cell, Graph, If, Loop, MemberOp, Model, Module, Tensor


def find_twins(model: Model) -> dict[str, str]:
    """For each graph that is no branch, the first graph that does the same under the same names.

    Twins may differ in what their members are made with, and in the graphs that their cells are.
    """
    first: dict[tuple[Any, ...], str] = {}
    graphs = [graph for graph in model.graphs.values() if graph.region_of is None]
    return {graph.name: first.setdefault((graph.type, *_describe(graph, model)), graph.name) for graph in graphs}


def _describe(graph: Graph, model: Model) -> Iterator[Any]:
    """Yield all that the text of ``forward`` depends on."""
    yield tuple([(name, _kind(member.op)) for name, member in graph.members.items()])
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


def _kind(op: MemberOp) -> str:
    match op:
        case Module(type):
            return type
        case Cell():
            return "cell"
        case Tensor(kind="constant"):
            return repr(op)  # a number that tracing made a tensor of is a number again in the text
    return "tensor"
