"""Choices that are still open."""

from __future__ import annotations

from retix.ir import LayerChoice, Member, Module, Open, Tensor, find_open, is_open
from tests.ir.models import make_chain, make_model, make_open, make_rich_model


def test_every_kind_is_found() -> None:
    """Layer choices, input choices, and arguments of members, of candidates and of nodes."""
    graph = make_rich_model().root
    graph.members["start"] = Member(Tensor((1,), "torch.float32", Module("f", ([{"a": make_open("init", 1)}],))))
    inner = Member(Module("torch.nn.Conv2d", (Module("k", (make_open("kernel", 1),)),)))
    graph.members["nested"] = Member(LayerChoice("outer", (("a", inner),)))
    graph.node("table").set_arguments([(make_open("axis", 0),)])
    assert sorted(find_open(graph)) == ["axis", "first", "init", "inputs", "kernel", "op", "outer", "rate"]


def test_a_decided_graph_has_none() -> None:
    """Where nothing is open, nothing is found."""
    assert find_open(make_chain("Linear", "ReLU")) == {}


def test_open_and_decided_graphs() -> None:
    """A graph is open where anything in it is, also an argument that is settled but still an expression."""
    assert is_open(make_rich_model().root)
    assert not is_open(make_chain("Linear", "ReLU"))
    for argument in (Open({"value": 1}), [{"a": (make_open("a", 1),)}], Module("k", (), {"a": make_open("a", 1)})):
        graph = make_chain("Linear")
        graph.node("linear").update_operation("torch.nn.Linear", {"out_features": argument})
        assert is_open(graph)
        graph = make_chain("Linear")
        graph.node("linear").set_arguments([argument])
        assert is_open(graph)


def test_editing_a_shared_graph_opens_it() -> None:
    """That a shared graph was decided says nothing about the copy that is edited."""
    model = make_model(make_chain("Linear"))
    fork = model.fork()
    assert not is_open(fork.graphs["net"])
    fork.root.node("linear").set_arguments([make_open("a", 1)])
    assert is_open(fork.root)
    assert not is_open(model.graphs["net"])
