"""What is inlined: the order in which things happen never changes."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retix.codegen import generate
from retix.ir import Function, Graph, Model, Value, map_values, remove_dead

# Operators that compute, draw random numbers, or change their first argument; with the number of tensors they take.
OPERATORS = (
    ("aten::add", 2, ()),
    ("aten::mul", 2, ()),
    ("aten::sub", 2, ()),
    ("aten::neg", 1, ()),
    ("aten::relu", 1, ()),
    ("aten::clone", 1, ()),
    ("aten::rsub", 1, (1.0,)),
    ("aten::rand_like", 1, ()),
    ("aten::dropout", 1, (0.5, True)),
    ("aten::add_", 2, ()),
    ("aten::mul_", 1, (0.5,)),
    ("aten::relu_", 1, ()),
    ("aten::transpose", 1, (0, 1)),
    ("aten::flip", 1, ([0],)),
    ("aten::maximum", 2, ()),
)

STEPS = st.lists(
    st.tuples(
        st.integers(0, len(OPERATORS) - 1),
        st.integers(0, 30),
        st.integers(0, 30),
        st.sampled_from((None, None, "x", "out", "y")),
    ),
    min_size=1,
    max_size=12,
)


def build(steps: list[tuple[int, int, int, str | None]]) -> Graph:
    """A graph that applies the operators to earlier values."""
    graph = Graph("Random", "Random")
    values = [graph.add_input("x"), graph.add_input("y")]
    first = graph.add(Function("aten::clone"), (values[0],), name="clone").output
    values.append(first)
    for number, left, right, variable in steps:
        name, count, rest = OPERATORS[number]
        operands = [values[-1 - left % len(values)], values[-1 - right % len(values)]][:count]
        value = graph.add(Function(name), (*operands, *rest), name=name[6:].strip("_")).output
        value.variable = variable
        values.append(value)
    graph.set_result((values[-1], values[-2]))
    model = Model({graph.name: graph}, graph.name)
    remove_dead(model)  # draws whose numbers nobody takes are dead, too
    return model.graphs[graph.name]


def interpret(graph: Graph, inputs: list[torch.Tensor]) -> Any:
    """Run the nodes one after the other."""
    known: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        args = map_values(node.args, known.__getitem__)
        known[node.output] = getattr(torch.ops.aten, node.type.removeprefix("aten::"))(*args)
    return map_values(graph.result.args[0], known.__getitem__)


def run_generated(graph: Graph, inputs: list[torch.Tensor]) -> Any:
    """Run the generated module."""
    source = generate(Model({graph.name: graph}, graph.name))
    namespace: dict[str, Any] = {}
    exec(source.text, namespace)
    return namespace[source.entry]()(*inputs)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(STEPS)
def test_nothing_changes_its_order(steps: list[tuple[int, int, int, str | None]]) -> None:
    """Random programs of pure, random and in-place steps give the same numbers, and change their inputs alike."""
    outcomes = []
    for run in (interpret, run_generated):
        graph = build(steps)
        torch.manual_seed(0)
        inputs = [torch.rand(3, 3), torch.rand(3, 3)]
        outputs = list(run(graph, inputs))
        outcomes.append([tensor.tolist() for tensor in [*outputs, *inputs, torch.rand(1)]])
    assert outcomes[0] == outcomes[1]


def test_a_value_that_the_user_named_keeps_its_statement() -> None:
    """What the user gave a name is not inlined; what they did not is."""
    graph = Graph("G", "G")
    x = graph.add_input("x")
    scaled = graph.add(Function("aten::mul"), (x, 2)).output
    named = graph.add(Function("aten::add"), (scaled, x)).output
    named.variable = "total"
    graph.set_result(graph.add(Function("aten::relu"), (named,)).output)
    text = generate(Model({"G": graph}, "G")).text
    assert "        total = x * 2 + x\n        return F.relu(total)\n" in text


def test_random_draws_are_not_swapped() -> None:
    """Two draws that the text would evaluate in another order are not written into it."""
    graph = Graph("G", "G")
    x = graph.add_input("x")
    first = graph.add(Function("aten::rand_like"), (x,), name="first").output
    second = graph.add(Function("aten::rand_like"), (x,), name="second").output
    graph.set_result(graph.add(Function("aten::sub"), (second, first)).output)
    text = generate(Model({"G": graph}, "G")).text
    assert "first = torch.rand_like(x)\n        return torch.rand_like(x) - first" in text
