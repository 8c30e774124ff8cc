"""Merging of equal steps, on graphs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from retix.ir import Attribute, Call, Cell, Function, Graph, LayerChoice, Member, Model, Module, Value, merge_equal
from retix.ir.passes.merge import IMPURE_OPERATORS
from tests.ir.models import make_chain, make_function, make_model


def make_pair(first: tuple[Any, ...], second: tuple[Any, ...], *members: tuple[str, Any]) -> Model:
    """A graph that adds up two steps, each an op and its arguments behind ``x``."""
    graph, (x,) = make_function("net")
    for name, op in members:
        graph.add_member(name, op)
    left, right = (graph.add(op, [x, *args], name="step").output for op, *args in (first, second))
    graph.set_result(graph.add(Function("aten::add"), [left, right], name="sum").output)
    return make_model(graph)


def merges(model: Model) -> bool:
    """Whether the two steps become one."""
    before = len(model.root)
    changed = merge_equal(model)
    model.verify()
    assert changed == (len(model.root) < before)
    return changed


def test_equal_operators() -> None:
    """Two equal steps become one, which both users take; steps behind them follow."""
    graph, (x,) = make_function("net")
    values: list[Value] = []
    for _ in range(2):
        value = graph.add(Function("aten::mean"), [x, [2, 3]], {"keepdim": True}, name="mean").output
        values.append(graph.add(Function("aten::mul"), [value, 2.0], name="mul").output)
    graph.set_result(graph.add(Function("aten::sub"), values, name="sub").output)
    model = make_model(graph)
    assert merge_equal(model)
    assert [node.name for node in model.root.nodes] == ["mean", "mul", "sub"]
    assert not merge_equal(model)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((Function("aten::add"), 1), (Function("aten::add"), 1.0)),
        ((Function("aten::add"), 1), (Function("aten::add"), True)),
        ((Function("aten::relu"),), (Function("aten::relu6"),)),
        ((Function("aten::dropout"), 0.5, True), (Function("aten::dropout"), 0.5, True)),
        ((Function("aten::rand_like"),), (Function("aten::rand_like"),)),
        ((Function("aten::relu_"),), (Function("aten::relu_"),)),
        ((Function("mine::op"),), (Function("mine::op"),)),
        ((Function("python::call"),), (Function("python::call"),)),
    ],
)
def test_what_is_not_the_same(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    """Other literals, also of equal value and other type; random operators, changes in place, and the unknown."""
    assert not merges(make_pair(first, second))


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        *[("torch.nn.Linear", True), ("torch.nn.ReLU", True), ("torch.nn.LayerNorm", True)],
        *[("torch.nn.BatchNorm2d", False), ("torch.nn.Dropout", False), ("torch.nn.Embedding", False)],
        *[("torch.nn.LSTM", False), ("user.Unit", False)],
    ],
)
def test_layers(module: str, expected: bool) -> None:
    """The same layer called twice is one call, unless it draws or keeps something, or is the user's."""
    assert merges(make_pair((Call("layer"),), (Call("layer"),), ("layer", Module(module)))) is expected


def test_equal_layers_are_two() -> None:
    """Two layers of equal settings have weights of their own."""
    members = [("a", Module("torch.nn.Linear", (3, 3))), ("b", Module("torch.nn.Linear", (3, 3)))]
    assert not merges(make_pair((Call("a"),), (Call("b"),), *members))


def test_open_choices_are_two() -> None:
    """What a choice becomes is not known."""
    choice = LayerChoice("c", (("a", Member(Module("torch.nn.ReLU"))),))
    assert not merges(make_pair((Call("c"),), (Call("c"),), ("c", choice)))


@pytest.mark.parametrize(("inner", "expected"), [("GELU", True), ("Dropout", False)])
def test_cells(inner: str, expected: bool) -> None:
    """A cell is what is in it."""
    model = make_pair((Call("cell"),), (Call("cell"),), ("cell", Cell("cell")))
    model.graphs["cell"] = make_chain("Linear", inner, name="cell")
    assert merges(model) is expected


def test_changes_in_place() -> None:
    """In a graph in which anything is changed in place, nothing is merged."""
    model = make_pair((Function("aten::relu"),), (Function("aten::relu"),))
    fork = model.fork()
    root = fork.root
    root.add(Function("aten::mul_"), [root.node("step").output, 2], name="mul_", after=root.node("step"))
    assert not merges(fork)
    assert merges(model)


def make_returning(result: str) -> Model:
    """Two equal steps, of which something is returned."""
    graph = Graph("net", "Net")
    x = graph.add_input("x")
    left, right = (graph.add(Function("aten::tanh"), [x], name="tanh").output for _ in range(2))
    view = graph.add(Function("aten::flatten"), [left], name="flatten").output
    fresh = graph.add(Function("aten::mul"), [left, right], name="mul").output
    graph.set_result({"both": (left, right), "one": left, "view": view, "fresh": fresh}[result])
    return make_model(graph)


@pytest.mark.parametrize(("result", "expected"), [("both", False), ("one", False), ("view", False), ("fresh", True)])
def test_what_the_caller_may_change(result: str, expected: bool) -> None:
    """A value that is returned, or seen through a view, keeps memory of its own."""
    assert merges(make_returning(result)) is expected


def test_attributes_and_sizes() -> None:
    """Reading a parameter, the mode or a size twice is reading it once, wherever it goes."""
    graph, (x,) = make_function("net")
    modes = [graph.add(Attribute("training"), name="training").output for _ in range(2)]
    sizes = [graph.add(Function("aten::size"), [x, 0], name="size").output for _ in range(2)]
    graph.set_result(graph.add(Function("aten::view"), [x, sizes, modes], name="view").output)
    model = make_model(graph)
    assert merge_equal(model)
    assert [node.name for node in model.root.nodes] == ["training", "size", "view"]


def test_every_random_operator_of_torch_is_known() -> None:
    """Whatever torch itself marks as random is never merged, in any version that the tests run with."""
    random = set()
    for schema in torch._C._jit_get_all_schemas():
        namespace, _, name = schema.name.partition("::")
        packet = getattr(torch.ops.aten, name, None) if namespace == "aten" else None
        overload = getattr(packet, schema.overload_name or "default", None)
        if overload is not None and torch.Tag.nondeterministic_seeded in overload.tags:
            random.add(name)
    assert len(random) > 30
    assert {name for name in random if not (name.startswith("_") or name.endswith("_"))} <= IMPURE_OPERATORS
