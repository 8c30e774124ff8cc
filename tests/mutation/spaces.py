"""Base models with open choices, made by hand."""

from __future__ import annotations

from typing import Any

from retix.ir import Call, Cell, ChooseInputs, Graph, LayerChoice, Member, Model, Module, Open
from retix.space import Chosen, Decision, Expression


def make_value(label: str, *candidates: Any) -> Chosen:
    """A choice of a value, to compute with."""
    return Chosen(Decision(label, candidates))


def make_leaf(expression: Expression, name: str = "Linear") -> Module:
    """A leaf with one argument, which is open."""
    return Module(f"torch.nn.{name}", (Open(expression.to_json()),))


def make_layer_choice(label: str, *ops: Any, **named: Any) -> LayerChoice:
    """A choice among member ops, which go by their index or name."""
    candidates = {str(index): op for index, op in enumerate(ops)} | named
    return LayerChoice(label, tuple((name, Member(op, f"{label}.{name}")) for name, op in candidates.items()))


def make_chain(*ops: Any, name: str = "net") -> Graph:
    """A graph that calls one member after the other."""
    graph = Graph(name, name.capitalize())
    value = graph.add_input("x")
    for index, op in enumerate(ops):
        value = graph.add(Call(graph.add_member(f"layer{index}", op)), [value], name=f"layer{index}").output
    graph.set_result(value)
    return graph


def make_model(*graphs: Graph) -> Model:
    """A model of graphs, the first of which is its root."""
    return Model({graph.name: graph for graph in graphs}, graphs[0].name)


def make_input_model(n_candidates: int, n_chosen: int, reduction: str) -> Model:
    """A model that chooses among layers applied to its input."""
    graph = make_chain(*[Module("torch.nn.Linear", (index,)) for index in range(n_candidates)])
    nodes = list(graph.nodes)
    for node in nodes:
        node.set_arguments([graph.inputs[0]])
    op = ChooseInputs("inputs", n_candidates, n_chosen, reduction)
    graph.set_result(graph.add(op, [[node.output for node in nodes]], name="picked").output)
    return make_model(graph)


def make_conditional_model() -> Model:
    """Nine samples: a leaf of three widths, a cell with a choice of two activations and three rates, or nothing."""
    cell = make_chain(
        make_layer_choice("act", Module("torch.nn.ReLU"), Module("torch.nn.Tanh")),
        make_leaf(make_value("rate", 0.1, 0.2, 0.3), "Dropout"),
        name="cell",
    )
    op = make_layer_choice(
        "op", wide=make_leaf(make_value("width", 8, 16)), cell=Cell("cell"), none=Module("torch.nn.Identity")
    )
    return make_model(make_chain(op), cell)
