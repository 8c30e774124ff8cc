"""NNI's graph JSON, read and written."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from retix.errors import GraphError
from retix.ir import Cell, Function, Model, Module
from tests.ir.models import make_chain, make_function, make_model, make_rich_model

MODULES = "__torch__.torch.nn.modules"


def node(kind: str, **parameters: Any) -> dict[str, Any]:
    """A node as NNI writes it."""
    return {"operation": {"type": kind, "parameters": parameters, "attributes": {}}}


def edge(head: tuple[str, int | None], tail: tuple[str, int | None]) -> dict[str, Any]:
    """An edge as NNI writes it."""
    return {"head": list(head), "tail": list(tail)}


def make_torch_json() -> dict[str, Any]:
    """A cell, a view with constants, and a function of torch.nn.functional; nodes in no order."""
    cell = node("_cell")
    cell["operation"]["cell_name"] = "_model__stem"
    return {
        "_model__stem": {
            "inputs": ["x__1"],
            "outputs": ["conv__1"],
            "nodes": {"_model__stem__conv": node(f"{MODULES}.conv.Conv2d", in_channels=1, out_channels=4)},
            "edges": [
                edge(("_inputs", 0), ("_model__stem__conv", 0)),
                edge(("_model__stem__conv", None), ("_outputs", None)),
            ],
        },
        "_model": {
            "inputs": ["image__1"],
            "outputs": ["softmax__1"],
            "nodes": {
                "_model__fc": {**node(f"{MODULES}.linear.Linear", in_features=16, out_features=2), "label": "head"},
                "_model__C1": node("prim::Constant"),
                "_model__C2": node("prim::Constant", value=3),
                "_model__C3": node("prim::Constant", value=-1),
                "_model__stem": cell,
                "_model__List": node("prim::ListConstruct"),
                "_model__C4": node("prim::Constant", value=0),
                "_model__Size": node("aten::size"),
                "_model__View": node("aten::view"),
                "_model__softmax": node("Function.softmax"),
            },
            "edges": [
                edge(("_inputs", 0), ("_model__stem", 0)),
                edge(("_model__C3", None), ("_model__List", 1)),
                edge(("_model__Size", None), ("_model__List", 0)),
                edge(("_model__stem", None), ("_model__Size", 0)),
                edge(("_model__C4", None), ("_model__Size", 1)),
                edge(("_model__stem", None), ("_model__View", 0)),
                edge(("_model__List", None), ("_model__View", 1)),
                edge(("_model__View", None), ("_model__fc", 0)),
                edge(("_model__fc", None), ("_model__softmax", 0)),
                edge(("_model__C3", None), ("_model__softmax", 1)),
                edge(("_model__C2", None), ("_model__softmax", 2)),
                edge(("_model__C1", None), ("_model__softmax", 3)),
                edge(("_model__softmax", None), ("_outputs", None)),
            ],
        },
        "_evaluator": {"type": "anything"},
    }


def make_other_json() -> dict[str, Any]:
    """Layers of another framework, in a graph that does not name its inputs."""
    return {
        "_model": {
            "inputs": None,
            "outputs": None,
            "nodes": {"conv": node("Conv2D", filters=32), "pool": node("MaxPool2D", pool_size=2)},
            "edges": [
                edge(("_inputs", 0), ("conv", None)),
                edge(("conv", None), ("pool", None)),
                edge(("pool", 0), ("_outputs", 0)),
            ],
        }
    }


@pytest.mark.parametrize("make", [make_torch_json, make_other_json])
def test_nothing_is_lost(make: Any) -> None:
    """What was read is written as it was, also by a fork, whatever the order and spelling."""
    data = make()
    model = Model._load(copy.deepcopy(data))
    model.verify()
    data = {**data, "model_id": None, "python_class": None, "python_init_params": None}
    assert model._dump() == data
    assert json.loads(json.dumps(model.fork()._dump())) == data
    assert Model._load(model._dump()).digest() == model.digest()


def test_what_is_read() -> None:
    """Layers have their torch names, constants are values, lists are lists, and the order is that of the edges."""
    model = Model._load(make_torch_json())
    assert str(model).splitlines()[:13] == [
        "graph _model (Model) takes %image__1 {",
        "  .stem = cell _model__stem",
        "  .fc = torch.nn.Linear(in_features=16, out_features=2)",
        "  %_model__stem = .stem(%image__1)",
        "  %_model__C3 = constant(-1)",
        "  %_model__C4 = constant(0)",
        "  %_model__Size = aten::size(%_model__stem, %_model__C4)",
        "  %_model__List = constant([%_model__Size, %_model__C3])",
        "  %_model__View = aten::view(%_model__stem, %_model__List)",
        "  %_model__fc = .fc(%_model__View)",
        "  %_model__C1 = constant(None)",
        "  %_model__C2 = constant(3)",
        "  %_model__softmax = aten::softmax(%_model__fc, %_model__C3, %_model__C1)",
    ]
    assert model.evaluator == {"type": "anything"}
    assert [node.name for node in model.get_nodes_by_label("head")] == ["_model__fc"]
    assert model.get_nodes_by_type(f"{MODULES}.conv.Conv2d")[0].graph.name == "_model__stem"


def test_layers_of_other_frameworks() -> None:
    """They are leaves by their names, and can be changed like others; what was not changed is written as it was."""
    data = make_other_json()
    model = Model._load(data)
    pool = model.root_graph.get_node_by_name("pool")
    assert pool is not None
    assert pool.operation == Module("MaxPool2D", (), {"pool_size": 2})
    pool.update_operation("AveragePooling2D", {"pool_size": 3})
    model.root_graph.insert_node_on_edge(pool.incoming_edges[0], "norm", "BatchNormalization")
    model.verify()
    written = model._dump()["_model"]
    assert written["nodes"]["conv"] == data["_model"]["nodes"]["conv"]
    assert written["nodes"]["pool"]["operation"]["type"] == "AveragePooling2D"
    assert written["edges"][0] == data["_model"]["edges"][0]
    assert edge(("norm", None), ("pool", 0)) in written["edges"]
    assert Model._load({"_model": written}).digest() == model.digest()


def test_writing_other_models() -> None:
    """A captured model is written with torch's types as TorchScript has them; literals become constants."""
    cell = make_chain("Conv2d", name="block")
    graph, (x,) = make_function("net")
    graph.add_member("block", Cell("block"))
    block = graph.add_module("first", "torch.nn.ReLU", [x]).output
    cat = graph.add(Function("aten::cat"), [[block, x], 1], name="cat").output
    graph.set_result(cat)
    model = make_model(graph, cell)
    written = model._dump()
    assert written["net"]["nodes"]["first"]["operation"]["type"] == f"{MODULES}.activation.ReLU"
    assert written["net"]["nodes"]["cat_1"]["operation"] == {
        "type": "prim::Constant",
        "parameters": {"value": 1},
        "attributes": {},
    }
    again = Model._load(written)
    again.verify()
    assert [node.type for node in again.root_graph.nodes] == ["torch.nn.ReLU", "constant", "constant", "aten::cat"]
    assert json.dumps(make_rich_model()._dump())


def test_what_is_no_graph() -> None:
    """Edges to nowhere, circles, and what has no root, are refused."""
    data = make_other_json()
    data["_model"]["edges"].append(edge(("nope", None), ("conv", 0)))
    with pytest.raises(GraphError, match="ends at 'nope', which is no node of it"):
        Model._load(data)
    data = make_other_json()
    data["_model"]["edges"][0] = edge(("pool", None), ("conv", 0))
    with pytest.raises(GraphError, match="depends on itself"):
        Model._load(data)
    with pytest.raises(GraphError, match="no graph that NNI wrote"):
        Model._load({"_model": {"nodes": {}}})
    with pytest.raises(GraphError, match="no root"):
        Model._load({})
