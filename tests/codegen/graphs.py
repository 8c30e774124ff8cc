"""Small models written by hand."""

from __future__ import annotations

from typing import Any

from retix.codegen import Source, generate
from retix.ir import Call, Cell, Graph, Member, MemberOp, Model, Module


def leaf(type: str, *state: str, **kwargs: Any) -> Module:
    """A torch layer."""
    return Module(f"torch.nn.{type}", (), kwargs, state)


def linear(in_features: int, out_features: int) -> Module:
    """A linear layer."""
    return leaf("Linear", "weight", "bias", in_features=in_features, out_features=out_features)


def chain(name: str, class_name: str, members: dict[str, MemberOp], type: str | None = None) -> Graph:
    """A graph that calls its members one after the other."""
    graph = Graph(name, class_name, type=type)
    value = graph.add_input("x")
    for key, op in members.items():
        graph.members[key] = Member(op, key)
        value = graph.add(Call(key), (value,), name="x").output
    graph.set_result(value)
    return graph


def model(*graphs: Graph) -> Model:
    """A model whose first graph is the outermost."""
    made = Model({graph.name: graph for graph in graphs}, graphs[0].name)
    made.verify()
    return made


def cells(*graphs: Graph) -> Model:
    """A model that calls the graphs one after the other."""
    return model(chain("Net", "Net", {graph.name: Cell(graph.name) for graph in graphs}), *graphs)


def write(*graphs: Graph) -> Source:
    """The generated module of a model."""
    return generate(model(*graphs))


def build(source: Source) -> Any:
    """An instance of a generated module's class."""
    namespace: dict[str, Any] = {}
    exec(source.text, namespace)
    return namespace[source.entry]()
