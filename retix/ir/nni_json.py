"""Models in the JSON that NNI's graphs are written in.

One object per graph: names of inputs and outputs, nodes by name, and edges between slots::

    {"_model": {"inputs": ["x"], "outputs": ["y"],
                "nodes": {"conv": {"operation": {"type": "__torch__.torch.nn.modules.conv.Conv2d", "parameters": {}}}},
                "edges": [{"head": ["_inputs", 0], "tail": ["conv", 0]},
                          {"head": ["conv", null], "tail": ["_outputs", null]}]},
     "_evaluator": {}}

``__torch__`` types become layers of ``torch.nn``; what is of another framework becomes a leaf of that name. What was
read is kept beside the graphs, so that what did not change is written as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir.edge import InputNode, edges_into
from retix.ir.graph import Graph
from retix.ir.literal import literal_from_json, literal_to_json
from retix.ir.node import Node, Value, find_values
from retix.ir.op import Attribute, Call, Cell, Constant, Function, MemberOp, NodeOp, Operation
from retix.ir.order import find_circular, sort_below
from retix.ir.text import print_graph
from retix.ir.type_name import write_scripted_type

if TYPE_CHECKING:
    from retix.ir.model import Model

_NO_GRAPHS = ("_evaluator", "_training_config", "model_id", "python_class", "python_init_params")
_ENDS = ("_inputs", "_outputs")

_CONTAINERS: dict[str, Any] = {"prim::ListConstruct": list, "prim::TupleConstruct": tuple}

# What torch.nn.functional is called with, in the order of the operator's own arguments.
_FUNCTIONAL = {
    **{"softmax": (0, 1, 3), "log_softmax": (0, 1, 3), "dropout": (0, 1, 2), "relu": (0,), "max_pool2d": range(6)},
    **{"sigmoid": (0,), "tanh": (0,)},
}


def read_nni_model(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the model that NNI's JSON describes.

    The root is the graph ``_model``, else the one that no other has as a cell.

    Raises:
        GraphError: An edge ends nowhere, the nodes form a circle, or there is no root.
    """
    written = {name: item for name, item in data.items() if name not in _NO_GRAPHS}
    try:
        graphs = {name: _Reader(name, item).read() for name, item in written.items()}
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise GraphError(f"this is no graph that NNI wrote: {type(error).__name__}: {error}") from error
    called = {name for graph in graphs.values() for name in graph.branches()}
    roots = [name for name in graphs if name == "_model"] or [name for name in graphs if name not in called]
    if not roots:
        raise GraphError("the model has no root", why="every graph is a cell of another one")
    return {
        "graphs": graphs,
        "root_name": roots[0],
        "evaluator": data.get("_evaluator"),
        "python_class": data.get("python_class"),
        "python_init_params": data.get("python_init_params"),
        "written": dict(written),
    }


class _Reader:
    """Reads one graph."""

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        self.data = data
        self.graph = Graph(name, _make_class_name(name))
        self.values: dict[tuple[str, int], Value] = {}
        self.into: dict[str, list[Mapping[str, Any]]] = {}
        for edge in data["edges"]:
            for end in (edge["head"], edge["tail"]):
                if end[0] not in data["nodes"] and end[0] not in _ENDS:
                    raise GraphError(f"an edge of graph {name!r} ends at {end[0]!r}, which is no node of it")
            self.into.setdefault(edge["tail"][0], []).append(edge)

    def read(self) -> Graph:
        for index in range(_count_inputs(self.data)):
            names = self.data.get("inputs") or []
            self.values["_inputs", index] = self.graph.add_input(names[index] if index < len(names) else "x")
        below = {name: [e["head"][0] for e in self.into.get(name, ())] for name in (*self.data["nodes"], *_ENDS)}
        order = sort_below(below, lambda name: below[name])
        circular = find_circular(order, lambda name: below[name])
        if circular is not None:
            raise GraphError(f"node {circular!r} of graph {self.graph.name!r} depends on itself")
        for name in order:
            if name not in _ENDS:
                self._read_node(name, self.data["nodes"][name])
        given = self._find_inputs("_outputs")
        self.graph.set_result(given[0] if len(given) == 1 else tuple(given) or None)
        return self.graph

    def _find_inputs(self, name: str) -> list[Value]:
        """What goes into a node, in the order of its slots; where they have none, in the order of the edges."""
        edges = self.into.get(name, [])
        if all(isinstance(edge["tail"][1], int) and edge["tail"][1] >= 0 for edge in edges):
            edges = sorted(edges, key=lambda edge: edge["tail"][1])
        return [self._find_value(*edge["head"]) for edge in edges]

    def _find_value(self, name: str, slot: int | None) -> Value:
        return self.values[name, slot or 0]

    def _read_node(self, name: str, data: Mapping[str, Any]) -> None:
        operation = data.get("operation", data)  # the earliest files have no "operation"
        args: list[Any] = list(self._find_inputs(name))
        op = _read_operation(operation, name)
        if operation["type"] in _CONTAINERS:
            op, args = Constant(), [_CONTAINERS[operation["type"]](args)]
        elif isinstance(op, Constant):
            args = [_read_literal(operation.get("parameters", {}).get("value"))]
        elif isinstance(op, Function):
            args = _settle_functional(operation["type"], args)
        used = [edge["head"][1] for edges in self.into.values() for edge in edges if edge["head"][0] == name]
        if isinstance(op, MemberOp):
            origin = data.get("python_name")
            op = Call(self.graph.add_member(_last(name), op, origin if isinstance(origin, str) else None))
        elif isinstance(op, Attribute):
            op, args = Constant(), [_read_literal(operation.get("parameters", {}).get("value"))]
        count = 1 + max((slot or 0 for slot in used), default=0)
        if isinstance(op, Call) and isinstance(self.graph.members[op.target].op, Cell):
            count = 1  # several results of a cell come as one tuple
        node = self.graph.add(op, args, name=name, n_outputs=count)
        node._label = data.get("label")
        for index in range(count):
            self.values[name, index] = node.outputs[index]


def _read_operation(data: Mapping[str, Any], name: str) -> MemberOp | NodeOp:
    parameters = {key: _read_literal(item) for key, item in data.get("parameters", {}).items()}
    kind = str(data["type"])
    if kind.startswith("Function."):
        return Function(f"aten::{kind.removeprefix('Function.')}")
    return Operation.new(kind, parameters, data.get("cell_name") or data.get("cell") or name)


def _read_literal(item: Any) -> Any:
    return literal_from_json(item, _no_value) if not isinstance(item, dict) else {"json": literal_to_json(item)}


def _no_value(name: str) -> Value:
    raise GraphError(f"the value {name!r} cannot stand here")


def _settle_functional(kind: str, args: list[Any]) -> list[Any]:
    kept = _FUNCTIONAL.get(kind.removeprefix("Function."), range(len(args)))
    return [args[index] for index in kept if index < len(args)] if kind.startswith("Function.") else args


def _count_inputs(data: Mapping[str, Any]) -> int:
    slots = [edge["head"][1] or 0 for edge in data["edges"] if edge["head"][0] == "_inputs"]
    return max([len(data.get("inputs") or ()), *(slot + 1 for slot in slots)])


def _make_class_name(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join(word[:1].upper() + word[1:] for word in words) or "Model"


def _last(name: str) -> str:
    return name.rpartition("__")[2] or name


def write_nni_model(model: Model) -> dict[str, Any]:
    """The model as NNI's JSON.

    Literals among the arguments of operators become nodes of their own, ``prim::Constant``, as they are there; a choice
    that is open is written by its type and label alone, so that `Model.to_json` is what keeps a model without loss.
    """
    written = {
        name: _write_graph(graph, model.written.get(name) or {})
        for name, graph in dict.items(model.graphs)
        if graph.region_of is None
    }
    made_by = model.python_class
    return {
        **written,
        "model_id": None,
        "python_class": made_by if made_by is None or isinstance(made_by, str) else _name_class(made_by),
        "python_init_params": model.python_init_params,
        **({"_evaluator": model.evaluator} if model.evaluator is not None else {}),
    }


def _name_class(item: Any) -> str:
    return f"{item.__module__}.{item.__qualname__}"


def _write_graph(graph: Graph, before: Mapping[str, Any]) -> dict[str, Any]:
    if before and _is_unchanged(graph, before):
        return {
            **{"inputs": before.get("inputs"), "outputs": before.get("outputs")},
            "nodes": {name: _keep(item) for name, item in before["nodes"].items()},
            "edges": list(before["edges"]),
        }
    known = before.get("nodes", {})
    names = {_claimed(name): name for name in known}
    writer = _Writer(graph, names)
    nodes = {name: _restore(item, known.get(name)) for name, item in writer.nodes.items()}
    order = [name for name in known if name in nodes]
    spelled = {_normalise(edge): edge for edge in before.get("edges", ())}
    edges = [spelled.get(_normalise(edge), edge) for edge in writer.edges]
    places = {_normalise(edge): place for place, edge in enumerate(before.get("edges", ()))}
    edges.sort(key=lambda edge: places.get(_normalise(edge), len(places)))
    inputs = [value.name for value in graph.inputs] if not before or before.get("inputs") else None
    return {
        "inputs": inputs if not before else before.get("inputs", inputs),
        "outputs": before["outputs"] if before.get("outputs") else writer.outputs if not before else None,
        "nodes": {name: nodes[name] for name in dict.fromkeys((*order, *nodes))},
        "edges": edges,
    }


class _Writer:
    """Writes one graph: its nodes, and constants for the literals among their arguments."""

    def __init__(self, graph: Graph, names: Mapping[str, str]) -> None:
        self.names = names
        self.nodes: dict[str, dict[str, Any]] = {}
        self.edges: list[dict[str, Any]] = []
        for node in graph.nodes:
            name = self._name(node)
            self.nodes[name] = _write_node(node)
            if isinstance(node.op, Constant) and not any(find_values(node.args)):
                continue
            self._write_inputs(node, name)
        for edge in edges_into(graph.result):
            self._connect(edge.value, "_outputs", edge.tail_slot)
        self.outputs = [value.name for value in graph.result.inputs]

    def _name(self, node: Node) -> str:
        return self.names.get(node.name, node.name)

    def _write_inputs(self, node: Node, name: str) -> None:
        if isinstance(node.op, Function):
            for slot, item in enumerate((*node.args, *node.kwargs.values())):
                self._write_argument(item, name, slot)
            return
        for edge in edges_into(node):
            self._connect(edge.value, name, edge.tail_slot)

    def _write_argument(self, item: Any, name: str, slot: int) -> None:
        if isinstance(item, Value):
            self._connect(item, name, slot)
            return
        constant = f"{name}_{slot}"
        values = list(find_values(item))
        kind = "prim::ListConstruct" if values else "prim::Constant"
        parameters = {} if values else {"value": literal_to_json(item)}
        self.nodes[constant] = {"operation": {"type": kind, "parameters": parameters, "attributes": {}}}
        for inner, part in enumerate(item if values and isinstance(item, (list, tuple)) else values):
            self._write_argument(part, constant, inner)
        self.edges.append({"head": [constant, None], "tail": [name, slot]})

    def _connect(self, value: Value, name: str, slot: int | None) -> None:
        producer = value.producer
        if producer is None:
            head: list[Any] = [InputNode.name, value.index]
        else:
            head = [self._name(producer), value.index if len(producer.outputs) > 1 else None]
        self.edges.append({"head": head, "tail": [name, slot]})


def _write_node(node: Node) -> dict[str, Any]:
    op = node.operation
    parameters = {key: literal_to_json(item) for key, item in op.parameters.items()}
    kind = write_scripted_type(op.type)
    if isinstance(node.op, Constant):
        kind, parameters = _write_constant(node.args[0])
    written: dict[str, Any] = {"type": kind, "parameters": parameters, "attributes": {}}
    if isinstance(op, Cell):
        written["cell_name"] = op.graph
    found: dict[str, Any] = {"operation": written}
    if node.label is not None:
        found["label"] = node.label
    if node.python_name is not None:
        found["python_name"] = node.python_name
    return found


def _write_constant(literal: Any) -> tuple[str, dict[str, Any]]:
    if any(find_values(literal)):
        return "prim::TupleConstruct" if isinstance(literal, tuple) else "prim::ListConstruct", {}
    return "prim::Constant", {} if literal is None else {"value": literal_to_json(literal)}


def _restore(item: dict[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The node as it was read, if it still is what was read."""
    if before is None:
        return item
    operation = before.get("operation", before)
    same = _read_operation(operation, "") == _read_operation(item["operation"], "")
    same = same or operation["type"].removeprefix("Function.") == item["operation"]["type"].removeprefix("aten::")
    if not same or before.get("label") != item.get("label"):
        return item
    return _keep(before)


def _keep(before: Mapping[str, Any]) -> dict[str, Any]:
    """A node as it was read, with what NNI leaves out where it is empty."""
    operation = before.get("operation", before)
    kept = {"type": operation["type"], **{key: operation.get(key, {}) for key in ("parameters", "attributes")}}
    kept.update({"cell_name": operation["cell_name"]} if "cell_name" in operation else {})
    return {"operation": kept, **{key: value for key, value in before.items() if key in ("label", "python_name")}}


def _is_unchanged(graph: Graph, before: Mapping[str, Any]) -> bool:
    """Whether reading what was read gives the graph as it is."""
    twin = _Reader(graph.name, before).read()
    labels = [[node.label for node in part.nodes] for part in (graph, twin)]
    return labels[0] == labels[1] and print_graph(twin) == print_graph(graph)


def _normalise(edge: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is equal for edges that are spelled differently: None is the first slot, and so is -1."""
    head, tail = edge["head"], edge["tail"]
    return head[0], head[1] or 0, tail[0], max(tail[1] or 0, 0)


def _claimed(name: str) -> str:
    """What a node that was called ``name`` is called in a graph of its own; see `Graph.add`."""
    return Graph("", "").add(Constant(), [None], name=name).name
