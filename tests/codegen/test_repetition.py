"""Loops over lists of modules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from retix.codegen import generate
from retix.codegen.repetition import name_item
from retix.ir import Call, Function, Graph, Member, Value
from tests.codegen.graphs import build, linear, model

Round = Callable[[Graph, str, Value], Value]


def unrolled(*rounds: Round) -> Graph:
    """``Net``, which has a linear layer in a list for each round, and makes the rounds one after the other."""
    graph = Graph("Net", "Net")
    value = graph.add_input("x")
    for number, make in enumerate(rounds):
        name = f"layers.{number}"
        graph.members[name] = Member(linear(3, 3), name)
        value = make(graph, name, value)
    graph.set_result(value)
    return graph


def apply(graph: Graph, name: str, value: Value) -> Value:
    """The layer alone."""
    return graph.add(Call(name), (value,), name="x").output


def add_layer(graph: Graph, name: str, value: Value) -> Value:
    """What comes in and the layer of it."""
    return graph.add(Function("aten::add"), (value, apply(graph, name, value)), name="x").output


def scale_layer(graph: Graph, name: str, value: Value) -> Value:
    """The layer, halved: unlike the others."""
    return graph.add(Function("aten::mul"), (apply(graph, name, value), 0.5), name="x").output


def forward(graph: Graph) -> str:
    """The body of forward."""
    return generate(model(graph)).text.split("def forward(self, x):\n")[1]


@pytest.mark.parametrize(("make", "line"), [(apply, "x = layer(x)"), (add_layer, "x = x + layer(x)")])
def test_equal_rounds_are_a_loop(make: Round, line: str) -> None:
    """Rounds that differ in the layer alone become one, and compute what they computed."""
    source = generate(model(unrolled(make, make, make)))
    assert f"        for layer in self.layers:\n            {line}\n        return x\n" in source.text
    made = build(source)
    value = torch.rand(2, 3)
    expected = value
    for layer in made.layers:
        expected = layer(expected) if make is apply else expected + layer(expected)
    assert torch.equal(made(value), expected)
    assert set(source.state_names) == set(made.state_dict())


def test_unequal_rounds_stay() -> None:
    """A round that does something else keeps all of them unrolled."""
    assert "for " not in forward(unrolled(apply, scale_layer, apply))
    assert "for " not in forward(unrolled(add_layer, scale_layer))


def test_what_is_kept_of_a_round_keeps_them_unrolled() -> None:
    """A loop would lose what one of the rounds gives to others than the next."""
    graph = unrolled(apply, apply, apply)
    nodes = list(graph.nodes)
    graph.set_result((graph.result.args[0], nodes[0].output))
    assert "for " not in forward(graph)


def test_a_list_of_which_one_is_skipped_stays() -> None:
    """A loop stands for all items in order, or for none."""
    graph = unrolled(apply, apply, apply)
    first, second, third = list(graph.nodes)
    second.op, third.op = third.op, second.op
    assert "for " not in forward(graph)
    assert first.op == Call("layers.0")


def test_arguments_from_around_the_loop() -> None:
    """What every round takes besides stays outside, and is computed once."""
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    mask = graph.add(Function("aten::sigmoid"), (x,), name="mask").output
    value = x
    for number in range(2):
        name = f"blocks.{number}"
        graph.members[name] = Member(linear(3, 3), name)
        product = graph.add(Function("aten::mul"), (value, mask), name="x").output
        value = graph.add(Call(name), (product,), name="x").output
    graph.set_result(graph.add(Function("aten::sum"), (value,)).output)
    source = generate(model(graph))
    assert source.text.endswith(
        "        mask = torch.sigmoid(x)\n        for block in self.blocks:\n"
        "            x = block(x * mask)\n        return x.sum()\n"
    )
    made = build(source)
    value = torch.rand(2, 3)
    assert torch.equal(made(value), run_blocks(made.blocks, value))


def run_blocks(blocks: torch.nn.ModuleList, x: Tensor) -> Tensor:
    """What the loop above computes."""
    mask = torch.sigmoid(x)
    for block in blocks:
        x = block(x * mask)
    return x.sum()


def test_names_of_items() -> None:
    """An item is the singular of its list."""
    names = {"blocks": "block", "branches": "branch", "boxes": "box", "entries": "entry", "h": "layer", "mass": "layer"}
    assert {name: name_item(f"encoder.{name}") for name in names} == names
