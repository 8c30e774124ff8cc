"""The choices that are open in a model, as decisions and expressions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from retix.errors import SpaceError
from retix.ir import ChooseInputs, LayerChoice, MemberOp, Model, Module, Open, SelectInputs, Tensor
from retix.space import Decision, Expression, expression_from_json


def find_open(argument: Any) -> Iterator[Open]:
    """Yield the open arguments in ``argument``, also inside objects, lists, tuples, dicts and slices."""
    if isinstance(argument, Open):
        yield argument
    elif isinstance(argument, Module):
        yield from find_open(argument.args)
        for item in argument.kwargs.values():
            yield from find_open(item)
    elif isinstance(argument, Tensor):
        yield from find_open(argument.init)
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from find_open(item)
    elif isinstance(argument, dict):
        for item in argument.values():
            yield from find_open(item)
    elif isinstance(argument, slice):
        yield from find_open((argument.start, argument.stop, argument.step))


def decision_of(op: LayerChoice | ChooseInputs) -> Decision:
    """The decision of an open choice."""
    if isinstance(op, LayerChoice):
        return Decision(op.label, tuple(name for name, _ in op.candidates), weights=op.weights)
    return Decision(op.label, tuple(range(op.n_candidates)), op.n_chosen, weights=op.weights)


def text_of(expression: Expression) -> str:
    """What equal expressions have in common."""
    try:
        return json.dumps(expression.to_json(), sort_keys=True)
    except SpaceError:  # it calls a function that has no name to import it by
        return f"{expression!r} {id(expression)}"


def find_decisions(model: Model) -> Iterator[Decision]:
    """Yield every decision that is open in the model, also where it is dead, as often as it is.

    Raises:
        SpaceError: One has no candidates, or a prior that does not fit them.
    """
    for graph in model.graphs.values():
        for member in graph.members.values():
            yield from _decisions_of(member.op)
        for node in graph.nodes:
            if isinstance(node.op, ChooseInputs):
                yield decision_of(node.op)
            conditions = node.op.conditions if isinstance(node.op, SelectInputs) else ()
            yield from _decisions_in((conditions, node.args, node.kwargs))


def _decisions_of(op: MemberOp) -> Iterator[Decision]:
    if isinstance(op, LayerChoice):
        yield decision_of(op)
        for _, candidate in op.candidates:
            yield from _decisions_of(candidate.op)
    else:
        yield from _decisions_in(op)


def _decisions_in(argument: Any) -> Iterator[Decision]:
    for item in find_open(argument):
        yield from expression_from_json(item.expression).decisions()
