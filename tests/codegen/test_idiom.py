"""What tracing takes apart is put together again."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from retix.codegen import generate
from retix.ir import Call, Function, Graph, Member, Model, Value
from tests.codegen.graphs import build, leaf

GETITEM = Function("python::getitem")


def take(graph: Graph, value: Value, index: int) -> Value:
    """One part of a result."""
    return graph.add(GETITEM, (value, index), name=value.name).output


def test_results_of_recurrent_layers_are_unpacked() -> None:
    """The parts of what an LSTM returns get their names at once."""
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    graph.members["lstm"] = Member(leaf("LSTM", input_size=4, hidden_size=6), "lstm")
    whole = graph.add(Call("lstm"), (x,), name="lstm").output
    output, state = take(graph, whole, 0), take(graph, whole, 1)
    hidden = take(graph, state, 0)
    hidden.variable = "last"
    graph.set_result((output, graph.add(Function("aten::tanh"), (hidden,)).output))
    source = generate(Model({"Net": graph}, "Net"))
    assert "        output, (last, _) = self.lstm(x)\n        return output, torch.tanh(last)\n" in source.text
    assert build(source)(torch.ones(2, 1, 4))[1].shape == (1, 1, 6)


def test_a_result_that_is_used_as_a_whole_stays_whole() -> None:
    """Parts are not unpacked where the tuple itself goes somewhere."""
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    graph.members["rnn"] = Member(leaf("GRU", input_size=4, hidden_size=6), "rnn")
    whole = graph.add(Call("rnn"), (x,), name="rnn").output
    graph.set_result((whole, take(graph, whole, 0)))
    text = generate(Model({"Net": graph}, "Net")).text
    assert "        rnn = self.rnn(x)\n        return rnn, rnn[0]\n" in text


def test_normalize_and_shapes() -> None:
    """``F.normalize`` and ``x.shape[1:3]`` are written for the operators that they are made of."""
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    norm = graph.add(Function("aten::linalg_vector_norm"), (x, 2.0, [-1], True)).output
    clamped = graph.add(Function("aten::clamp_min"), (norm, 1e-12)).output
    wide = graph.add(Function("aten::expand_as"), (clamped, x)).output
    unit = graph.add(Function("aten::div"), (x, wide)).output
    sizes = [graph.add(Function("aten::size"), (x, dim)).output for dim in (1, 2)]
    graph.set_result(graph.add(Function("aten::reshape"), (unit, sizes)).output)
    text = generate(Model({"Net": graph}, "Net")).text
    assert "return F.normalize(x, dim=-1).reshape(x.shape[1:3])" in text
    source = generate(Model({"Net": graph}, "Net"))
    value = torch.rand(1, 2, 3)
    assert torch.equal(build(source)(value), F.normalize(value, dim=-1).reshape(2, 3))


def test_a_device_is_read_off_the_variable_that_is_left() -> None:
    """A device that tracing takes from an input is read from what the variable holds by then."""
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    changed = graph.add(Function("aten::neg"), (x,)).output
    changed.variable = "x"
    device = graph.add(Function("python::device"), (x,)).output
    ones = graph.add(Function("aten::ones"), ([2],), {"device": device}).output
    graph.set_result(graph.add(Function("aten::add"), (changed, ones)).output)
    text = generate(Model({"Net": graph}, "Net")).text
    assert "        x = -x\n        return x + torch.ones(2, device=x.device)\n" in text


def test_shapes_to_the_last_dimension() -> None:
    """Sizes up to the last one are an open slice where it is known which one is the last."""
    graph = Graph("Net", "Net")
    x = graph.add_input("x")
    x.shape = (1, 2, 3)
    sizes = [graph.add(Function("aten::size"), (x, dim)).output for dim in (1, 2)]
    graph.set_result(graph.add(Function("aten::reshape"), (x, sizes)).output)
    assert "return x.reshape(x.shape[1:])" in generate(Model({"Net": graph}, "Net")).text


def test_poolings_without_places() -> None:
    """A pooling of which nobody asks where it found the largest gives one result; else it gives both."""
    for taken, text in ((1, "return F.adaptive_max_pool2d(x, 2)\n"), (2, "x, 2, return_indices=True)\n")):
        graph = Graph("Net", "Net")
        x = graph.add_input("x")
        found = graph.add(Function("aten::adaptive_max_pool2d"), (x, [2, 2]), name="pool", n_outputs=2)
        graph.set_result(found.outputs[0] if taken == 1 else found.outputs)
        source = generate(Model({"Net": graph}, "Net"))
        value = torch.rand(1, 1, 4, 4)
        assert text in source.text
        expected = F.adaptive_max_pool2d(value, 2, return_indices=True)
        made = build(source)(value)
        assert torch.equal(made if taken == 1 else made[0], expected[0])
