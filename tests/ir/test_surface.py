"""Looking up nodes, and editing by edges, in NNI's words."""

from __future__ import annotations

import pytest
from hypothesis import given

from retix.errors import GraphError
from retix.ir import (
    Call,
    Cell,
    ChooseInputs,
    Constant,
    Edge,
    Function,
    Graph,
    InputNode,
    LayerChoice,
    Member,
    Model,
    Module,
    Operation,
    SelectInputs,
)
from tests.ir.models import make_chain, make_function, make_if_model, make_model, make_rich_model
from tests.ir.random_models import Dice, dice, models, unhurried


def make_net() -> Model:
    """A convolution, a cell with two layers, and an activation as an operator."""
    cell = make_chain("Conv2d", "BatchNorm2d", name="block")
    cell.class_name = "Block"
    graph, (x,) = make_function("net")
    graph.add_member("stem", Module("torch.nn.Conv2d", (), {"out_channels": 8}), "stem")
    graph.add_member("block", Cell("block"), "block")
    cell.members["conv2d"] = Member(cell.members["conv2d"].op, "conv2d")
    stem = graph.add(Call("stem"), [x], name="stem").output
    block = graph.add(Call("block"), [stem], name="block").output
    graph.set_result(graph.add(Function("aten::relu"), [block], name="relu").output)
    return make_model(graph, cell)


@pytest.mark.parametrize(
    "written",
    [
        "torch.nn.Conv2d",
        "retix.nn.pytorch.Conv2d",
        "nni.retiarii.nn.pytorch.Conv2d",
        "Conv2d",
        "__torch__.torch.nn.modules.conv.Conv2d",
        "__torch__.torch.nn.modules.conv.___torch_mangle_12.Conv2d",
        "__torch__.nni.retiarii.nn.pytorch.nn.Conv2d",
        "__torch__.retix.nn.pytorch.layer.Conv2d",
    ],
)
def test_layers_by_type(written: str) -> None:
    """A layer of torch is found under every name that scripts write, in all graphs."""
    model = make_net()
    assert [node.name for node in model.get_nodes_by_type(written)] == ["stem", "conv2d"]
    assert [node.name for node in model.graphs["block"].get_nodes_by_type(written)] == ["conv2d"]


def test_other_types() -> None:
    """Operators, cells by kind and by class, users' classes by their own name, and choices."""
    model = make_net()
    graph = model.root
    graph.add_member("unit", Module("shop.units.Mixer"))
    choice = LayerChoice("op", (("0", Member(Module("torch.nn.ReLU"))),))
    x = graph.inputs[0]
    nodes = [graph.add(Call("unit"), [x]), graph.add(Call(graph.add_member("choice", choice)), [x])]
    nodes.append(graph.add(ChooseInputs("in", 1), [[x]]))
    for written, expected in (
        ("aten::relu", ["relu"]),
        ("_cell", ["block"]),
        ("Block", ["block"]),
        ("__torch__.shop.Block", ["block"]),
        ("__torch__.shop.units.Mixer", [nodes[0].name]),
        ("Mixer", [nodes[0].name]),
        ("__torch__.retix.nn.pytorch.api.LayerChoice", [nodes[1].name]),
        ("__torch__.nni.retiarii.nn.pytorch.api.InputChoice", [nodes[2].name]),
        (nodes[2].operation.type, [nodes[2].name]),
        ("torch.nn.Linear", []),
        ("shop.other.Mixer", []),
    ):
        assert [node.name for node in model.get_nodes_by_type(written)] == expected, written


def test_nodes_by_name_label_and_path() -> None:
    """Nodes are found by name, by their path in the base model, by id, and by a label that was noted."""
    model = make_net()
    conv = model.get_node_by_python_name("block.conv2d")
    assert conv is not None
    assert conv is model.get_node_by_name("conv2d")
    assert (conv.python_name, conv.graph.name) == ("block.conv2d", "block")
    assert conv.graph.get_node_by_id(conv.id) is conv
    conv.update_label("here")
    for found in (model, model.fork(), Model.from_json(model.to_json())):
        (node,) = found.get_nodes_by_label("here")
        assert (node.name, node.id) == ("conv2d", conv.id)
    assert [node.name for node in model.get_cell_nodes()] == ["block"]
    assert model.get_node_by_name("nope") is None
    assert model.root_graph.get_node_by_name("_outputs") is model.root_graph.output_node
    model.root.add(Constant(), [1], name="conv2d")
    with pytest.raises(GraphError, match="2 nodes are called 'conv2d', in net, block"):
        model.get_node_by_name("conv2d")


def test_labels_of_choices() -> None:
    """A choice's label is its decision's; a placeholder's is the one that it was made with."""
    model = make_rich_model()
    choice, inputs = model.root.node("choice"), model.root.node("picked")
    for node in (choice, inputs):
        node.update_label("other")
        with pytest.raises(GraphError, match="needs a label"):
            node.update_label(None)
    assert {node.name for node in model.get_nodes_by_label("other")} == {"choice", "picked"}
    placeholder = Module("retix.nn.pytorch.Placeholder", ("slot",), {"depth": 3})
    choice.update_operation(placeholder)
    assert model.get_nodes_by_label("slot") == [choice]
    assert model.get_nodes_by_type("__torch__.nni.retiarii.nn.pytorch.api.Placeholder") == [choice]


def test_choosing_inputs_by_hand() -> None:
    """An input choice may be told what is chosen, as NNI's mutators do."""
    model = make_rich_model()
    picked = model.root.node("picked")
    picked.update_operation("__torch__.nni.retiarii.nn.pytorch.api.ChosenInputs", {"chosen": [1], "reduction": "mean"})
    assert picked.op == SelectInputs((False, True), "mean")
    model.verify()


def test_operations() -> None:
    """An operation reads as NNI's: type, parameters by name, and lines of code."""
    conv = Operation.new("__torch__.torch.nn.modules.conv.Conv2d", {"in_channels": 3, "out_channels": 8})
    assert conv == Module("torch.nn.Conv2d", (), {"in_channels": 3, "out_channels": 8})
    assert (conv.type, conv.parameters) == ("torch.nn.Conv2d", {"in_channels": 3, "out_channels": 8})
    assert conv.to_init_code("conv") == "self.conv = torch.nn.Conv2d(in_channels=3, out_channels=8)"
    assert conv.to_forward_code("conv", "y", ["x"]) == "y = self.conv(x)"
    relu = Operation.new("aten::relu")
    assert (relu, relu.type, relu.attributes) == (Function("aten::relu"), "aten::relu", {})
    assert relu.to_init_code("relu") is None
    assert relu.to_forward_code("", "y", ["x"]) == "y = torch.relu(x)"
    assert Operation.new("_cell", {}, "block") == Cell("block")
    assert isinstance(conv, Operation)


def test_shapes_as_attributes() -> None:
    """Where shapes are known, the operation of a node tells them, and is equal to one that does not."""
    model = make_net()
    stem, block, _ = model.root.nodes
    model.root.inputs[0].shape, stem.output.shape = (1, 3, 8, 8), (1, 8, 8, 8)
    assert stem.operation.attributes == {"input_shape": [[1, 3, 8, 8]], "output_shape": [[1, 8, 8, 8]]}
    assert block.operation.attributes == {"input_shape": [[1, 8, 8, 8]]}
    assert stem.operation == Module("torch.nn.Conv2d", (), {"out_channels": 8})
    digest = model.digest()
    stem.update_operation(stem.operation)
    assert Model.from_json(model.to_json()).digest() == model.digest() == digest


def test_parameters_given_by_position() -> None:
    """Arguments by position have the names that their class gives them, where it is loaded."""
    op = Module("tests.ir.random_models.Dice", (1,), {"b": 2})
    assert Module("not.loaded.Thing", (1,), {"b": 2}).parameters == {"0": 1, "b": 2}
    assert Module(f"{__name__}.Layer", (1,), {"b": 2}).parameters == {"a": 1, "b": 2}
    op.parameters["b"] = 3
    assert op.kwargs == {"b": 2}


class Layer:
    """Takes two arguments."""

    def __init__(self, a: int, b: int) -> None:
        """Nothing is kept."""


def test_edges_are_a_view() -> None:
    """Edges tell who takes what, with slots, and are found anew after each edit."""
    model = make_net()
    graph = model.root
    stem, block, relu = graph.nodes
    assert graph.edges == [
        Edge((graph.input_node, 0), (stem, 0)),
        Edge((stem, None), (block, 0)),
        Edge((block, None), (relu, 0)),
        Edge((relu, None), (graph.output_node, None)),
    ]
    assert block.incoming_edges == [graph.edges[1]]
    assert block.outgoing_edges == [graph.edges[2]]
    assert stem.successor_slots == {(block, 0)}
    assert graph.input_node.outgoing_edges == [graph.edges[0]]
    assert graph.input_node.operation.io_names == ["x"]
    assert graph.topo_sort() == [InputNode(graph), stem, block, relu, graph.result]
    assert (len(graph.nodes), graph.nodes[0], graph.hidden_nodes[-1], stem in graph.nodes) == (3, stem, relu, True)
    relu.set_arguments([stem.output])
    assert [edge.head for edge in relu.incoming_edges] == [stem]


def test_insert_node_on_edge() -> None:
    """A node goes between the ends of one edge; other takers of the value keep it."""
    model = make_net()
    graph = model.root
    stem, block, relu = graph.nodes
    relu.set_arguments([block.output, stem.output])
    node = graph.insert_node_on_edge(block.incoming_edges[0], "pool", "torch.nn.MaxPool2d", {"kernel_size": 2})
    model.verify()
    assert block.predecessors == (node,)
    assert relu.predecessors == (block, stem)
    with pytest.raises(GraphError, match="no edge from 'stem' to 'block'"):
        graph.insert_node_on_edge(Edge((stem, None), (block, 0)), "pool", "torch.nn.ReLU")


def test_wiring_by_hand() -> None:
    """A node that was added at the end is wired before those that take its value, as NNI's scripts do."""
    model = make_net()
    graph = model.root
    (edge,) = graph.get_node_by_name("block").incoming_edges  # type: ignore[union-attr]  # it is there
    first = graph.add_node("first", "__torch__.torch.nn.modules.activation.ReLU")
    second = graph.add_node("second", Function("aten::sigmoid"))
    graph.add_edge((first, None), (second, None))
    graph.add_edge((edge.head, edge.head_slot), (first, None))
    graph.add_edge((second, None), (edge.tail, edge.tail_slot))
    graph.del_edge(edge)  # gone already, since another one ends there
    model.verify()
    assert [node.name for node in graph.nodes] == ["stem", "first", "second", "block", "relu"]
    assert [node.predecessors for node in graph.nodes][1:] == [(node,) for node in list(graph.nodes)[:-1]]


def test_removed_edges_have_to_be_given_anew() -> None:
    """What was taken away is missing until it is given anew, and a model with a missing input is refused."""
    model = make_net()
    graph = model.root
    stem, block, relu = graph.nodes
    block.incoming_edges[0].remove()
    with pytest.raises(GraphError, match="node block: its arguments hold <missing input>"):
        model.verify()
    graph.add_edge((stem, None), (relu, -1))
    relu.outgoing_edges[0].remove()
    for node in (relu, block):
        node.remove()
    graph.add_edge((stem, 0), (graph.output_node, None))
    model.verify()
    assert list(graph.nodes) == [stem]


def test_slots() -> None:
    """Slots are places in order, also inside of lists; a further one leaves missing inputs before it."""
    graph, (x, y) = make_function("net", inputs=2)
    cat = graph.add(Function("aten::cat"), [[x, y], 1], name="cat")
    graph.set_result(cat.output)
    ends = graph.input_node
    assert [(edge.head_slot, edge.tail_slot) for edge in cat.incoming_edges] == [(0, 0), (1, 1)]
    graph.add_edge((ends, 0), (cat, 1))
    assert cat.args == ([x, x], 1)
    with pytest.raises(GraphError, match="'cat' has 2 inputs"):
        graph.add_edge((ends, 0), (cat, None))
    with pytest.raises(GraphError, match="'_inputs' has 2 outputs"):
        graph.add_edge((ends, None), (cat, 0))
    with pytest.raises(GraphError, match="no number 2"):
        graph.add_edge((ends, 2), (cat, 0))
    picked = graph.add(ChooseInputs("in", 2), [[x]], name="picked")
    graph.add_edge((ends, 1), (picked, -1))
    assert picked.args == ([x, y],)
    graph.add_edge((picked, None), (graph.output_node, -1))
    assert graph.result.args == ((cat.output, picked.output),)
    empty = graph.add_node("empty", "aten::add")
    graph.add_edge((ends, 1), (empty, 1))
    assert repr(empty.args) == "(<missing input>, %x_1)"
    graph.add_edge((ends, 0), (empty, None))
    assert empty.args == (x, y)


def test_circles_are_refused() -> None:
    """No edge makes a node depend on itself, or leads from one graph to another; nothing is changed."""
    model = make_net()
    graph = model.root
    stem, block, _ = graph.nodes
    text = str(model)
    with pytest.raises(GraphError, match="'stem' cannot take a value of 'block', which depends on it"):
        graph.add_edge((block, None), (stem, 0))
    with pytest.raises(GraphError, match="not part of this graph"):
        graph.add_edge((stem, None), (model.graphs["block"].output_node, None))
    assert str(model) == text


def test_cells() -> None:
    """A node leads to its cell, and can have one of its own, with branches, without touching other callers."""
    model = make_net()
    graph = model.root
    block = graph.node("block")
    again = graph.add(Call("block"), [block.output], name="again")
    graph.set_result(again.output)
    assert block.cell is model.graphs["block"]
    own = again.specialize_cell()
    own.get_nodes_by_type("BatchNorm2d")[0].update_operation("torch.nn.Identity")
    model.verify()
    assert [node.type for node in block.cell.nodes] == ["torch.nn.Conv2d", "torch.nn.BatchNorm2d"]
    assert [node.type for node in again.cell.nodes] == ["torch.nn.Conv2d", "torch.nn.Identity"]
    assert again.cell is own
    with pytest.raises(GraphError, match="calls no cell"):
        _ = graph.node("stem").cell


def test_duplicated_branches() -> None:
    """A copy of a graph has copies of its branches, which use the members of the copy."""
    model = make_if_model()
    copied = model.duplicate_graph("net")
    copied.members["conv"] = Member(Module("torch.nn.Identity"))
    model.verify()
    assert sorted(model.graphs) == ["net", "net:else", "net:else_1", "net:then", "net:then_1", "net_1"]
    assert [node.type for node in model.graph("net:then_1").nodes] == ["torch.nn.Identity"]
    assert [node.type for node in model.graph("net:then").nodes] == ["torch.nn.Conv2d"]
    with pytest.raises(GraphError, match="is a branch of 'net'"):
        model.duplicate_graph("net:then")


def test_graphs_of_forks() -> None:
    """A graph forks with its model; one that is shared is part of no one model."""
    model = make_net()
    forked = model.root_graph.fork()
    forked.node("stem").update_operation("torch.nn.Identity")
    assert model.root.node("stem").type == "torch.nn.Conv2d"
    shared = model.fork().graphs["block"]
    with pytest.raises(GraphError, match="part of no one model"):
        _ = shared.model
    with pytest.raises(GraphError, match="part of no one model"):
        _ = Graph("loose", "Loose").model


@unhurried
@given(models(), dice)
def test_every_edge_can_be_cut_and_joined(model: Model, random: Dice) -> None:
    """An edge that is removed and added again leaves the graph as it was; a node on it can be taken out again."""
    before, digest = str(model), model.digest()
    graph = model.graph(random.choice(list(model.graphs)))
    edges = graph.edges
    if not edges:
        return
    edge = random.choice(edges)
    edge.remove()
    assert edge not in graph.edges
    slot = 0 if edge.tail_slot is None else edge.tail_slot
    graph.add_edge((edge.head, edge.head_slot or 0), (edge.tail, slot))
    assert (str(model), model.digest()) == (before, digest)
    node = graph.insert_node_on_edge(edge, "step", "user::step")
    model.verify()
    graph.add_edge((edge.head, edge.head_slot or 0), (edge.tail, slot))
    node.remove()
    assert (str(model), model.digest()) == (before, digest)
