"""Random spaces of models, nested and shared in every way, and what they hold by brute force."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from retix.ir import (
    Call,
    Cell,
    ChooseInputs,
    Function,
    Graph,
    LayerChoice,
    Member,
    MemberOp,
    Model,
    Module,
    Open,
    SelectInputs,
    Value,
)
from retix.mutation import find_decisions
from retix.space import Chosen, Decision, apply, evaluate, expression_from_json

VALUES = {"v2": (1, 2), "v3": (1, 2, 3), "w2": (4, 5)}


class Maker:
    """Draws one model; each leaf is of a class of its own, so that different answers make different networks."""

    def __init__(self, draw: st.DrawFn, depth: int) -> None:
        self.draw = draw
        self.graphs: dict[str, Graph] = {}
        self.n_leaves = 0
        self.make_graph(depth)

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def make_value(self) -> Chosen:
        label = self.pick(*VALUES)
        return Chosen(Decision(label, VALUES[label]))

    def make_open(self) -> Open:
        value = self.make_value()
        if self.pick(False, True):
            value = apply("condition", apply("eq", self.make_value(), 1), value, self.make_value() + 10)
        return Open(value.to_json())

    def make_leaf(self) -> Module:
        self.n_leaves += 1
        arguments = (self.make_open(),) if self.pick(False, False, True) else ()
        return Module(f"leaf.Leaf{self.n_leaves}", arguments)

    def make_member(self, depth: int) -> MemberOp:
        kind = self.pick("leaf", "leaf", "choice", "choice", "cell") if depth > 0 else self.pick("leaf", "leaf", "cell")
        if kind == "cell" and depth > 0:
            return Cell(self.make_graph(depth - 1))
        if kind == "choice":
            count = self.pick(2, 2, 3)
            label = f"op{count}" if self.pick(False, False, True) else f"op{count}_{self.n_leaves}_{len(self.graphs)}"
            made = [self.make_member(depth - 1) for _ in range(count)]
            return LayerChoice(label, tuple((str(i), Member(op)) for i, op in enumerate(made)))
        return self.make_leaf()

    def make_graph(self, depth: int) -> str:
        graph = Graph(f"graph{len(self.graphs)}", "Graph")
        self.graphs[graph.name] = graph
        values = [graph.add_input("x"), graph.add_input("y")]
        for index in range(self.pick(1, 2, 3)):
            values.append(self.make_node(graph, values, index, depth))
        graph.set_result(values[-1])
        return graph.name

    def make_node(self, graph: Graph, values: list[Value], index: int, depth: int) -> Value:
        kind = self.pick("call", "call", "call", "again", "inputs", "select", "one")
        if kind == "again" and graph.members:
            member = self.pick(*graph.members)
            return graph.add(Call(member), [self.pick(*values), self.pick(*values)], name="again").output
        if kind in ("call", "again"):
            member = graph.add_member(f"m{index}", self.make_member(depth))
            return graph.add(Call(member), [self.pick(*values), self.pick(*values)], name="call").output
        if kind == "one":
            value = self.make_value()
            taken = [self.pick(*values) for _ in value.candidates]
            exact = tuple(Open(apply("eq", value, candidate).to_json()) for candidate in value.candidates)
            return graph.add(SelectInputs(exact, "one"), [taken], name="one").output
        taken = self.draw(st.lists(st.sampled_from(values), min_size=2, max_size=3, unique=True))
        if kind == "select":
            held = [Open(apply("gt", self.make_value(), 1).to_json()) for _ in taken[1:]]
            conditions: tuple[Open | bool, ...] = (True, *held)
            return graph.add(SelectInputs(conditions, self.pick("sum", "concat")), [taken], name="select").output
        n_chosen = self.pick(1, 2, -1)
        label = f"in{len(taken)}_{n_chosen}" if self.pick(False, True) else f"in{graph.name}_{index}"
        return graph.add(ChooseInputs(label, len(taken), n_chosen, "concat"), [taken], name="choose").output


@st.composite
def models(draw: st.DrawFn, depth: int = 4) -> Model:
    """Models with open choices, nested up to ``depth``."""
    maker = Maker(draw, draw(st.integers(0, depth)))
    return Model(maker.graphs, "graph0")


def list_assignments(model: Model) -> list[dict[str, Any]]:
    """Every combination of answers to all decisions of the model, dead ones included."""
    decisions: dict[str, Decision] = {}
    for decision in find_decisions(model):
        decisions[decision.label] = decision
    combinations = itertools.product(*(list(decision.options()) for decision in decisions.values()))
    return [dict(zip(decisions, combination, strict=True)) for combination in combinations]


def resolve_all(base: Model, answers: Mapping[str, Any]) -> Model:
    """Make every choice of every graph, whether it matters or not."""
    model = base.copy()
    for name in list(model.graphs):
        graph = model.graph(name)
        for key, member in list(graph.members.items()):
            graph.members[key] = _settle(member, answers)
        for node in list(graph.nodes):
            if isinstance(node.op, ChooseInputs):
                items = [node.args[0][index] for index in answers[node.op.label]]
                _replace(graph, node, items, node.op.reduction)
            elif isinstance(node.op, SelectInputs):
                held = [c if isinstance(c, bool) else _fill(c, answers) for c in node.op.conditions]
                items = [item for item, holds in zip(node.args[0], held, strict=True) if holds]
                _replace(graph, node, items, node.op.reduction)
    return model


def _settle(member: Member, answers: Mapping[str, Any]) -> Member:
    op = member.op
    if isinstance(op, LayerChoice):
        return _settle(dict(op.candidates)[answers[op.label]], answers)
    if isinstance(op, Module):
        return Member(replace(op, args=tuple(_fill(item, answers) for item in op.args)), member.origin)
    return member


def _fill(item: Any, answers: Mapping[str, Any]) -> Any:
    return evaluate(expression_from_json(item.expression), answers) if isinstance(item, Open) else item


def _replace(graph: Graph, node: Any, items: list[Value], reduction: str) -> None:
    result = items[0]
    if len(items) > 1 and reduction == "concat":
        result = graph.add(Function("aten::cat"), [items, 1], before=node).output
    elif len(items) > 1:
        for item in items[1:]:
            result = graph.add(Function("aten::add"), [result, item], before=node).output
    graph.erase(node, result)
