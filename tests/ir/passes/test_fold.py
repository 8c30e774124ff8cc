"""Constant folding on graphs."""

from __future__ import annotations

from typing import Any

import pytest

from retix.ir import Constant, Function, Graph, If, Loop, Model, Value, fold_constants
from tests.ir.models import make_function, make_model


def apply(graph: Graph, name: str, *args: Any, n_outputs: int = 1) -> tuple[Value, ...]:
    """Apply one of Python's operators."""
    return graph.add(Function(f"python::{name}"), args, name="y", n_outputs=n_outputs).outputs


def fold_operator(name: str, *args: Any) -> Any:
    """What a graph returns, after folding, that returns an operator's result."""
    graph, _ = make_function("net")
    graph.set_result(apply(graph, name, *args)[0])
    model = make_model(graph)
    fold_constants(model)
    model.verify()
    return model.root.result.args[0]


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        *[("add", (2, 3), 5), ("sub", (2, 3), -1), ("mul", (2.0, 3), 6.0), ("truediv", (1, 2), 0.5)],
        *[("floordiv", (7, 2), 3), ("mod", (-7, 4), 1), ("neg", (3,), -3), ("not", (0,), True), ("lt", (1, 2), True)],
        *[("eq", ("same", "same"), True), ("ne", (1, 1), False), ("is", (None, None), True), ("is", (1, True), False)],
        *[("isnot", (None, 3), True), ("int", (2.7,), 2), ("float", (2,), 2.0), ("bool", (0,), False)],
        *[("sqrt", (9,), 3.0), ("ceil", (1.2,), 2), ("len", ([1, 2],), 2), ("getitem", ((4, 5), 1), 5)],
        *[("getitem", ({"a": 4}, "a"), 4), ("and", (True, False), False), ("or", (0, 3), 3), ("and", (2, 3), 3)],
    ],
)
def test_literals(name: str, args: tuple[Any, ...], expected: Any) -> None:
    """Python's operators on literals give what Python gives, of the same type."""
    found = fold_operator(name, *args)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        *[("truediv", (1, 0)), ("getitem", ((1,), 5)), ("sqrt", (-1,)), ("pow", (10, 10**9)), ("append", ([1], 2))],
        *[("getitem", ([[1], [2]], 0)), ("add", ([1], [2])), ("raise", ("no",))],
    ],
)
def test_what_stays(name: str, args: tuple[Any, ...]) -> None:
    """What fails is left to fail where it stands; lists and what has an effect stay too."""
    assert isinstance(fold_operator(name, *args), Value)


def test_torch_operators_stay() -> None:
    """Sizes are never known, and torch's operators give tensors."""
    graph, (x,) = make_function("net")
    x.shape = (2, 3)
    size = graph.add(Function("aten::size"), [x, 0], name="size").output
    graph.set_result((size, graph.add(Function("aten::add"), [2, 3], name="add").output))
    model = make_model(graph)
    assert not fold_constants(model)
    assert [node.name for node in model.root.nodes] == ["size", "add"]


def test_one_literal_in_and_and_or() -> None:
    """With one literal, ``and`` and ``or`` give a literal or the other operand; that only of booleans on the left."""
    graph, (x,) = make_function("net")
    (flag,) = apply(graph, "lt", x, 3)
    results = [
        *(apply(graph, "and", flag, True), apply(graph, "and", True, x), apply(graph, "and", flag, False)),
        *(apply(graph, "or", flag, False), apply(graph, "or", False, x), apply(graph, "or", flag, True)),
        *(apply(graph, "and", x, True), apply(graph, "and", apply(graph, "and", flag, flag)[0], True)),
    ]
    graph.set_result([value for (value,) in results])
    model = make_model(graph)
    assert fold_constants(model)
    found = model.root.result.args[0]
    assert [getattr(item, "name", item) for item in found] == [
        *("y", "x", False, "y", "x", True),
        *(found[6].name, found[7].name),
    ]
    assert [node.args for node in model.root.nodes] == [(x, 3), (x, True), (flag, flag)]


def test_items_of_lists_that_are_written_out() -> None:
    """Items, lengths and unpacking of a list of values need no list; chains of folds end in one call."""
    graph, (x, y) = make_function("net", inputs=2)
    length = apply(graph, "len", [x, y])[0]
    last = apply(graph, "sub", length, 1)[0]
    item = apply(graph, "getitem", [x, y], last)[0]
    left, right = apply(graph, "unpack", (y, 3), n_outputs=2)
    constant = graph.add(Constant(), [2.5], name="constant").output
    graph.set_result((length, item, left, right, constant))
    model = make_model(graph)
    assert fold_constants(model)
    assert model.root.result.args[0] == (2, y, y, 3, 2.5)
    assert len(model.root) == 0


def make_branches(condition: Any, *args: Any) -> Model:
    """An `If` with a step, and a list, in one branch, and nothing in the other."""
    graph, (x,) = make_function("net")
    condition = x if condition is None else condition
    then, otherwise = (Graph(f"net:{name}", "Net", region_of="net") for name in ("then", "else"))
    for branch in (then, otherwise):
        inner, *rest = [branch.add_input("a") for _ in (x, *args)]
        step = branch.add(Function("aten::relu_"), [inner, *rest], name="step").output if branch is then else inner
        branch.set_result((step, 7, [inner] if branch is then else 3))
    node = graph.add(If(then.name, otherwise.name), [condition, x, *args], name="chosen", n_outputs=3)
    graph.set_result(node.outputs)
    return make_model(graph, then, otherwise)


def test_branch_that_is_taken() -> None:
    """With a literal condition the branch is written in place, effects included, and both branches go."""
    model = make_branches(True)
    assert fold_constants(model)
    model.verify()
    assert list(model.graphs) == ["net"]
    assert [node.type for node in model.root.nodes] == ["aten::relu_", "constant"]
    step, seven, items = model.root.result.args[0]
    assert (step.name, seven, items.producer.args) == ("step", 7, ([model.root.inputs[0]],))


def test_branch_that_is_empty() -> None:
    """A branch without steps leaves its inputs and literals."""
    model = make_branches(0)
    assert fold_constants(model)
    assert model.root.result.args[0] == (model.root.inputs[0], 7, 3)
    assert len(model.root) == 0


def test_results_that_both_branches_agree_on() -> None:
    """With an unknown condition, a literal that both branches give is known; the rest stays."""
    model = make_branches(None)
    assert fold_constants(model)
    model.verify()
    assert [getattr(item, "name", item) for item in model.root.result.args[0]] == ["chosen", 7, "chosen_2"]
    assert not fold_constants(model)


def test_literals_that_branches_are_given() -> None:
    """A literal that is handed to a branch is written into it."""
    model = make_branches(None, 5)
    assert fold_constants(model)
    model.verify()
    (step,) = model.graphs["net:then"].nodes
    assert step.args == (model.graphs["net:then"].inputs[0], 5)


@pytest.mark.parametrize(("trips", "begin", "folds"), [(0, True, True), (None, False, True), (2, True, False)])
def test_loops(trips: Any, begin: bool, folds: bool) -> None:
    """A loop that never begins gives what it was given."""
    graph, (x,) = make_function("net")
    body = Graph("net:body", "Net", region_of="net")
    _, inner = body.add_input("i"), body.add_input("x")
    body.set_result((True, body.add(Function("aten::relu"), [inner], name="relu").output))
    graph.set_result(graph.add(Loop(body.name, 1), [trips, begin, x], name="loop").output)
    model = make_model(graph, body)
    assert fold_constants(model) is folds
    assert (model.root.result.args[0] is x) is folds
    assert ("net:body" in model.graphs) is not folds


def test_forks_stay() -> None:
    """Folding in a fork leaves the parent as it was, branches too."""
    model = make_branches(None, 5)
    text = str(model)
    fork = model.fork()
    assert fold_constants(fork)
    model.verify()
    assert str(model) == text
    assert str(fork) != text
