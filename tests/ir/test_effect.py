"""Effects and dead code."""

from __future__ import annotations

import pytest

from retix.ir import (
    Attribute,
    Call,
    Cell,
    Function,
    Graph,
    LayerChoice,
    Member,
    Model,
    Module,
    Open,
    Tensor,
    Value,
    changes_in_place,
    remove_dead,
)
from tests.ir.models import make_chain, make_function, make_if_model, make_model

RELU_ = Module("torch.nn.ReLU", (True,))


def names_left(model: Model) -> list[str]:
    """The nodes of the root once what is dead was removed."""
    remove_dead(model)
    model.verify()
    return [node.name for node in model.root.nodes]


def add(graph: Graph, operator: str, *args: object) -> Value:
    """Apply an operator of torch."""
    return graph.add(Function(f"aten::{operator}"), args, name=operator).output


def layer(graph: Graph, module: Module, value: Value) -> Value:
    """Call a new leaf."""
    name = module.type.rsplit(".", 1)[-1].lower()
    return graph.add(Call(graph.add_member(name, module)), [value], name=name).output


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (Module("torch.nn.ReLU"), False),
        (Module("torch.nn.ReLU", (), {"inplace": False}), False),
        (Module("torch.nn.ReLU", (), {"inplace": True}), True),
        (Module("torch.nn.ReLU", (), {"inplace": Open({"choice": {}})}), True),
        (Module("torch.nn.ReLU", (True,)), True),
        (Module("torch.nn.Dropout", (0.5, True)), True),
        (Module("torch.nn.Dropout", (0.5, False)), False),
        (Module("torch.nn.Linear", (True,)), False),
    ],
)
def test_layers_in_place(module: Module, expected: bool) -> None:
    """A layer works in place if its argument says so, given by name or by position."""
    graph, (x,) = make_function("net")
    node = layer(graph, module, x).producer
    assert node is not None
    assert changes_in_place(node, make_model(graph)) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("aten::relu_", True),
        ("aten::relu", False),
        ("python::raise", True),
        ("python::append", True),
        ("aten::__and__", False),
    ],
)
def test_operators_with_effects(operator: str, expected: bool) -> None:
    """Operators that end in one underscore work in place; some of Python's have effects too."""
    graph, (x,) = make_function("net")
    assert changes_in_place(graph.add(Function(operator), [x]), make_model(graph)) is expected


def make_caller(cell: Graph) -> Model:
    """A root that calls ``cell`` and does not use the result."""
    graph, (x,) = make_function("net")
    graph.add_member("cell", Cell(cell.name))
    graph.add(Call("cell"), [x], name="cell")
    graph.set_result(x)
    return make_model(graph, cell)


def test_cell_that_overwrites_its_own_memory() -> None:
    """An in-place activation behind a convolution is the cell's own affair: a dead call of the cell goes."""
    cell = make_chain("Conv2d", "ReLU", name="cell")
    cell.members["relu"] = Member(RELU_)
    assert names_left(make_caller(cell)) == []


@pytest.mark.parametrize("alias", ["torch.nn.Identity", "torch.nn.Flatten", "torch.nn.Dropout", "user.Unit"])
def test_cell_that_may_overwrite_its_input(alias: str) -> None:
    """Where the activation may see the input, or nothing is known, the call stays."""
    cell = make_chain("Conv2d", "ReLU", name="cell")
    cell.members.update(conv2d=Member(Module(alias)), relu=Member(RELU_))
    assert names_left(make_caller(cell)) == ["cell"]


def test_candidate_that_overwrites_its_input() -> None:
    """A choice has the effects of all its candidates."""
    cell = make_chain("ReLU", name="cell")
    cell.members["relu"] = Member(RELU_)
    model = make_caller(cell)
    model.root.members["cell"] = Member(LayerChoice("c", (("a", Member(Cell("cell"))),)))
    assert names_left(model) == ["cell"]


def test_effects_in_branches() -> None:
    """An `If` that nobody reads goes, unless a branch has an effect."""
    model = make_if_model()
    model.root.set_result(model.root.inputs[0])
    stays = model.fork()
    branch = stays.graph("net:then")
    add(branch, "relu_", branch.inputs[0])
    assert names_left(stays) == ["conv", "training", "chosen"]
    assert names_left(model) == []
    assert list(model.graphs) == ["net"]
    assert model.root.members == {}


def test_dead_branch_through_private_memory() -> None:
    """conv, norm, in-place activation, flatten, in-place addition: dead as a whole."""
    graph, (x,) = make_function("net")
    value = layer(graph, Module("torch.nn.BatchNorm2d"), layer(graph, Module("torch.nn.Conv2d"), x))
    value = layer(graph, Module("torch.nn.Flatten"), layer(graph, RELU_, value))
    add(graph, "add_", value, x)
    graph.set_result(layer(graph, Module("torch.nn.Linear"), x))
    assert names_left(make_model(graph)) == ["linear"]


def test_view_of_the_input_is_not_private() -> None:
    """What overwrites a view of the input changes the input, and stays."""
    graph, (x,) = make_function("net")
    layer(graph, RELU_, add(graph, "view", x, [-1]))
    graph.set_result(x)
    assert names_left(make_model(graph)) == ["view", "relu"]


def test_overwritten_value_that_somebody_reads() -> None:
    """An in-place activation stays if its input, or a view of that, is read by somebody alive."""
    for reader in ("neg", "view"):
        graph, (x,) = make_function("net")
        value = layer(graph, Module("torch.nn.Conv2d"), x)
        read = add(graph, reader, value)
        layer(graph, RELU_, value)
        graph.set_result(read)
        assert names_left(make_model(graph)) == ["conv2d", reader, "relu"]


def test_overwritten_value_whose_reader_is_dead() -> None:
    """A reader that is dead itself keeps nothing alive, in one pass."""
    graph, (x,) = make_function("net")
    value = layer(graph, Module("torch.nn.Conv2d"), x)
    add(graph, "neg", value)
    layer(graph, RELU_, value)
    graph.set_result(x)
    assert names_left(make_model(graph)) == []


def test_overwritten_parameter() -> None:
    """A parameter belongs to the module, so overwriting it is an effect."""
    graph, (x,) = make_function("net")
    graph.add_member("scale", Tensor((1,), "torch.float32", Module("torch.ones", (1,))))
    add(graph, "add_", graph.add(Attribute("scale"), name="scale").output, 1)
    graph.set_result(x)
    assert names_left(make_model(graph)) == ["scale", "add_"]


def test_deep_sharing_is_looked_at_once() -> None:
    """Forty levels of cells, each called twice by the next, are no exponential walk."""
    graphs = [make_chain("ReLU", name="cell0")]
    for index in range(1, 40):
        graph = Graph(f"cell{index}", "Cell")
        value = graph.add_input("x")
        graph.add_member("inner", Cell(f"cell{index - 1}"))
        for _ in range(2):
            value = graph.add(Call("inner"), [value], name="inner").output
        graph.set_result(value)
        graphs.append(graph)
    model = make_model(*reversed(graphs))
    (first, _) = model.root.nodes
    assert not changes_in_place(first, model)
    remove_dead(model)
    assert len(model.graphs) == 40
    assert len(model.digest()) == 32
