"""Models as JSON, without loss, and versioned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir.graph import Graph
from retix.ir.history import Capture, ClassSource, Mutation
from retix.ir.literal import literal_from_json, literal_to_json, module_from_json, module_to_json
from retix.ir.node import Location, Node, Value
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
    Member,
    MemberOp,
    Module,
    NodeOp,
    SelectInputs,
    Tensor,
)

if TYPE_CHECKING:
    from retix.ir.model import Model

VERSION = 1

_NODE_OPS: dict[str, type] = {
    "call": Call,
    "function": Function,
    "attribute": Attribute,
    "constant": Constant,
    "choose_inputs": ChooseInputs,
    "select_inputs": SelectInputs,
    "if": If,
    "loop": Loop,
}
_NODE_KINDS = {cls: kind for kind, cls in _NODE_OPS.items()}


def model_to_json(model: Model) -> dict[str, Any]:
    """The model as JSON values."""
    return {
        "version": VERSION,
        "root": model.root_name,
        "graphs": [_graph_to_json(graph) for graph in model.graphs.values()],
        "sources": {key: _fields(source) for key, source in model.sources.items()},
        "ties": [list(group) for group in model.ties],
        "evaluator": model.evaluator,
        "history": [
            {"mutator": m.label, "choices": [[label, literal_to_json(answer)] for label, answer in m.choices]}
            for m in model.history
        ],
        **({"capture": _fields(model.capture)} if model.capture is not None else {}),
        **({"constraints": list(model.constraints)} if model.constraints else {}),
    }


def model_fields_from_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the model that `model_to_json` wrote.

    Raises:
        GraphError: A newer retix wrote it, or it is no model.
    """
    version = data.get("version")
    if version != VERSION:
        raise GraphError(
            f"the model was written in version {version!r} of the graph format; this retix reads version {VERSION}",
            fix="read it with the retix that wrote it, or a newer one",
        )
    try:
        return _fields_from_json(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GraphError(f"this is no model that retix wrote: {type(error).__name__}: {error}") from error


def _fields_from_json(data: Mapping[str, Any]) -> dict[str, Any]:
    graphs = [_graph_from_json(item) for item in data["graphs"]]
    sources = {
        key: ClassSource(s["name"], s["code"], tuple(s["imports"]), tuple(s["needs"]))
        for key, s in data["sources"].items()
    }
    history = tuple(
        Mutation(m["mutator"], tuple((label, _frozen(answer)) for label, answer in m["choices"]))
        for m in data["history"]
    )
    return {
        "graphs": {graph.name: graph for graph in graphs},
        "root_name": data["root"],
        "sources": sources,
        "ties": tuple(tuple(group) for group in data["ties"]),
        "evaluator": data["evaluator"],
        "history": history,
        "capture": Capture(**data["capture"]) if "capture" in data else None,
        "constraints": tuple(data.get("constraints", ())),
    }


def _frozen(answer: Any) -> Any:
    return literal_from_json(answer, _no_value)


def _no_value(name: str) -> Value:
    raise GraphError(f"the value {name!r} cannot stand here")


def _fields(record: Any) -> dict[str, Any]:
    """The fields of a frozen record whose values are plain."""
    return {
        name: list(value) if isinstance(value := getattr(record, name), tuple) else value for name in record.__slots__
    }


def _graph_to_json(graph: Graph) -> dict[str, Any]:
    return {
        "name": graph.name,
        "class_name": graph.class_name,
        "region_of": graph.region_of,
        "type": graph.type,
        "members": [[name, _member_to_json(member)] for name, member in graph.members.items()],
        "inputs": [
            [value.name, value.variable, *([literal_to_json(value.default)] if value.default is not ... else [])]
            for value in graph.inputs
        ],
        **_types_to_json(graph),
        "nodes": [_node_to_json(node) for node in graph.nodes],
        "result": literal_to_json(graph.result.args[0]),
    }


def _graph_from_json(data: Mapping[str, Any]) -> Graph:
    graph = Graph(data["name"], data["class_name"], region_of=data["region_of"], type=data["type"])
    graph.members = {name: _member_from_json(member) for name, member in data["members"]}
    values: dict[str, Value] = {}
    for name, variable, *default in data["inputs"]:
        values[name] = graph.add_input(name)
        values[name].variable = variable
        if default:
            values[name].default = literal_from_json(default[0], values.__getitem__)
    for item in data["nodes"]:
        node = _node_from_json(graph, item, values.__getitem__)
        values.update({value.name: value for value in node.outputs})
    graph.set_result(literal_from_json(data["result"], values.__getitem__))
    for name, dtype, shape in data.get("types", ()):
        values[name].dtype, values[name].shape = dtype, tuple(shape)
    return graph


def _types_to_json(graph: Graph) -> dict[str, Any]:
    """The values of known type; no entry where there is none, as in what an older retix wrote."""
    values = [*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]
    types = [[value.name, value.dtype, list(value.shape)] for value in values if value.shape is not None]
    return {"types": types} if types else {}


def _node_to_json(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "op": {"kind": _NODE_KINDS[type(node.op)], **_op_fields(node.op)},
        "args": [literal_to_json(item) for item in node.args],
        "kwargs": {key: literal_to_json(item) for key, item in node.kwargs.items()},
        "outputs": [[value.name, value.variable] for value in node.outputs],
        "location": [node.location.file, node.location.line] if node.location else None,
        **({"label": node._label} if node._label is not None else {}),
    }


def _op_fields(op: NodeOp) -> dict[str, Any]:
    fields = _fields(op)
    if isinstance(op, SelectInputs):
        fields["conditions"] = literal_to_json(fields["conditions"])
    return fields


def _node_from_json(graph: Graph, data: Mapping[str, Any], value: Callable[[str], Value]) -> Node:
    fields = dict(data["op"])
    kind = fields.pop("kind")
    if kind not in _NODE_OPS:
        raise GraphError(f"{kind!r} is no kind of node", why="a newer retix may have written it")
    if kind == "select_inputs":
        fields["conditions"] = literal_from_json(fields["conditions"], value)
    op: NodeOp = _NODE_OPS[kind](**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    args = [literal_from_json(item, value) for item in data["args"]]
    kwargs = {key: literal_from_json(item, value) for key, item in data["kwargs"].items()}
    location = Location(*data["location"]) if data["location"] else None
    names = [name for name, _ in data["outputs"]]
    node = graph.add(op, args, kwargs, name=data["name"], output_names=names, location=location)
    node._label = data.get("label")
    for output, (_, variable) in zip(node.outputs, data["outputs"], strict=True):
        output.variable = variable
    return node


def _member_to_json(member: Member) -> dict[str, Any]:
    return {"origin": member.origin, **_member_op_to_json(member.op)}


def _member_op_to_json(op: MemberOp) -> dict[str, Any]:
    match op:
        case Module():
            return {"kind": "module", **module_to_json(op)}
        case Cell(graph):
            return {"kind": "cell", "graph": graph}
        case LayerChoice(label, candidates, weights):
            listed = [[name, _member_to_json(candidate)] for name, candidate in candidates]
            return {
                "kind": "layer_choice",
                "label": label,
                "candidates": listed,
                "weights": list(weights or ()) or None,
            }
        case Tensor():
            return {"kind": "tensor", "tensor": {**_fields(op), "init": module_to_json(op.init)}}


def _member_from_json(data: Mapping[str, Any]) -> Member:
    return Member(_member_op_from_json(data), data["origin"])


def _member_op_from_json(data: Mapping[str, Any]) -> MemberOp:
    match data["kind"]:
        case "module":
            return module_from_json(data)
        case "cell":
            return Cell(data["graph"])
        case "layer_choice":
            candidates = tuple((name, _member_from_json(item)) for name, item in data["candidates"])
            return LayerChoice(data["label"], candidates, tuple(data["weights"]) if data["weights"] else None)
        case "tensor":
            fields = dict(data["tensor"])
            fields["shape"] = tuple(fields["shape"])
            fields["init"] = module_from_json(fields["init"])
            return Tensor(**fields)
    raise GraphError(f"{data['kind']!r} is no kind of member", why="a newer retix may have written it")
