"""Models as JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retix.errors import GraphError
from retix.ir import ClassSource, Location, Model, Mutation
from tests.ir.models import make_chain, make_model, make_rich_model


def read_again(model: Model) -> Model:
    """The model, written to JSON text and read back."""
    return Model.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))


def test_rich_model_both_ways() -> None:
    """Every kind of node, member and literal survives, NaN, infinities, slices and nesting included."""
    model = make_rich_model()
    again = read_again(model)
    again.verify()
    assert again.to_json() == model.to_json()
    assert again.digest() == model.digest()
    assert str(again) == str(model)
    table, twin = model.root.node("table"), again.root.node("table")
    assert repr(twin.args) == repr(table.args)
    assert twin.kwargs == table.kwargs
    assert [value.variable for value in twin.outputs] == [None, "result"]
    assert again.root.node("choice").location == Location("net.py", 7)
    assert again.root.node("choice").operation == model.root.node("choice").operation
    assert again.root.members == model.root.members


def test_everything_around_the_graphs() -> None:
    """Sources, ties, evaluator, history, container types and names of inputs survive."""
    model = make_model(make_chain("ReLU"))
    model.root.type = "torch.nn.Sequential"
    model.root.inputs[0].variable = "image"
    model.sources = {"Unit": ClassSource("Unit", "class Unit: ...", ("import torch",), ("Other",))}
    model.ties = (("a.weight", "b.weight"), ("c", "d", "e"))
    model.evaluator = {"epochs": [1, 2]}
    model.history = (Mutation("inline", (("a", "0"), ("b", (0, 2)), ("c", 0.5), ("d", None))),)
    again = read_again(model)
    for name in ("sources", "ties", "evaluator", "history", "root_name"):
        assert getattr(again, name) == getattr(model, name)
    assert again.root.type == "torch.nn.Sequential"
    assert again.root.inputs[0].variable == "image"


def test_read_models_can_be_edited() -> None:
    """A model that was read takes new nodes under new names."""
    again = read_again(make_model(make_chain("ReLU", "ReLU")))
    node = again.root.insert_on(again.root.inputs[0], "relu", "torch.nn.ReLU")
    assert node.name == "relu_2"
    again.verify()


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_other_versions_are_refused(version: Any) -> None:
    """JSON of another version of the format is refused by its number."""
    data = make_model(make_chain("ReLU")).to_json()
    with pytest.raises(GraphError, match=f"version {version!r}"):
        Model.from_json({**data, "version": version})


def broken(path: list[Any], value: Any) -> dict[str, Any]:
    """The JSON of a model with one thing replaced."""
    data: Any = json.loads(json.dumps(make_model(make_chain("ReLU")).to_json()))
    item = data
    for step in path[:-1]:
        item = item[step]
    item[path[-1]] = value
    return dict(data)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["graphs"], 3, "this is no model that retix wrote"),
        (["graphs", 0], {}, "this is no model that retix wrote: KeyError"),
        (["graphs", 0, "nodes", 0, "op", "kind"], "magic", "'magic' is no kind of node"),
        (["graphs", 0, "nodes", 0, "args"], [{"value": "nope"}], "no model that retix wrote: KeyError: 'nope'"),
        (["graphs", 0, "nodes", 0, "args"], [{"magic": 1}], "'magic' is no kind of literal"),
        (["graphs", 0, "members", 0, 1, "kind"], "magic", "'magic' is no kind of member"),
        (["graphs", 0, "members", 0, 1, "args"], [{"value": "x"}], "arguments cannot hold the value 'x'"),
        (["history"], [{"mutator": "m", "choices": [["a", {"value": "x"}]]}], "the value 'x' cannot stand here"),
    ],
)
def test_what_is_no_model_is_refused(path: list[Any], value: Any, message: str) -> None:
    """JSON that retix cannot have written is refused as such."""
    with pytest.raises(GraphError, match=message):
        Model.from_json(broken(path, value))


def test_types_are_written_where_they_are_known() -> None:
    """Shapes and dtypes come back; without them the JSON is as before there were any."""
    model = make_rich_model()
    assert all("types" not in graph for graph in model.to_json()["graphs"])
    digest, value = model.digest(), model.root.node("conv").output
    value.shape, value.dtype = (2, 8, 4, 4), "torch.float16"
    again = Model.from_json(json.loads(json.dumps(model.to_json())))
    found = again.root.node("conv").output
    assert (found.shape, found.dtype) == ((2, 8, 4, 4), "torch.float16")
    assert again.root.inputs[0].shape is None
    assert again.digest() == digest
