"""Graphs, their nodes and values: reading and editing."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from retix.errors import GraphError
from retix.ir import Attribute, Call, Constant, Function, Graph, Member, Model, Module, Node, Return, Tensor, Value
from tests.ir.models import make_chain, make_function, make_if_model, make_model


def names_of(graph: Graph) -> list[str]:
    """The names of the nodes in order."""
    return [node.name for node in graph.nodes]


def test_nodes_come_in_order() -> None:
    """Nodes are walked in the order in which they run, and know their neighbours in the data flow."""
    graph = make_chain("Conv2d", "ReLU", "Linear")
    conv, relu, linear = graph.nodes
    assert names_of(graph) == ["conv2d", "relu", "linear"]
    assert len(graph) == 3
    assert relu.predecessors == (conv,)
    assert relu.successors == (linear,)
    assert linear.successors == (graph.result,)
    assert relu.type == "torch.nn.ReLU"
    assert relu.operation == Module("torch.nn.ReLU")


def test_add_before_and_after() -> None:
    """A node is put where it is wanted, and the order is known to every later edit."""
    graph = make_chain("Conv2d", "ReLU")
    conv, relu = graph.nodes
    graph.add(Function("aten::neg"), [graph.inputs[0]], name="first", before=conv)
    graph.add(Function("aten::neg"), [conv.output], name="middle", after=conv)
    graph.add(Function("aten::neg"), [relu.output], name="last")
    assert names_of(graph) == ["first", "conv2d", "middle", "relu", "last"]
    assert graph.is_before(conv, relu)
    assert not graph.is_before(relu, conv)
    assert graph.is_before(relu, graph.result)
    assert not graph.is_before(graph.result, graph.result)


def test_many_inserts_at_one_place_keep_the_order() -> None:
    """Positions between two nodes never run out."""
    graph = make_chain("Conv2d", "ReLU")
    conv, relu = graph.nodes
    before = [graph.add(Function("aten::neg"), [conv.output], before=relu) for _ in range(200)]
    after = [graph.add(Function("aten::neg"), [conv.output], after=conv) for _ in range(200)]
    expected = [conv, *reversed(after), *before, relu]
    assert list(graph.nodes) == expected
    assert all(graph.is_before(a, b) for a, b in itertools.pairwise(expected))
    make_model(graph).verify()


def test_inserting_numbers_only_few_nodes_anew() -> None:
    """Inserting all over a long graph leaves the positions of the other nodes alone."""
    graph = make_chain(*["ReLU"] * 100)
    before = {node: node._position for node in graph.nodes}
    for node in before:
        graph.insert_on(node.output, "norm", "torch.nn.BatchNorm2d")
    assert all(node._position == position for node, position in before.items())
    make_model(graph).verify()


def test_walk_survives_removal_of_the_current_node() -> None:
    """The nodes may be edited while they are walked."""
    graph = make_chain("ReLU", "ReLU", "ReLU")
    for node in graph.nodes:
        graph.erase(node, node.inputs[0])
    assert names_of(graph) == []
    assert graph.result.args == (graph.inputs[0],)


@pytest.mark.parametrize(
    ("wanted", "got"),
    [("x", "x_1"), ("b.0", "b_0"), ("0", "x0"), ("class", "class_"), ("", "x_1"), ("größe", "größe"), ("²", "_")],
)
def test_names_become_identifiers(wanted: str, got: str) -> None:
    """Wanted names are made identifiers, with a number where they are taken."""
    graph, _ = make_function("net")
    node = graph.add(Constant(), [1], name=wanted)
    assert node.output.name == got


def test_members_get_unique_names() -> None:
    """A member's name is numbered where it is taken, also after a copy."""
    graph, _ = make_function("net")
    assert [graph.add_member("a", Module("torch.nn.ReLU")) for _ in range(3)] == ["a", "a_1", "a_2"]
    assert graph.copy().add_member("a", Module("torch.nn.ReLU")) == "a_3"


def test_uses_follow_every_edit() -> None:
    """A value knows the nodes that take it, each once, wherever it stands in the arguments."""
    graph, (x,) = make_function("net")
    node = graph.add(Function("aten::cat"), [[x, (x,)], {"a": slice(x, None)}], {"out": x})
    assert x.uses == (node,)
    node.set_arguments([1], {"dim": 2})
    assert len(x.uses) == 0
    node.set_arguments([[x]])
    assert x.uses == (node,)
    assert node.inputs == (x,)
    node.remove()
    assert len(x.uses) == 0


def test_replace_by_spares_the_producer_of_the_replacement() -> None:
    """What computes the replacement goes on taking the old value."""
    graph = make_chain("Conv2d", "ReLU", "Linear")
    conv, relu, linear = graph.nodes
    norm = graph.add_module("norm", "torch.nn.BatchNorm2d", [conv.output], after=conv)
    conv.output.replace_by(norm.output)
    assert norm.args == (conv.output,)
    assert relu.args == (norm.output,)
    relu.output.replace_by(relu.output)
    assert linear.args == (relu.output,)
    make_model(graph).verify()


def test_refused_replacement_changes_nothing() -> None:
    """A replacement that one of several users cannot take is refused before the first user takes it."""
    graph, (x,) = make_function("net")
    early = graph.add(Function("aten::neg"), [x], name="early")
    late = graph.add(Function("aten::abs"), [early.output], name="late")
    user = graph.add(Function("aten::exp"), [x], name="user")
    graph.set_result([late.output, user.output, x])
    before = str(make_model(graph))
    with pytest.raises(GraphError, match="'early' cannot take %late: 'late' computes it later"):
        x.replace_by(late.output)
    assert str(make_model(graph)) == before
    make_model(graph).verify()


def test_erase_refuses_a_replacement_that_depends_on_the_node() -> None:
    """A node cannot be replaced by its own value, or by one computed from it directly."""
    graph = make_chain("Conv2d", "ReLU", "Linear")
    conv, relu, _ = graph.nodes
    for replacement in (conv.output, relu.output):
        with pytest.raises(GraphError, match="'conv2d' cannot be replaced by"):
            graph.erase(conv, replacement)
    assert names_of(graph) == ["conv2d", "relu", "linear"]


def test_insert_on_input_and_value() -> None:
    """A module is put behind a value, an input as well as a node's, and all its users take the module's."""
    graph = make_chain("Conv2d", "ReLU")
    conv, relu = graph.nodes
    graph.insert_on(graph.inputs[0], "pad", "torch.nn.ZeroPad2d", {"padding": 1})
    graph.insert_on(relu.output, "norm", "torch.nn.BatchNorm2d")
    assert names_of(graph) == ["pad", "conv2d", "relu", "norm"]
    assert conv.args[0].producer.name == "pad"
    assert graph.result.args[0].producer.name == "norm"
    make_model(graph).verify()


def test_add_module_refused_leaves_no_member() -> None:
    """A refused node leaves neither its member nor its name behind."""
    graph = make_chain("Conv2d")
    other = make_chain("ReLU", name="other")
    with pytest.raises(GraphError, match="is a value of graph 'other'"):
        graph.add_module("norm", "torch.nn.BatchNorm2d", [other.inputs[0]])
    assert list(graph.members) == ["conv2d"]
    assert graph.add_module("norm", "torch.nn.BatchNorm2d", [graph.inputs[0]]).name == "norm"


def test_update_operation() -> None:
    """A node gets another module, operator or member; its inputs and its member's origin stay."""
    graph, (x,) = make_function("net")
    graph.add_member("a", Module("torch.nn.ReLU"), "a")
    call = graph.add(Call("a"), [x])
    function = graph.add(Function("aten::add"), [call.output, 1])
    call.update_operation("torch.nn.Conv2d", {"out_channels": 3})
    function.update_operation(Function("aten::sub"))
    assert graph.members["a"] == Member(Module("torch.nn.Conv2d", (), {"out_channels": 3}), "a")
    assert function.type == "aten::sub"
    assert call.args == (x,)
    with pytest.raises(GraphError, match="calls no module"):
        function.update_operation("torch.nn.ReLU")
    with pytest.raises(GraphError, match="has none of that name"):
        call.update_operation(Call("missing"))
    with pytest.raises(GraphError, match="returns once"):
        call.update_operation(Return())
    with pytest.raises(GraphError, match="returns once"):
        graph.result.update_operation(Constant())


def test_branches_use_the_members_around_them() -> None:
    """In a branch, a node's member is found, changed and added in the graph that the branch belongs to."""
    model = make_if_model()
    branch = model.graph("net:then")
    (call,) = branch.nodes
    assert call.type == "torch.nn.Conv2d"
    call.update_operation("torch.nn.Conv2d", {"out_channels": 4})
    branch.insert_on(call.output, "norm", "torch.nn.BatchNorm2d")
    assert model.root.members["conv"].op == Module("torch.nn.Conv2d", (), {"out_channels": 4})
    assert "norm" in model.root.members
    assert branch.members == {}
    model.verify()


def removed_node(graph: Graph) -> Node:
    """A node that was taken out."""
    node = graph.add(Function("aten::neg"), [graph.inputs[0]], name="gone")
    node.remove()
    return node


REFUSED: dict[str, tuple[Callable[[Graph, Value], object], str]] = {
    "later value": (lambda g, _: next(iter(g.nodes)).set_arguments([g.node("relu").output]), "computes it later"),
    "own value": (lambda g, _: g.node("relu").set_arguments([g.node("relu").output]), "computes it later"),
    "foreign value": (lambda g, v: g.set_result(v), "of graph 'other', not of this graph 'net'"),
    "foreign rename": (lambda g, v: g.rename(v, "y"), "of graph 'other'"),
    "foreign replacement": (lambda g, v: g.node("relu").output.replace_by(v), "of graph 'other'"),
    "foreign replacement of a dead value": (
        lambda g, v: g.add(Constant(), [1]).output.replace_by(v),
        "of graph 'other'",
    ),
    "foreign anchor": (lambda g, v: g.add(Constant(), [1], before=v.uses[0]), "part of graph 'other'"),
    "used node": (lambda g, _: g.node("conv2d").remove(), "'conv2d' cannot be removed: 'relu' takes its value"),
    "the return": (lambda g, _: g.result.remove(), "the return of graph 'net' cannot be removed"),
    "second return": (lambda g, _: g.add(Return(), [1]), "has its return already"),
    "behind the return": (lambda g, _: g.add(Constant(), [1], after=g.result), "behind the return"),
    "missing member": (lambda g, _: g.add(Call("nope"), [1]), "none of that name"),
    "missing attribute": (lambda g, _: g.add(Attribute("nope")), "none of that name"),
    "before a removed node": (lambda g, _: g.add(Constant(), [1], before=removed_node(g)), "'gone' was removed"),
    "after a removed node": (lambda g, _: g.add(Constant(), [1], after=removed_node(g)), "'gone' was removed"),
    "removing twice": (lambda g, _: removed_node(g).remove(), "'gone' was removed"),
    "editing a removed node": (lambda g, _: removed_node(g).set_arguments([g.inputs[0]]), "'gone' was removed"),
    "value of a removed node": (lambda g, _: g.set_result(removed_node(g).output), "'gone', its producer, was removed"),
    "unknown node": (lambda g, _: g.node("nope"), "has no node 'nope'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_edits_name_the_objector_and_change_nothing(name: str) -> None:
    """An edit that would break the graph is refused, says who objects, and leaves the graph valid."""
    edit, message = REFUSED[name]
    graph = make_chain("Conv2d", "ReLU")
    other = make_chain("Linear", name="other")
    with pytest.raises(GraphError, match=message):
        edit(graph, other.inputs[0])
    model = make_model(graph, other)
    model.verify()
    assert graph.result.args == (graph.node("relu").output,)


def test_output_needs_exactly_one() -> None:
    """`Node.output` refuses to guess which of several values is meant."""
    graph, _ = make_function("net")
    node = graph.add(Function("python::unpack"), [1], name="parts", n_outputs=2)
    with pytest.raises(GraphError, match="'parts' has 2 outputs"):
        _ = node.output


def test_copy_shares_no_values() -> None:
    """Edits of a copy do not reach the original."""
    graph = make_chain("Conv2d", "ReLU")
    text = str(make_model(graph))
    twin = graph.copy()
    assert str(make_model(twin)) == text
    twin.insert_on(twin.inputs[0], "pad", "torch.nn.ZeroPad2d")
    twin.add_input("mask")
    twin.set_result(None)
    assert str(make_model(graph)) == text
    make_model(graph).verify()
    make_model(twin).verify()


FROZEN_EDITS: dict[str, Callable[[Graph], object]] = {
    "add_input": lambda g: g.add_input("y"),
    "add": lambda g: g.add(Constant(), [1]),
    "add_member": lambda g: g.add_member("a", Module("torch.nn.ReLU")),
    "add_module": lambda g: g.add_module("a", "torch.nn.ReLU", g.inputs),
    "insert_on": lambda g: g.insert_on(g.inputs[0], "a", "torch.nn.ReLU"),
    "set_result": lambda g: g.set_result(None),
    "rename": lambda g: g.rename(g.inputs[0], "y"),
    "erase": lambda g: g.erase(g.node("relu"), g.inputs[0]),
    "replace_by": lambda g: g.inputs[0].replace_by(g.node("relu").output),
    "set_arguments": lambda g: g.node("relu").set_arguments([1]),
    "update_operation": lambda g: g.node("relu").update_operation("torch.nn.ELU"),
    "update_operation by op": lambda g: g.result.update_operation(Constant()),
    "remove": lambda g: g.node("dead").remove(),
    "members[]": lambda g: g.members.__setitem__("a", Member(Module("torch.nn.ReLU"))),
    "del members[]": lambda g: g.members.__delitem__("relu"),
    "members.update": lambda g: g.members.update(a=Member(Module("torch.nn.ReLU"))),
    "members.setdefault": lambda g: g.members.setdefault("a", Member(Module("torch.nn.ReLU"))),
    "members.pop": lambda g: g.members.pop("relu"),
    "members.popitem": lambda g: g.members.popitem(),
    "members.clear": lambda g: g.members.clear(),
    "members |=": lambda g: g.members.__ior__({"a": Member(Module("torch.nn.ReLU"))}),
}


@pytest.mark.parametrize("name", FROZEN_EDITS)
@pytest.mark.parametrize("side", ["parent", "fork"])
def test_shared_graphs_refuse_every_edit(name: str, side: str) -> None:
    """Once a model was forked, graphs and nodes taken before, on either side, cannot be edited."""
    graph = make_chain("Conv2d", "ReLU")
    graph.add(Constant(), [1], name="dead")
    model = make_model(graph)
    fork = model.fork()
    text = str(model)
    with pytest.raises(GraphError, match="shared with a fork"):
        FROZEN_EDITS[name]((model if side == "parent" else fork).graphs["net"])
    assert str(model) == str(fork) == text


def test_members_and_inputs_taken_before_a_fork_are_no_way_in() -> None:
    """A dict of members that somebody kept from before the fork counts for nothing afterwards."""
    model = make_model(make_chain("Conv2d"))
    members = model.root.members
    fork = model.fork()
    members["extra"] = Member(Module("torch.nn.ReLU"))
    assert "extra" not in str(model)
    assert "extra" not in str(fork)


def test_nodes_of_another_copy_are_refused() -> None:
    """A value taken before the fork is told apart from its twin in the editable copy."""
    model: Model = make_model(make_chain("Conv2d"))
    before = model.root.inputs[0]
    model.fork()
    with pytest.raises(GraphError, match="another copy of graph 'net'"):
        model.root.set_result(before)


def test_members_are_used_as_what_they_are() -> None:
    """A parameter is not called, and a layer is not read; the model stays as it was."""
    model = make_model(make_chain("Linear"))
    model.root.add_member("scale", Tensor((1,), "torch.float32", Module("torch.ones", (1,))))
    text = str(model)
    with pytest.raises(GraphError, match="cannot call the member 'scale', a parameter"):
        model.root.add(Call("scale"), [model.root.inputs[0]])
    with pytest.raises(GraphError, match="cannot read the member 'linear', a module"):
        model.root.node("linear").update_operation(Attribute("linear"))
    assert str(model) == text


def test_branches_of_an_empty_graph_use_its_members() -> None:
    """A graph without nodes owns its branches like any other."""
    model = make_if_model()
    model.root.set_result(model.root.inputs[0])
    for node in reversed(list(model.root.nodes)):
        node.remove()
    branch = model.fork().graph("net:then")
    assert len(branch.scope) == 0
    assert branch.scope.name == "net"
    branch.node("conv").update_operation("torch.nn.Identity")


def test_editing_a_branch_keeps_new_graphs() -> None:
    """A branch that was put into a fork by hand is the one that is edited, although its owner is shared."""
    fork = make_if_model().fork()
    branch = Graph("net:then", "Net", region_of="net")
    branch.set_result((branch.add_input("y"),))
    fork.graphs["net:then"] = branch
    assert fork.graph("net:else").scope is fork.root
    assert fork.graph("net:then") is branch
    assert branch.scope is fork.root
