"""Truth values."""

from __future__ import annotations

from typing import Any

import pytest

from retix.codegen import generate
from retix.ir import Function, Graph, If
from tests.codegen.graphs import build, model

LESS = "less"
"""Stands for the comparison that a branch makes."""


def choose(then: Any, otherwise: Any) -> Graph:
    """``Net``: of two numbers, where the first is above zero what ``then`` says, else what ``otherwise`` says."""
    net = Graph("Net", "Net")
    a, b = net.add_input("a"), net.add_input("b")
    test = net.add(Function("python::gt"), (a, 0), name="test").output
    net.set_result(net.add(If("then", "otherwise"), (test, a, b), name="flag").output)
    return net


def branch(name: str, result: Any) -> Graph:
    """A branch that returns a literal, or whether the first number is less than the second."""
    graph = Graph(name, "Net", region_of="Net")
    a, b = graph.add_input("a"), graph.add_input("b")
    graph.set_result((graph.add(Function("python::lt"), (a, b)).output if result is LESS else result,))
    return graph


@pytest.mark.parametrize(
    ("then", "otherwise", "text"),
    [
        (True, False, "a > 0"),
        (False, True, "not a > 0"),
        (LESS, False, "a > 0 and a < b"),
        (True, LESS, "a > 0 or a < b"),
    ],
)
def test_branches_of_truth_values(then: Any, otherwise: Any, text: str) -> None:
    """Branches that only say true or false are an expression, which says the same."""
    source = generate(model(choose(then, otherwise), branch("then", then), branch("otherwise", otherwise)))
    assert f"        return {text}\n" in source.text
    made = build(source)
    for a, b in ((-1, 0), (-1, -2), (1, 2), (2, 1)):
        chosen = then if a > 0 else otherwise
        assert made(a, b) is (a < b if chosen is LESS else chosen)


def test_other_branches_stay() -> None:
    """Numbers and what depends on data stay branches."""
    text = generate(model(choose(3, LESS), branch("then", 3), branch("otherwise", LESS))).text
    assert "if a > 0:" in text
