"""Results of several parts."""

from __future__ import annotations

import torch

from retix.codegen import generate
from retix.ir import Call, Function, Graph, Member
from tests.codegen.graphs import build, leaf, model
from tests.codegen.test_idiom import take


def recurrent(*names: str) -> Graph:
    """``Net`` with an LSTM for each name, all of one size."""
    graph = Graph("Net", "Net")
    graph.add_input("x")
    for name in names:
        graph.members[name] = Member(leaf("LSTM", input_size=4, hidden_size=4), name)
    return graph


def test_a_state_that_is_handed_on_stays_together() -> None:
    """A state that tracing took apart, only to put it together again, is one variable."""
    graph = recurrent("first", "second")
    (x,) = graph.inputs
    one = graph.add(Call("first"), (x,), name="first").output
    parts = take(graph, take(graph, one, 1), 0), take(graph, take(graph, one, 1), 1)
    two = graph.add(Call("second"), (take(graph, one, 0), parts), name="second").output
    graph.set_result(take(graph, two, 0))
    source = generate(model(graph))
    assert "        output, state = self.first(x)\n        output, _ = self.second(output, state)\n" in source.text
    assert build(source)(torch.ones(2, 1, 4)).shape == (2, 1, 4)


def test_a_state_whose_parts_are_used_is_unpacked() -> None:
    """Parts that go anywhere else keep their own names."""
    graph = recurrent("first")
    one = graph.add(Call("first"), graph.inputs, name="first").output
    parts = take(graph, take(graph, one, 1), 0), take(graph, take(graph, one, 1), 1)
    graph.set_result((parts, graph.add(Function("aten::neg"), (parts[0],)).output))
    assert "_, (hidden, cell) = self.first(x)\n        return (hidden, cell), -hidden" in generate(model(graph)).text


def test_an_input_that_is_unpacked_and_packed_stays_together() -> None:
    """A tuple that comes in and goes on as it is is not taken apart."""
    graph = recurrent("first")
    (x,) = graph.inputs
    state = graph.add_input("state")
    parts = graph.add(Function("python::unpack"), (state,), n_outputs=2, name="part").outputs
    graph.set_result(take(graph, graph.add(Call("first"), (x, parts), name="first").output, 0))
    source = generate(model(graph))
    assert "output, _ = self.first(x, state)" in source.text
    zeros = torch.zeros(1, 1, 4)
    assert build(source)(torch.ones(2, 1, 4), (zeros, zeros)).shape == (2, 1, 4)
