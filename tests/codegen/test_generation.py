"""Whole modules: tensors, ties, lines, and what is refused."""

from __future__ import annotations

import pytest
import torch

from retix.codegen import generate
from retix.errors import GenerationError
from retix.ir import (
    Attribute,
    Call,
    ChooseInputs,
    ClassSource,
    Function,
    Graph,
    LayerChoice,
    Location,
    Member,
    Module,
    Symbol,
    Tensor,
)
from tests.codegen.graphs import build, chain, leaf, linear, model


def test_tensors_of_the_graph() -> None:
    """Parameters, buffers and constants are made, and only what the base model saves has a name there."""
    ones = Module("torch.ones", ((2,),))
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    for name, tensor in {
        "scale": Tensor((2,), "torch.float32", ones),
        "fixed": Tensor((2,), "torch.float32", ones, requires_grad=False),
        "mean": Tensor((2,), "torch.float32", ones, "buffer"),
        "mask": Tensor((2,), "torch.float32", ones, "buffer", persistent=False),
        "inner.shift": Tensor((2,), "torch.float32", ones, "constant"),
    }.items():
        graph.members[name] = Member(tensor, name)
        x = graph.add(Function("aten::add"), (x, graph.add(Attribute(name)).output)).output
    graph.set_result(x)
    source = generate(model(graph))
    made = build(source)
    assert source.state_names == {"scale": "scale", "fixed": "fixed", "mean": "mean"}
    assert set(made.state_dict()) == set(source.state_names)
    assert not made.fixed.requires_grad
    assert torch.equal(made(torch.zeros(2)), torch.full((2,), 5.0))


def test_names_that_are_no_attributes() -> None:
    """A module that was added under a name which is no identifier becomes an attribute of a name that nobody has."""
    members = {"block1-0": linear(2, 2), "block1_0": linear(2, 2), "class": linear(2, 2), "0": linear(2, 2)}
    source = generate(model(chain("Net", "Net", members)))
    made = build(source)
    assert source.state_names == {
        f"{here}.{kind}": f"{base}.{kind}"
        for here, base in {"block1_0_": "block1-0", "block1_0": "block1_0", "class_": "class", "layer0": "0"}.items()
        for kind in ("weight", "bias")
    }
    assert set(made.state_dict()) == set(source.state_names)


def test_tied_weights_are_tied_again() -> None:
    """Names of one tensor stand for one tensor."""
    tied = model(chain("Net", "Net", {"a": linear(3, 3), "b": linear(3, 3)}))
    tied.ties = (("a.weight", "b.weight"),)
    source = generate(tied)
    made = build(source)
    assert "        self.b.weight = self.a.weight\n\n    def forward" in source.text
    assert made.a.weight is made.b.weight
    assert source.text.endswith("        return self.b(self.a(x))\n")


def test_written_out_classes_come_first() -> None:
    """A class that cannot be imported stands in the module, and no generated class takes its name."""
    code = "class Block(nn.Module):\n    def forward(self, x):\n        return x + 1"
    net = model(chain("Net", "Net", {"unit": Module("__main__.Block")}))
    net.sources = {"__main__.Block": ClassSource("Block", code, ("import torch.nn as nn",))}
    source = generate(net)
    assert source.text.index("class Block") < source.text.index("class Net")
    assert torch.equal(build(source)(torch.zeros(1)), torch.ones(1))


def test_variables_leave_names_of_imports_alone() -> None:
    """A user's variable that is called like an import gets another name."""
    graph = Graph("Net", "Net")
    graph.add_input("F").variable = "F"
    graph.set_result(graph.add(Function("aten::relu"), (graph.inputs[0],)).output)
    source = generate(model(graph))
    assert "def forward(self, F2):\n        return F.relu(F2)" in source.text


def test_lines_lead_to_the_user() -> None:
    """Each statement's lines, also those that it is broken into, have the user's place."""
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    value = graph.add(Function("aten::cat"), ([x] * 30, 1), location=Location("net.py", 7)).output
    value.variable = "wide"
    graph.set_result(graph.add(Function("aten::relu"), (value,), location=Location("net.py", 8)).output)
    source = generate(model(graph))
    lines = source.text.splitlines()
    first = next(i for i, line in enumerate(lines, 1) if line.strip().startswith("wide ="))
    assert {source.lines[number] for number in range(first, len(lines))} == {"net.py:7"}
    assert source.lines[len(lines)] == "net.py:8"


def test_open_choices_are_refused() -> None:
    """A choice that nobody made is named."""
    graph = chain("Net", "Net", {"layer": LayerChoice("act", (("relu", Member(leaf("ReLU"))),))})
    with pytest.raises(GenerationError, match="the choice 'act' is still open"):
        generate(model(graph))
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    graph.set_result(graph.add(ChooseInputs("skip", 2), ([x, x],)).output)
    with pytest.raises(GenerationError, match="the choice 'skip' is still open"):
        generate(model(graph))


def test_dead_nodes_and_members_are_not_written() -> None:
    """What nothing takes is left out, with its layer."""
    graph = chain("Net", "Net", {"used": linear(2, 2)})
    graph.members["unused"] = Member(linear(2, 2), "unused")
    graph.add(Call("unused"), (graph.inputs[0],))
    source = generate(model(graph))
    assert "unused" not in source.text
    assert set(source.state_names) == {"used.weight", "used.bias"}


def test_what_a_choice_switched_off_has_no_name() -> None:
    """A layer that lost its bias has none in the state."""
    op = leaf("Linear", "weight", "bias", in_features=2, out_features=2, bias=False)
    assert set(generate(model(chain("Net", "Net", {"fc": op}))).state_names) == {"fc.weight"}


def test_keyword_arguments_and_symbols() -> None:
    """Members are called with keywords as the user called them; dtypes are written by name."""
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    graph.members["pool"] = Member(leaf("Flatten"), "pool")
    flat = graph.add(Call("pool"), (), {"input": x}).output
    graph.set_result(graph.add(Function("aten::to"), (flat, Symbol("torch.float64"))).output)
    source = generate(model(graph))
    assert "return self.pool(input=x).to(torch.float64)" in source.text
    assert build(source)(torch.ones(1, 2)).dtype is torch.float64
