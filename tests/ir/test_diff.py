"""Differences between models."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retix.ir import (
    Attribute,
    Call,
    Cell,
    ClassSource,
    Diff,
    Function,
    Graph,
    Member,
    Model,
    Module,
    Part,
    Tensor,
    diff,
)
from tests.ir.models import make_chain, make_if_model, make_model
from tests.ir.random_models import edits, models, unhurried


def make_net() -> Model:
    """A chain with a cell, and an addition around it."""
    root, cell = make_chain("Conv2d", "BatchNorm2d", "ReLU"), make_chain("Linear", "GELU", name="cell")
    root.members["conv2d"] = Member(Module("torch.nn.Conv2d", (3, 8), {"kernel_size": 3, "padding": 1}))
    root.add_member("cell", Cell("cell"))
    value = root.result.args[0]
    called = root.add(Call("cell"), [value], name="cell").output
    root.set_result(root.add(Function("aten::add"), [called, value], {"alpha": 2}, name="add").output)
    return make_model(root, cell)


def changes(found: Diff) -> dict[str, tuple[Part, ...]]:
    """The parts of every changed node, by graph and node."""
    return {f"{entry.graph}/{entry.node}": entry.parts for entry in found.changed}


def test_a_changed_layer() -> None:
    """Of a layer with another argument, that argument is reported, and nothing behind it."""
    model = make_net()
    fork = model.fork()
    fork.root.members["conv2d"] = Member(Module("torch.nn.Conv2d", (3, 8), {"kernel_size": 5, "padding": 1}))
    found = diff(model, fork)
    assert (found.added, found.removed) == ((), ())
    assert changes(found) == {"net/conv2d": (Part("setting", "kernel_size", "3", "5"),)}


def test_another_layer() -> None:
    """Of a layer of another class, both are shown whole."""
    model = make_net()
    fork = model.fork()
    fork.graph("cell").node("gelu").update_operation("torch.nn.ELU", {"alpha": 0.5})
    assert changes(diff(model, fork)) == {
        "cell/gelu": (Part("op", "op", "torch.nn.GELU()", "torch.nn.ELU(alpha=0.5)"),)
    }


def test_inserted_and_erased() -> None:
    """A layer put in between is added, and its user takes another value; the other way round it is removed."""
    model = make_net()
    fork = model.fork()
    fork.root.insert_on(fork.root.node("relu").output, "drop", "torch.nn.Dropout", {"p": 0.1})
    found = diff(model, fork)
    assert [(entry.node, entry.type) for entry in found.added] == [("drop", "torch.nn.Dropout")]
    assert changes(found) == {
        "net/cell": (Part("input", "[0]", "%relu", "%drop"),),
        "net/add": (Part("input", "[1]", "%relu", "%drop"),),
    }
    back = diff(fork, model)
    assert (back.added, back.removed) == ((), found.added)


def test_arguments_and_results() -> None:
    """Literals of a call, and what a graph returns, are compared too."""
    model = make_net()
    fork = model.fork()
    node = fork.root.node("add")
    node.set_arguments(node.args, {"alpha": 3})
    fork.root.set_result((node.output,))
    assert changes(diff(model, fork)) == {
        "net/add": (Part("argument", "alpha", "2", "3"),),
        "net/return": (Part("input", "[0]", "%add", "(%add,)"),),
    }


def test_renamed_nodes_are_found_again() -> None:
    """Names do not matter, neither for equal nodes nor for those behind a change."""
    graph = Graph("net", "Net")
    value = graph.add_input("image")
    for name, type, settings in (
        ("a", "Conv2d", {"in_channels": 3, "out_channels": 8, "kernel_size": 5}),
        ("b", "BatchNorm2d", {}),
        ("c", "ReLU", {}),
    ):
        value = graph.add_module(name, f"torch.nn.{type}", [value], settings).output
    graph.set_result(value)
    other = make_chain("Conv2d", "BatchNorm2d", "ReLU")
    other.members["conv2d"] = Member(
        Module("torch.nn.Conv2d", (), {"in_channels": 3, "out_channels": 8, "kernel_size": 3})
    )
    assert changes(diff(make_model(other), make_model(graph))) == {
        "net/conv2d": (Part("setting", "kernel_size", "3", "5"),)
    }


def test_sharing() -> None:
    """Two calls of one layer are not two calls of two equal layers."""
    shared, apart = make_chain("Linear", "Linear"), make_chain("Linear", "Linear")
    shared.node("linear_1").op = Call("linear")
    assert changes(diff(make_model(shared), make_model(apart))) == {
        "net/linear": (Part("sharing", "users", "linear, linear_1", "linear"),),
        "net/linear_1": (Part("sharing", "users", "linear, linear_1", "linear_1"),),
    }


def test_tensors() -> None:
    """A parameter that starts otherwise is a change of the node that reads it."""

    def make(start: str) -> Model:
        graph = make_chain()
        graph.add_member("scale", Tensor((3,), "torch.float32", Module(start, ((3,),))))
        graph.set_result(graph.add(Attribute("scale"), name="scale").output)
        return make_model(graph)

    assert changes(diff(make("torch.ones"), make("torch.zeros"))) == {
        "net/scale": (Part("setting", "init", "torch.ones((3,))", "torch.zeros((3,))"),)
    }


def test_graphs_of_one_model_only() -> None:
    """All nodes of a graph that the other model has not are added or removed; what is dead does not count."""
    model = make_net()
    fork = model.fork()
    fork.root.erase(fork.root.node("cell"), fork.root.node("relu").output)
    found = diff(model, fork)
    assert [(entry.graph, entry.node) for entry in found.removed] == [
        ("net", "cell"),
        ("cell", "linear"),
        ("cell", "gelu"),
    ]
    fork.root.add_module("dead", "torch.nn.ReLU", [fork.root.inputs[0]])
    assert diff(model, fork) == found


def test_inputs() -> None:
    """An input more is added."""
    model = make_net()
    fork = model.fork()
    fork.root.add_input("mask")
    assert [(entry.type, entry.text) for entry in diff(model, fork).added] == [("input", "takes %mask")]


def test_branches() -> None:
    """A layer that a branch calls is compared where it is called, also in models that were just read."""
    model = make_if_model()
    fork = model.fork()
    fork.root.members["fc"] = Member(Module("torch.nn.Linear", (8, 9)))
    expected = {"net:else/fc": (Part("setting", "[1]", "8", "9"),)}
    assert changes(diff(model, fork)) == expected
    assert changes(diff(*(Model.from_json(item.to_json()) for item in (model, fork)))) == expected


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"ties": (("a", "b"),)}, "ties"),
        ({"sources": {"main.Unit": ClassSource("Unit", "class Unit: ...")}}, "sources"),
    ],
)
def test_what_belongs_to_no_node(change: dict[str, Any], name: str) -> None:
    """Ties and sources are compared where the nodes are equal."""
    model = make_net()
    other = Model(dict(model.graphs), "net", **change)
    assert [part.name for parts in changes(diff(model, other)).values() for part in parts] == [name]


def test_order_of_effects() -> None:
    """Where only the order of changes in place differs, no node does, and the models are still different."""

    def make(*names: str) -> Model:
        graph = make_chain()
        values = {}
        for name in names:
            values[name] = graph.add(Function(f"aten::{name}"), graph.inputs, name=name).output
        graph.set_result([values[name] for name in sorted(values)])
        return make_model(graph)

    found = diff(make("relu_", "sigmoid_"), make("sigmoid_", "relu_"))
    ((part,),) = changes(found).values()
    assert (part.what, part.name) == ("model", "digest")


def test_text() -> None:
    """The text looks like a unified diff."""
    model = make_net()
    fork = model.fork()
    fork.root.insert_on(fork.root.node("relu").output, "drop", "torch.nn.Dropout", {"p": 0.1})
    fork.root.erase(fork.root.node("batchnorm2d"), fork.root.node("conv2d").output)
    fork.graph("cell").node("linear").update_operation("torch.nn.Linear", {"bias": False})
    assert str(diff(model, fork)) == (
        "@@ net @@\n"
        "  %relu = .relu(%batchnorm2d)  # torch.nn.ReLU()\n"
        "!   [0]: %batchnorm2d -> %conv2d\n"
        "  %cell = .cell(%relu)  # cell cell\n"
        "!   [0]: %relu -> %drop\n"
        "  %add = aten::add(%cell, %relu, alpha=2)\n"
        "!   [1]: %relu -> %drop\n"
        "- %batchnorm2d = .batchnorm2d(%conv2d)  # torch.nn.BatchNorm2d()\n"
        "+ %drop = .drop(%relu)  # torch.nn.Dropout(p=0.1)\n"
        "@@ cell @@\n"
        "  %linear = .linear(%x)  # torch.nn.Linear()\n"
        "!   bias: nothing -> False"
    )
    assert str(diff(model, model)) == ""


@unhurried
@given(st.data(), models())
def test_true_exactly_if_digests_differ(data: st.DataObject, model: Model) -> None:
    """Whatever is edited, a diff is empty if and only if the digests are equal; it is JSON."""
    fork = model.fork()
    assert not diff(model, fork)
    data.draw(edits(fork))
    found = diff(model, fork)
    assert bool(found) == (model.digest() != fork.digest())
    written = json.loads(json.dumps(found.to_json()))
    assert [len(written[key]) for key in ("added", "removed", "changed")] == [
        *(len(found.added), len(found.removed), len(found.changed))
    ]


@unhurried
@given(st.data(), models())
def test_symmetric(data: st.DataObject, model: Model) -> None:
    """The other way round, what was added is removed, and every change has its two sides swapped."""
    fork = model.fork()
    data.draw(edits(fork))
    there, back = diff(model, fork), diff(fork, model)
    assert (set(there.added), set(there.removed)) == (set(back.removed), set(back.added))

    def swap(parts: tuple[Part, ...]) -> frozenset[Part]:
        return frozenset(Part(part.what, part.name, part.after, part.before) for part in parts)

    forth = sorted((entry.graph, sorted(map(str, entry.parts))) for entry in there.changed)
    again = sorted((entry.graph, sorted(map(str, swap(entry.parts)))) for entry in back.changed)
    assert forth == again


@unhurried
@given(st.data(), st.integers(1, 5))
def test_reports_what_was_edited(data: st.DataObject, n_edits: int) -> None:
    """In a model of many layers, exactly the layers that were inserted, erased and changed are reported."""
    graph = make_chain(*["Linear", "BatchNorm1d", "ReLU"] * 4)
    model = make_model(graph)
    fork = model.fork()
    expected: dict[str, set[str]] = {"insert": set(), "erase": set(), "change": set()}
    names = data.draw(st.permutations([node.name for node in graph.nodes]))[:n_edits]
    for number, name in enumerate(names):
        node = fork.root.node(name)
        action = data.draw(st.sampled_from(sorted(expected)))
        if action == "insert":
            name = fork.root.insert_on(node.output, f"new{number}", "torch.nn.Dropout", {"p": number / 9}).name
        elif action == "erase":
            fork.root.erase(node, node.inputs[0])
        else:
            node.update_operation(node.type, {"setting": number})
        expected[action].add(name)
    found = diff(model, fork)
    assert {entry.type for entry in found.added} <= {"torch.nn.Dropout"}
    assert {entry.node for entry in found.added} == expected["insert"]
    assert len(found.removed) == len(expected["erase"])
    settings = {entry.node for entry in found.changed if any(part.what == "setting" for part in entry.parts)}
    if not expected["erase"]:  # what is left of a repeating chain may be paired with an equal part further on
        assert settings == expected["change"]
