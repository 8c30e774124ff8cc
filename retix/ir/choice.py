"""The choices of a graph that are still open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from retix.ir.graph import Graph
from retix.ir.node import Node
from retix.ir.op import ChooseInputs, LayerChoice, MemberOp, Module, Open, SelectInputs, Tensor

Found: TypeAlias = tuple[str, tuple[Any, ...]]
"""A label, and what there is to choose from: the names of layers, the positions of inputs, or values."""


def find_open(graph: Graph) -> dict[str, tuple[Any, ...]]:
    """The choices that are open in a graph: each label, and what there is to choose from.

    Candidates are the names of layers, the positions of inputs, or, for arguments, values.
    """
    found = [choice for member in graph.members.values() for choice in find_open_in(member.op)]
    found += [choice for node in graph.nodes for choice in find_open_at(node)]
    return dict(found)


def is_open(graph: Graph) -> bool:
    """Whether a graph has open choices, or open arguments; asked again, one that is shared with a fork knows."""
    if graph.is_open is not None:
        return graph.is_open
    found = any(
        isinstance(node.op, (ChooseInputs, SelectInputs)) or _holds_open(node.args) or _holds_open(node.kwargs)
        for node in graph.nodes
    ) or any(isinstance(member.op, LayerChoice) or _holds_open(member.op) for member in graph.members.values())
    if graph.frozen:
        graph.is_open = found
    return found


def _holds_open(argument: Any) -> bool:
    if isinstance(argument, Open):
        return True
    if isinstance(argument, Module):
        return _holds_open(argument.args) or any(map(_holds_open, argument.kwargs.values()))
    if isinstance(argument, Tensor):
        return _holds_open(argument.init)
    if isinstance(argument, dict):
        return any(map(_holds_open, argument.values()))
    return isinstance(argument, (list, tuple)) and any(map(_holds_open, argument))


def find_open_at(node: Node) -> Iterator[Found]:
    """Yield the choices that a node is, or that are among its arguments."""
    if isinstance(node.op, ChooseInputs):
        yield node.op.label, tuple(range(node.op.n_candidates))
    if isinstance(node.op, SelectInputs):
        yield from _find_in_argument(node.op.conditions)
    yield from _find_in_argument((node.args, node.kwargs))


def find_open_in(op: MemberOp) -> Iterator[Found]:
    """Yield the choices that a member is, or holds."""
    match op:
        case LayerChoice(label, candidates):
            yield label, tuple(name for name, _ in candidates)
            for _, candidate in candidates:
                yield from find_open_in(candidate.op)
        case Module(_, args, kwargs):
            yield from _find_in_argument((args, dict(kwargs)))
        case Tensor():
            yield from find_open_in(op.init)


def _find_in_argument(argument: Any) -> Iterator[Found]:
    if isinstance(argument, Open):
        yield from _find_in_expression(argument.expression)
    elif isinstance(argument, Module):
        yield from find_open_in(argument)
    elif isinstance(argument, (list, tuple, dict)):
        for item in argument.values() if isinstance(argument, dict) else argument:
            yield from _find_in_argument(item)


def _find_in_expression(expression: Any) -> Iterator[Found]:
    if "choice" in expression:
        choice = expression["choice"]
        yield choice["label"], tuple(choice.get("candidates", ()))
    for item in expression.get("to", ()):
        yield from _find_in_expression(item)
