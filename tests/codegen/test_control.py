"""Structured control flow as Python."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from retix.codegen import generate
from retix.errors import GenerationError
from retix.ir import Function, Graph, If, Loop, Model, Value
from tests.codegen.graphs import build


def region(name: str, *inputs: str) -> tuple[Graph, list[Value]]:
    """A branch of ``Net``."""
    graph = Graph(name, "Net", region_of="Net")
    return graph, [graph.add_input(key) for key in inputs]


def apply(graph: Graph, name: str, *args: Any) -> Value:
    """Add an operator."""
    return graph.add(Function(name), args, name=name.split("::")[1]).output


def finish(*graphs: Graph) -> tuple[list[str], Any]:
    """The lines of forward, and an instance."""
    model = Model({graph.name: graph for graph in graphs}, "Net")
    model.verify()
    source = generate(model)
    lines = source.text.splitlines()
    start = next(i for i, line in enumerate(lines) if "def forward" in line)
    return [line[8:] for line in lines[start + 1 :]], build(source)


def conditional(then: Any, otherwise: Any) -> tuple[Graph, Graph, Graph]:
    """``Net``: where the sum is positive, what ``then`` makes of x; else what ``otherwise`` makes; doubled."""
    net = Graph("Net", "Net")
    x = net.add_input("x")
    branches = []
    for name, make in (("then", then), ("otherwise", otherwise)):
        branch, (inner,) = region(name, "x")
        branch.set_result((make(branch, inner),))
        branches.append(branch)
    test = apply(net, "python::bool", apply(net, "aten::gt", apply(net, "aten::sum", x), 0))
    chosen = net.add(If("then", "otherwise"), (test, x), name="x").output
    net.set_result(apply(net, "aten::mul", chosen, 2))
    return net, *branches


def test_if_with_two_branches() -> None:
    """Both branches assign the variable that goes on."""
    lines, made = finish(
        *conditional(lambda g, x: apply(g, "aten::neg", x), lambda g, x: apply(g, "aten::relu", x)),
    )
    assert lines == ["if x.sum() > 0:", "    x = -x", "else:", "    x = F.relu(x)", "return x * 2"]
    assert torch.equal(made(torch.ones(2)), torch.full((2,), -2.0))


@pytest.mark.parametrize(("swap", "head"), [(False, "if x.sum() > 0:"), (True, "if not x.sum() > 0:")])
def test_if_with_one_branch(swap: bool, head: str) -> None:
    """A branch that does nothing is not written; the condition is turned around if it is the first."""

    def change(graph: Graph, x: Value) -> Value:
        return apply(graph, "aten::neg", x)

    def keep(graph: Graph, x: Value) -> Value:
        return x

    lines, _ = finish(*(conditional(keep, change) if swap else conditional(change, keep)))
    assert lines == [head, "    x = -x", "return x * 2"]


def test_for_loop() -> None:
    """A counted loop carries its values under their names; one that goes on afterwards keeps its own."""
    net = Graph("Net", "Net")
    x = net.add_input("x")
    body, (i, h, outer) = region("body", "i", "h", "x")
    body.set_result((True, apply(body, "aten::add", apply(body, "aten::mul", h, i), outer)))
    count = apply(net, "aten::size", x, 0)
    last = net.add(Loop("body", 1), (count, True, x, x), name="h").output
    net.set_result(apply(net, "aten::sub", last, x))
    lines, made = finish(net, body)
    assert lines == ["h = x", "for i in range(x.size(0)):", "    h = h * i + x", "return h - x"]
    assert torch.equal(made(torch.ones(2)), torch.ones(2))


def test_while_loop() -> None:
    """A condition that is the same before and in the loop stands behind ``while``."""
    net = Graph("Net", "Net")
    x = net.add_input("x")
    body, (_, inner) = region("body", "i", "x")
    halved = apply(body, "aten::div", inner, 2)
    body.set_result((apply(body, "python::bool", apply(body, "aten::gt", apply(body, "aten::sum", halved), 1)), halved))
    begin = apply(net, "python::bool", apply(net, "aten::gt", apply(net, "aten::sum", x), 1))
    net.set_result(net.add(Loop("body", 1), (None, begin, x), name="x").output)
    lines, made = finish(net, body)
    assert lines == ["while bool(x.sum() > 1):", "    x = x / 2", "return x"]
    assert torch.equal(made(torch.full((1,), 6.0)), torch.full((1,), 0.75))


def test_while_loop_with_another_condition() -> None:
    """A condition that differs from the one to begin with goes round in a variable."""
    net = Graph("Net", "Net")
    x, begin = net.add_input("x"), net.add_input("begin")
    body, (_, inner) = region("body", "i", "x")
    halved = apply(body, "aten::div", inner, 2)
    body.set_result((apply(body, "aten::gt", apply(body, "aten::sum", halved), 1), halved))
    net.set_result(net.add(Loop("body", 1), (None, begin, x), name="x").output)
    lines, made = finish(net, body)
    assert lines[:2] == ["go_on = begin", "while go_on:"]
    assert torch.equal(made(torch.full((1,), 6.0), True), torch.full((1,), 0.75))
    assert torch.equal(made(torch.full((1,), 6.0), False), torch.full((1,), 6.0))


def test_a_counted_loop_may_end_early() -> None:
    """A count and a condition are a ``for`` with a ``break``."""
    net = Graph("Net", "Net")
    x = net.add_input("x")
    body, (_, inner) = region("body", "i", "x")
    halved = apply(body, "aten::div", inner, 2)
    body.set_result((apply(body, "aten::gt", apply(body, "aten::sum", halved), 1), halved))
    net.set_result(net.add(Loop("body", 1), (2, True, x), name="x").output)
    lines, made = finish(net, body)
    assert lines[0] == "for _ in range(2):"
    assert lines[-2:] == ["        break", "return x"]
    assert torch.equal(made(torch.full((1,), 8.0)), torch.full((1,), 2.0))
    assert torch.equal(made(torch.full((1,), 1.0)), torch.full((1,), 0.5))


def test_a_count_and_a_condition_to_begin_with_are_refused() -> None:
    """No Python loop has both; the error says what to do."""
    net = Graph("Net", "Net")
    x, begin = net.add_input("x"), net.add_input("begin")
    body, (_, inner) = region("body", "i", "x")
    body.set_result((True, inner))
    net.set_result(net.add(Loop("body", 1), (2, begin, x), name="x").output)
    with pytest.raises(GenerationError, match="both a count and a condition") as caught:
        finish(net, body)
    assert caught.value.fix == "put the module into a @basic_unit"


def test_raise_in_a_branch() -> None:
    """A check of the user's raises in the generated model as well."""
    net = Graph("Net", "Net")
    x = net.add_input("x")
    then, (_,) = region("then", "x")
    then.add(Function("python::raise"), ("too small",), n_outputs=0)
    then.set_result(())
    otherwise, _ = region("otherwise", "x")
    otherwise.set_result(())
    net.add(If("then", "otherwise"), (apply(net, "aten::lt", apply(net, "aten::sum", x), 0), x), n_outputs=0)
    net.set_result(x)
    lines, made = finish(net, then, otherwise)
    assert lines == ["if x.sum() < 0:", '    raise RuntimeError("too small")', "return x"]
    with pytest.raises(RuntimeError, match="too small"):
        made(-torch.ones(1))


def counted(begin: Any, make_condition: Any) -> tuple[Graph, Graph]:
    """``Net``: doubles x as often as a condition on a count and on n lets it."""
    net = Graph("Net", "Net")
    x, n = net.add_input("x"), net.add_input("n")
    body, (_, inner, count, limit) = region("body", "i", "x", "count", "limit")
    grown = apply(body, "python::add", count, 1)
    body.set_result((make_condition(body, grown, limit), apply(body, "aten::mul", inner, 2), grown))
    loop = net.add(Loop("body", 2), (None, begin(net, n), x, 0, n), output_names=["x", "count"])
    net.set_result(loop.outputs[0])
    return net, body


def test_while_reads_what_is_around_it() -> None:
    """The condition may read an input of the model that the loop does not change."""
    lines, made = finish(
        *counted(lambda g, n: apply(g, "python::lt", 0, n), lambda g, k, n: apply(g, "python::lt", k, n))
    )
    assert lines[:2] == ["count = 0", "while count < n:"]
    assert made(1.0, 3) == 8.0


def test_while_with_a_part_that_holds_at_first() -> None:
    """What is known to hold at first is part of the condition all the same."""

    def both(graph: Graph, count: Value, limit: Value) -> Value:
        parts = [apply(graph, "python::lt", count, limit), apply(graph, "python::lt", count, 2)]
        return apply(graph, "python::and", *parts)

    lines, made = finish(*counted(lambda g, n: apply(g, "python::lt", 0, n), both))
    assert lines[1] == "while count < n and count < 2:"
    assert made(1.0, 3) == 4.0


def test_while_that_begins_for_sure() -> None:
    """A condition that the converter could tell for the first round is read off the others."""
    lines, made = finish(*counted(lambda g, n: True, lambda g, k, n: apply(g, "python::lt", k, 2)))
    assert lines[1] == "while count < 2:"
    assert made(1.0, 3) == 4.0
