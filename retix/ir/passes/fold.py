"""Constant folding: what literals tell is computed now, and branches that are never taken go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retix.ir.dead import remove_dead
from retix.ir.graph import Graph
from retix.ir.literal import format_literal
from retix.ir.node import Node, Value, find_values, map_values
from retix.ir.op import Constant, If, Loop
from retix.ir.passes.number import compute, is_fixed

if TYPE_CHECKING:
    from retix.ir.model import Model


def fold_constants(model: Model) -> bool:
    """Replace what depends on literals alone by its result.

    Folded are Python's operators on numbers, items and lengths of lists and tuples that are written out, ``and`` and
    ``or`` with one literal, an `If` whose condition is a literal (its branch is written in place) or whose branches
    give the same literal, and a `Loop` that never begins. Sizes are never known, and tensors are never computed.

    Returns:
        Whether anything changed.
    """
    changed = False
    while sum(_fold_graph(name, model) for name in tuple(model.graphs)):
        changed = True
        remove_dead(model)  # the branches that were not taken, and those that were written in place
    return changed


def _fold_graph(name: str, model: Model) -> bool:
    if not any(_can_fold(node, model) for node in model.graphs[name].nodes):
        return False
    graph = model.graph(name)
    for node in list(graph.nodes):
        _fold_inputs(node, model)
        if (found := _find_results(node, model)) is not None:
            _replace(node, found)
        elif isinstance(node.op, If) and is_fixed(node.args[0]):
            _replace(node, _write_in_place(node, model.graphs[node.op.then if node.args[0] else node.op.otherwise]))
    return True


def _can_fold(node: Node, model: Model) -> bool:
    if isinstance(node.op, If) and is_fixed(node.args[0]):
        return True
    found = _find_results(node, model)
    used = found is not None and any(value.uses for value in node.outputs)
    return used or (isinstance(node.op, (If, Loop)) and any(True for _ in _known_inputs(node, model)))


def _find_results(node: Node, model: Model) -> tuple[Any, ...] | None:
    """What the outputs are, as far as literals tell; an output that they do not tell is itself."""
    match node.op:
        case Constant():
            return node.args if is_fixed(node.args[0]) else None
        case If(then, otherwise):
            found = tuple(
                left if is_fixed(left) and format_literal(left) == format_literal(right) else value
                for value, left, right in zip(
                    node.outputs, *(model.graphs[name].result.args[0] for name in (then, otherwise)), strict=True
                )
            )
            told = [value for value, item in zip(node.outputs, found, strict=True) if item is not value]
            return found if any(value.uses for value in told) else None
        case Loop(_, n_carried):
            trips, begin, *carried = node.args
            never = begin is False or (isinstance(trips, int) and trips <= 0)
            return tuple(carried[:n_carried]) if never and all(map(_is_argument, carried[:n_carried])) else None
    return compute(node)


def _is_argument(item: Any) -> bool:
    return isinstance(item, Value) or is_fixed(item)


def _known_inputs(node: Node, model: Model) -> list[tuple[str, int, Any]]:
    """Inputs of branches that are given a literal and used all the same: branch, position, literal."""
    match node.op:
        case If(then, otherwise):
            branches, first, given = [then, otherwise], 0, node.args[1:]
        case Loop(body, n_carried):
            branches, first, given = [body], 1 + n_carried, node.args[2 + n_carried :]
        case _:
            return []
    return [
        (name, first + offset, item)
        for name in branches
        for offset, item in enumerate(given)
        if is_fixed(item) and model.graphs[name].inputs[first + offset].uses and _runs_once(name, model)
    ]


def _runs_once(branch: str, model: Model) -> bool:
    """Whether only one node runs the branch."""
    owner = model.graphs[branch].region_of
    runs = [
        name
        for graph in model.graphs.values()
        if owner in (graph.name, graph.region_of)
        for node in graph.nodes
        for name in ((node.op.then, node.op.otherwise) if isinstance(node.op, If) else _body(node))
    ]
    return runs.count(branch) == 1


def _body(node: Node) -> tuple[str, ...]:
    return (node.op.body,) if isinstance(node.op, Loop) else ()


def _fold_inputs(node: Node, model: Model) -> None:
    """Write literals that are handed to a branch into the branch."""
    for name, position, item in _known_inputs(node, model):
        _substitute(model.graph(name).inputs[position], item)


def _replace(node: Node, results: tuple[Any, ...]) -> None:
    for value, item in zip(node.outputs, results, strict=True):
        if item is not value:
            _substitute(value, item)
    if not any(value.uses for value in node.outputs):
        node.remove()


def _substitute(value: Value, item: Any) -> None:
    """Let the users of a value take another value, or a literal."""
    if isinstance(item, Value) and item.variable is None:
        item.variable = value.variable
    for user in value.uses:
        args, kwargs = map_values((user.args, user.kwargs), lambda v: item if v is value else v)
        user.set_arguments(args, kwargs)


def _write_in_place(node: Node, branch: Graph) -> tuple[Any, ...]:
    """Copy the nodes of a branch before the `If` that runs it; returns what stands for its results."""
    known: dict[Value, Any] = dict(zip(branch.inputs, node.args[1:], strict=True))
    for step in branch.nodes:
        args, kwargs = map_values((step.args, step.kwargs), known.__getitem__)
        copied = node.graph.add(
            step.op,
            args,
            kwargs,
            name=step.name,
            output_names=[value.name for value in step.outputs],
            before=node,
            location=step.location,
        )
        for old, new in zip(step.outputs, copied.outputs, strict=True):
            new.variable = old.variable
            new.take_type(old)
            known[old] = new
    results: tuple[Any, ...] = map_values(branch.result.args[0], known.__getitem__)
    return tuple(_as_value(item, node) for item in results)


def _as_value(item: Any, node: Node) -> Any:
    """A result as what its users may take: a list that holds values becomes a value of its own."""
    single = isinstance(item, Value) or is_fixed(item) or (isinstance(item, tuple) and any(find_values(item)))
    return item if single else node.graph.add(Constant(), (item,), before=node).output
