"""The canonical printed form of models and graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from retix.ir.graph import Graph
from retix.ir.literal import format_arguments, format_literal, format_open
from retix.ir.node import Node, Value
from retix.ir.op import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Constant,
    Function,
    If,
    LayerChoice,
    Loop,
    MemberOp,
    Module,
    NodeOp,
    SelectInputs,
    Tensor,
)

if TYPE_CHECKING:
    from retix.ir.model import Model


def print_model(model: Model, only: tuple[str, ...] | None = None) -> str:
    """How the model was captured, its constraints, and every graph, the root first; or only the graphs named."""
    names = [model.root_name] + [name for name in model.graphs if name != model.root_name]
    texts = [print_graph(model.graphs[n]) for n in names if n in model.graphs and (only is None or n in only)]
    notes = [f"# {model.capture}"] if model.capture is not None else []
    notes += [f"# where {format_constraint(item)}" for item in model.constraints]
    return "\n\n".join([*([("\n").join(notes)] if notes and only is None else []), *texts])


def format_constraint(constraint: Any) -> str:
    """A constraint on one line: its expression, and its message if it has one."""
    message = constraint.get("message")
    return f"{format_open(constraint['expression'])}{f'  ({message})' if message else ''}"


def print_graph(graph: Graph) -> str:
    """One graph: its members, its nodes in order, and what it returns."""
    return "\n".join(_lines(graph))


def _lines(graph: Graph) -> Iterator[str]:
    owner = f" in {graph.region_of}" if graph.region_of else ""
    inputs = ", ".join(map(_format_input, graph.inputs)) or "nothing"
    yield f"graph {graph.name} ({graph.class_name}{owner}) takes {inputs} {{"
    for name, member in graph.members.items():
        yield f"  .{name} = {format_member(member.op)}"
    for node in graph.nodes:
        types = ", ".join(format_type(value) or "?" for value in node.outputs)
        yield f"  {format_node(node)}{f'  -> {types}' if types.strip('?, ') else ''}"
    yield f"  return {format_arguments(graph.result.args, graph.result.kwargs)}"
    yield "}"


def _format_input(value: Value) -> str:
    found = format_type(value)
    return f"{value!r}: {found}" if found else repr(value)


def format_type(value: Value) -> str:
    """Dtype and shape of a value, such as ``float32[2, 3]``; empty where they are not known."""
    return f"{(value.dtype or '').removeprefix('torch.')}{list(value.shape)}" if value.shape is not None else ""


def format_node(node: Node) -> str:
    """One node on one line."""
    outputs = f"{', '.join(map(repr, node.outputs))} = " if node.outputs else ""
    return f"{outputs}{_format_op(node.op)}({format_arguments(node.args, node.kwargs)})"


def _format_op(op: NodeOp) -> str:
    match op:
        case Call(target):
            return f".{target}"
        case Function(name):
            return name
        case Attribute(target):
            return f"attribute.{target}"
        case Constant():
            return "constant"
        case ChooseInputs(label, n_candidates, n_chosen, reduction):
            many = "any" if n_chosen == -1 else n_chosen
            return f"choose[{label}: {many} of {n_candidates}, {reduction}]"
        case SelectInputs(conditions, reduction):
            return f"select[{', '.join(map(format_literal, conditions))}; {reduction}]"
        case If(then, otherwise):
            return f"if[{then} | {otherwise}]"
        case Loop(body, n_carried):
            return f"loop[{body}, {n_carried} carried]"
    return "return"


def format_member(op: MemberOp) -> str:
    """A member on one line."""
    match op:
        case Module():
            return format_literal(op)
        case Cell(graph):
            return f"cell {graph}"
        case LayerChoice(label, candidates):
            return f"choice[{label}] {{{'; '.join(f'{name}: {format_member(m.op)}' for name, m in candidates)}}}"
        case Tensor(shape, dtype, init, kind):
            return f"{kind} {dtype}{list(shape)} = {format_literal(init)}"
