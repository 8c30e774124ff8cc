"""Dead code."""

from __future__ import annotations

from retix.ir import Attribute, Call, Cell, Member, Module, Tensor, remove_dead
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
