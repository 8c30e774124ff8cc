"""Graphs put together from the nodes of others."""

from __future__ import annotations

from retix.ir import Constant, Draft, Function, Graph, Model, Module, find_values, overwrites, passes_on


def make_source() -> Graph:
    """Two layers and a sum."""
    graph = Graph("net", "Net")
    value = graph.add_input("x")
    for name in ("first", "second"):
        value = graph.add_module(name, "torch.nn.ReLU", [value]).output
    graph.set_result(graph.add(Function("aten::add"), [value, graph.inputs[0]], name="add").output)
    return graph


def take_all(draft: Draft, source: Graph) -> Graph:
    """The draft with every node of the source."""
    for node in source.nodes:
        args = tuple(draft.values[value] for value in node.args)
        draft.take(node, args, {}, dict.fromkeys(find_values(args)))
    return draft.finish(tuple(draft.values[value] for value in source.result.args))


def test_taking_everything_is_a_copy() -> None:
    """A draft of all nodes is a graph that keeps the rules, is equal, and can be edited on its own."""
    source = make_source()
    graph = take_all(Draft(source, dict(source.members)), source)
    model = Model({"net": graph}, "net")
    model.verify()
    assert model.digest() == Model({"net": source}, "net").digest()
    assert str(model) == str(Model({"net": source}, "net"))
    graph.insert_on(graph.inputs[0], "extra", "torch.nn.Tanh")
    model.verify()
    assert len(source) == 3


def test_added_and_inserted_nodes_get_free_names() -> None:
    """What is new in a draft takes no name of the source, and stands where it was added."""
    source = make_source()
    draft = Draft(source, dict(source.members))
    other = Graph("branch", "Net", region_of="net")
    inside = other.add(Function("aten::neg"), [other.add_input("x")], name="first")
    draft.values[other.inputs[0]] = draft.graph.inputs[0]
    draft.insert(inside, (draft.graph.inputs[0],), {})
    number = draft.add(Constant(), (1,), "add", None)
    graph = take_all(draft, source)
    Model({"net": graph}, "net").verify()
    assert [node.name for node in graph.nodes] == ["first_1", "add_1", "first", "second", "add"]
    assert number.name == "add_1"
    assert graph.is_before(graph.node("first_1"), graph.node("first"))


def test_influence_of_operations() -> None:
    """Operations are told apart by what they do to memory, whatever node they may belong to."""
    node = next(iter(make_source().nodes))
    assert overwrites(Module("torch.nn.ReLU", (True,)))
    assert not overwrites(Module("torch.nn.Linear"))
    assert passes_on(node, Module("torch.nn.Linear")) == ()
    assert passes_on(node, Module("torch.nn.Identity")) == node.inputs
    assert passes_on(node, Module("users.Layer")) is None
