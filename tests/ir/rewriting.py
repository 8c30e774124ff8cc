"""The same model in other words, and what a model computes, spelled out: what digests are held against."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from random import Random
from typing import Any

from retix.ir import (
    Attribute,
    Call,
    Cell,
    Graph,
    If,
    LayerChoice,
    Location,
    Loop,
    Member,
    MemberOp,
    Model,
    Module,
    Node,
    Symbol,
    Tensor,
    Value,
    cells_of,
    changes_in_place,
    find_values,
    format_literal,
    map_values,
)


def rename(model: Model, random: Random) -> Model:
    """The model with another name for everything, members and dicts in another order, and other notes on it."""
    twin = model.copy()
    graphs = _rename_all(twin.graphs, "g", random)
    twin.graphs = {graphs[name]: graph for name, graph in twin.graphs.items()}
    twin.root_name = graphs[model.root_name]
    targets = {graph: _rename_all(graph.members, "m", random) for graph in twin.graphs.values()}
    for name, graph in twin.graphs.items():
        scope, graph.name, graph.class_name, graph.type = graph.scope, name, "Other", "torch.nn.Sequential"
        graph.region_of = graphs[graph.region_of] if graph.region_of is not None else None
        members = [(targets[graph][key], _rename_member(member, graphs)) for key, member in graph.members.items()]
        random.shuffle(members)
        graph.members = dict(members)
        for number, node in enumerate(graph.nodes):
            _rename_node(node, f"n{number}", targets[scope], graphs)
        for number, value in enumerate([*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]):
            value.name, value.variable, value.shape, value.dtype = f"v{number}", "other", (7,), "torch.int8"
        graph.result.args = reverse_dicts(graph.result.args)
    return Model.from_json(twin.to_json())


def _rename_all(names: Any, letter: str, random: Random) -> dict[str, str]:
    numbers = list(range(len(names)))
    random.shuffle(numbers)
    return {name: f"{letter}{number}" for name, number in zip(names, numbers, strict=True)}


def _rename_node(node: Node, name: str, targets: dict[str, str], graphs: dict[str, str]) -> None:
    node.name, node.location = name, Location("other.py", 1)
    node.args, node.kwargs = reverse_dicts(node.args), reverse_dicts(node.kwargs)
    match node.op:
        case Call(target) | Attribute(target) if target in targets:
            node.op = replace(node.op, target=targets[target])
        case If(then, otherwise):
            node.op = If(graphs[then], graphs[otherwise])
        case Loop(body, n_carried):
            node.op = Loop(graphs[body], n_carried)


def _rename_member(member: Member, graphs: dict[str, str]) -> Member:
    op: MemberOp = member.op
    match op:
        case Cell(graph):
            op = Cell(graphs[graph])
        case LayerChoice(_, candidates):
            op = replace(op, candidates=tuple((name, _rename_member(inner, graphs)) for name, inner in candidates))
        case Module():
            op = replace(op, kwargs=reverse_dicts(dict(op.kwargs)), args=reverse_dicts(op.args), state=("other",))
    return Member(op, "other.place")


def reverse_dicts(argument: Any) -> Any:
    """An argument whose dicts were written from behind."""
    if isinstance(argument, (list, tuple)):
        return type(argument)(map(reverse_dicts, argument))
    if isinstance(argument, dict):
        return {key: reverse_dicts(argument[key]) for key in reversed(argument)}
    return argument


def shuffle(model: Model, random: Random) -> Model:
    """The model with the nodes of each graph without effects in another order that respects what they take."""
    written = model.to_json()
    for data in written["graphs"]:
        graph = model.graphs[data["name"]]
        if not any(changes_in_place(node, model) for node in graph.nodes):
            places = {node.name: place for place, node in enumerate(_sort_at_random(graph, random))}
            data["nodes"].sort(key=lambda node, places=places: places[node["name"]])
    return Model.from_json(written)


def _sort_at_random(graph: Graph, random: Random) -> list[Node]:
    order: list[Node] = []
    waiting = list(graph.nodes)
    while waiting:
        ready = [node for node in waiting if not set(node.predecessors) & set(waiting)]
        order.append(random.choice(ready))
        waiting.remove(order[-1])
    return order


def spell_out(model: Model, name: str | None = None) -> str:
    """What a graph returns as a term over its inputs, as a hash: where it differs, something else is computed.

    It sees neither whether parts are shared nor effects, so that equal terms say nothing.
    """
    graph = model.graphs[name or model.root_name]
    terms: dict[Value, str] = {value: f"input {value.index}" for value in graph.inputs}

    def spell(argument: Any) -> str:
        return format_literal(map_values(_sort_dicts(argument), lambda value: Symbol(f"%{terms[value]}")))

    for node in graph.nodes:
        term = _hash(_spell_op(node, model), spell(_keep_used(node, model)), spell(node.kwargs))
        terms.update({value: f"{term} {value.index}" for value in node.outputs})
    return _hash(str(len(graph.inputs)), spell(graph.result.args))


def _sort_dicts(argument: Any) -> Any:
    if isinstance(argument, (list, tuple)):
        return type(argument)(map(_sort_dicts, argument))
    if isinstance(argument, dict):
        return {key: _sort_dicts(argument[key]) for key in sorted(argument, key=repr)}
    return argument


def _spell_op(node: Node, model: Model) -> str:
    match node.op:
        case Call() | Attribute() if node.member is not None:
            return _spell_member(node.member.op, model)
        case If(then, otherwise):
            return f"if {spell_out(model, then)} {spell_out(model, otherwise)}"
        case Loop(body, n_carried):
            return f"loop {spell_out(model, body)} {n_carried}"
    return repr(node.op)


def _spell_member(op: MemberOp, model: Model) -> str:
    match op:
        case Cell(graph):
            return f"cell {spell_out(model, graph)}"
        case LayerChoice(label, candidates):
            return f"choice {label} {[(name, _spell_member(inner.op, model)) for name, inner in candidates]}"
        case Module(type, args, kwargs):
            return f"{type} {format_literal(_sort_dicts(args))} {format_literal(_sort_dicts(dict(kwargs)))}"
        case Tensor():
            return repr(op)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_alive(model: Model, name: str | None = None) -> list[Node]:
    """Nodes whose values end up in the result of the model, in all graphs."""
    graph = model.graphs[name or model.root_name]
    found = [graph.result]
    for node in found:  # which grows meanwhile
        values = find_values((_keep_used(node, model), node.kwargs))
        found += [v.producer for v in dict.fromkeys(values) if v.producer is not None and v.producer not in found]
    below = [part for node in found for part in _parts(node)]
    return found[1:] + [node for part in dict.fromkeys(below) for node in find_alive(model, part)]


def find_takers(value: Value, model: Model) -> set[Node]:
    """The nodes that take the value and do something with it, and whose own values end up in the result."""
    alive = [*find_alive(model, value.graph.name), value.graph.result]
    return {
        node for node in value.uses if node in alive and value in find_values((_keep_used(node, model), node.kwargs))
    }


def _keep_used(node: Node, model: Model) -> list[Any]:
    """The positional arguments, None in place of those that end in nothing that the node returns."""
    first = {If: 1, Loop: 2 + getattr(node.op, "n_carried", 0)}.get(type(node.op), 0)
    shift = first - {If: 0, Loop: 1 + getattr(node.op, "n_carried", 0)}.get(type(node.op), 0)
    return [
        item if place < first or _is_used(node.operation, place - shift, model) else None
        for place, item in enumerate(node.args)
    ]


def _is_used(op: Any, position: int, model: Model) -> bool:
    match op:
        case LayerChoice(_, candidates):
            return any(_is_used(candidate.op, position, model) for _, candidate in candidates)
        case Cell(name) | Loop(name):
            names = [name]
        case If(then, otherwise):
            names = [then, otherwise]
        case _:
            return True
    graphs = [model.graphs[name] for name in names]
    taken = [
        value
        for graph in graphs
        for node in [graph.result, *find_alive(model, graph.name)]
        for value in find_values((_keep_used(node, model), node.kwargs))
    ]
    return any(graph.inputs[position] in taken for graph in graphs)


def _parts(node: Node) -> list[str]:
    match node.op:
        case If(then, otherwise):
            return [then, otherwise]
        case Loop(body):
            return [body]
    return list(cells_of(node.member.op)) if node.member is not None else []
