"""Graphs that are written once for several."""

from __future__ import annotations

from typing import Any

import pytest

from retix.codegen.twin import find_twins
from retix.ir import Function, Graph, Module
from tests.codegen.graphs import cells, chain, leaf, linear


def scaled(name: str, factor: Any, variable: str = "y") -> Graph:
    """A graph that multiplies by a number."""
    graph = chain(name, "Block", {"fc": linear(3, 3)})
    made = graph.add(Function("aten::mul"), (graph.result.args[0], factor), name="x").output
    made.variable = variable
    graph.set_result(made)
    return graph


def test_numbers_of_members_do_not_count() -> None:
    """Graphs that differ in what their members are made with are twins of the first; others are their own."""
    sizes = [chain(f"b{n}", "Block", {"fc": linear(n, n)}) for n in (2, 3)]
    other = chain("other", "Block", {"fc": leaf("ReLU")})
    twins = find_twins(cells(*sizes, other))
    assert twins == {"Net": "Net", "b2": "b2", "b3": "b2", "other": "other"}


@pytest.mark.parametrize(("left", "right"), [(1, 1.0), (0.0, -0.0), (1, True), (1, 2)])
def test_literals_count(left: Any, right: Any) -> None:
    """Numbers that are written in ``forward`` tell graphs apart, also where Python calls them equal."""
    twins = find_twins(cells(scaled("a", left), scaled("b", right), scaled("c", left)))
    assert twins["b"] == "b"
    assert twins["c"] == "a"


def test_names_count() -> None:
    """Graphs whose variables are called otherwise have another text."""
    assert find_twins(cells(scaled("a", 2), scaled("b", 2, "z")))["b"] == "b"


def test_defaults_count() -> None:
    """What an input is where nothing is given stands in the signature."""
    graphs = [scaled(name, 2) for name in ("a", "b")]
    graphs[1].inputs[0].default = None
    assert find_twins(cells(*graphs))["b"] == "b"


def test_kinds_of_members_count() -> None:
    """A layer of another class may be written in another way."""
    kinds = [chain(name, "Block", {"rnn": Module(f"torch.nn.{name}", (4, 4))}) for name in ("GRU", "LSTM")]
    assert find_twins(cells(*kinds))["LSTM"] == "LSTM"
