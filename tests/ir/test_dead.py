"""Dead code."""

from __future__ import annotations

from retix.ir import (
    Attribute,
    Call,
    Cell,
    Function,
    Graph,
    If,
    LayerChoice,
    Member,
    Model,
    Module,
    Tensor,
    remove_dead,
)
from tests.ir.models import make_chain, make_function, make_if_model, make_model


def test_unused_members_and_graphs_go() -> None:
    """Members that no node uses go, and graphs that no member is; what branches use stays."""
    model = make_if_model()
    model.root.add_member("unused", Cell("cell"))
    model.graphs["cell"] = make_chain("ReLU", name="cell")
    remove_dead(model)
    assert list(model.root.members) == ["conv", "fc"]
    assert list(model.graphs) == ["net", "net:then", "net:else"]


def test_nothing_dead_copies_nothing() -> None:
    """Graphs that are shared with a fork stay shared where there is nothing to remove."""
    model = make_if_model()
    fork = model.fork()
    remove_dead(fork)
    assert all(fork.graphs[name] is graph for name, graph in model.graphs.items())


def test_parts_of_cells_stay() -> None:
    """What a graph uses of a cell stays in both, through two levels, though the cell is not called; the rest goes."""
    inner, (y,) = make_function("inner")
    inner.set_result(y)
    middle, (z,) = make_function("middle")
    middle.set_result(z)
    graph, (x,) = make_function("net")
    scale = Tensor((1,), "torch.float32", Module("torch.ones", (1,)))
    inner.members = {"scale": Member(scale), "other": Member(scale)}
    middle.members = {"inner": Member(Cell("inner")), "inner.scale": Member(scale), "other": Member(scale)}
    graph.members = {"middle": Member(Cell("middle")), "middle.inner.scale": Member(scale)}
    graph.set_result([x, graph.add(Attribute("middle.inner.scale")).output])
    model = make_model(graph, middle, inner)
    remove_dead(model)
    model.verify()
    assert [list(part.members) for part in model.graphs.values()] == [
        ["middle", "middle.inner.scale"],
        ["inner", "inner.scale"],
        ["scale"],
    ]


def test_shared_graph_that_calls_what_became_pure() -> None:
    """A dead call in a shared graph goes as soon as the cell that it calls has no effect any more."""
    cell = make_chain("ReLU", name="cell")
    cell.members["relu"] = Member(Module("torch.nn.ReLU", (True,)))
    graph, (x,) = make_function("net")
    graph.add_member("cell", Cell("cell"))
    graph.add(Call("cell"), [x], name="cell")
    graph.set_result(x)
    model = make_model(graph, cell).fork()
    remove_dead(model)
    assert len(model.graphs["net"]) == 1
    fork = model.fork()
    fork.graph("cell").node("relu").update_operation("torch.nn.ReLU")
    assert fork.graphs["net"].frozen
    remove_dead(fork)
    assert len(fork.graphs["net"]) == 0
    assert list(fork.graphs) == ["net"]
    assert list(model.graphs) == ["net", "cell"]


def make_two_input_cell(*, overwrites: bool = False) -> Graph:
    """A cell that returns what a layer makes of its first input; it may overwrite the second."""
    cell, (x, y) = make_function("cell", inputs=2)
    cell.add_member("conv", Module("torch.nn.Conv2d"))
    if overwrites:
        cell.add(Function("aten::add_"), [y, 1], name="change")
    cell.set_result(cell.add(Call("conv"), [x]).output)
    return cell


def make_caller(cell: Graph, *, chain: bool) -> Model:
    """Calls the cell with its input, and with what a layer makes of it, or nothing."""
    graph, (x,) = make_function("net")
    graph.add_member("cell", Cell(cell.name))
    other = graph.add_module("wasted", "torch.nn.Linear", [x]).output if chain else None
    graph.set_result(graph.add(Call("cell"), [x, other], name="call").output)
    return make_model(graph, cell)


def test_unused_inputs_of_cells() -> None:
    """What only computes an input that a cell never uses is dead: it does not count, and None is given instead."""
    model = make_caller(make_two_input_cell(), chain=True)
    assert model.digest() == make_caller(make_two_input_cell(), chain=False).digest()
    forked = model.fork()
    digest = model.digest()
    remove_dead(forked)
    forked.verify()
    assert [node.name for node in forked.root.nodes] == ["call"]
    assert forked.root.node("call").args[1] is None
    assert list(forked.root.members) == ["cell"]
    assert forked.digest() == digest
    assert str(model) != str(forked)


def test_unused_inputs_further_down() -> None:
    """An input that is only handed on to where it is not used is not used either, through choices and branches too."""
    inner = make_two_input_cell()
    outer, (x, y) = make_function("outer", inputs=2)
    candidates = (("a", Member(Cell("cell"))), ("b", Member(Cell("cell"))))
    outer.add_member("choice", LayerChoice("op", candidates))
    outer.set_result(outer.add(Call("choice"), [x, y]).output)
    model = make_caller(outer, chain=True)
    model.graphs["cell"] = inner
    model.root.members["cell"] = Member(Cell("outer"))
    branches = []
    for name in ("net:then", "net:else"):
        branch = Graph(name, "Net", region_of="net")
        first, _ = branch.add_input("x"), branch.add_input("y")
        branch.set_result((first,))
        branches.append(branch)
        model.graphs[name] = branch
    graph = model.root
    call = graph.node("call")
    late = graph.add_module("late", "torch.nn.Linear", [call.output])
    training = graph.add(Attribute("training"))
    chosen = graph.add(If("net:then", "net:else"), [training.output, call.output, late.output], name="chosen")
    graph.set_result(chosen.output)
    model.verify()
    digest = model.digest()
    remove_dead(model)
    assert [node.name for node in model.root.nodes] == ["call", "x", "chosen"]
    assert model.root.node("chosen").args[2] is None
    assert model.digest() == digest


def test_inputs_that_effects_use() -> None:
    """What computes an input that a cell overwrites stays, and so does what others need as well."""
    model = make_caller(make_two_input_cell(overwrites=True), chain=True)
    model.root.set_result((model.root.result.args[0], model.root.node("wasted").output))
    remove_dead(model)
    assert [node.name for node in model.root.nodes] == ["wasted", "call"]
    model = make_caller(make_two_input_cell(), chain=True)
    model.root.set_result((model.root.result.args[0], model.root.node("wasted").output))
    remove_dead(model)
    assert model.root.node("call").inputs[1] is model.root.node("wasted").output


def test_overwriting_what_goes_to_an_unused_input() -> None:
    """A change of memory that only an unused input would show is dead."""
    model = make_caller(make_two_input_cell(), chain=True)
    graph = model.root
    graph.add(Function("aten::relu_"), [graph.node("wasted").output], name="change", before=graph.node("call"))
    assert model.digest() == make_caller(make_two_input_cell(), chain=False).digest()
    remove_dead(model)
    assert [node.name for node in graph.nodes] == ["call"]


def test_a_cell_that_comes_to_use_its_input() -> None:
    """That a shared graph did not use an input says nothing about the copy that does."""
    base = make_caller(make_two_input_cell(), chain=True)
    digest = base.digest()
    model = base.fork()
    cell = model.graph("cell")
    cell.set_result((cell.result.args[0], cell.inputs[1]))
    assert model.digest() not in (digest, make_caller(make_two_input_cell(), chain=False).digest())
    remove_dead(model)
    assert [node.name for node in model.root.nodes] == ["wasted", "call"]
    assert base.digest() == digest
