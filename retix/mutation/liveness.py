"""What a model with open choices depends on: compiled once, for all walks through its space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from retix.ir import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Effects,
    Graph,
    If,
    LayerChoice,
    Loop,
    MemberOp,
    Model,
    Node,
    Open,
    SelectInputs,
    Value,
    find_values,
    is_open,
    remove_dead,
)
from retix.mutation.graph_liveness import GraphLiveness
from retix.mutation.open_choices import decision_of, find_open
from retix.mutation.visible import Visibility
from retix.space import Decision, Expression, Network, Proposition, expression_from_json


class Liveness:
    """Which parts of a model, and which of its decisions, matter under which answers.

    A node matters if its value or its effect does, an input of a cell if the cell uses it, a candidate if it is chosen.

    Args:
        model: The model; it is not changed.

    Attributes:
        model: The same without what is dead whatever is chosen.
        network: When each part matters.
        runs: Of each graph: it is part of the network.
        nodes: Of each node of a graph with choices: it matters.
        inputs: Of each input of a graph with choices: the graph uses it.
        members: Of each member of a graph with choices, by graph and name: it is used.
        places: What uses each decision, by its label.
        lines: The line of the user's code that first uses it, where that is known.
        closed: The graphs without choices, in them or below; the positions of the inputs that each uses.

    Raises:
        SpaceError: Two choices of one label contradict each other, or one makes no sense.
    """

    def __init__(self, model: Model) -> None:
        self.model = model.fork()
        remove_dead(self.model)
        self.network = Network()
        self.effects = Effects(self.model)
        self.runs: dict[str, Proposition] = {name: self.network.any() for name in self.model.graphs}
        self.nodes: dict[Node, Proposition] = {}
        self.inputs: dict[str, tuple[Proposition, ...]] = {}
        self.members: dict[tuple[str, str], Proposition] = {}
        self.closed: dict[str, frozenset[int]] = {}
        self.places: dict[str, dict[str, None]] = {}
        self.lines: dict[str, str] = {}
        self.demands: dict[Value, Proposition] = {}
        self.certain: dict[Value, int] = {}
        self.takers: dict[tuple[Node, Value], list[Proposition]] = {}
        self._expressions: dict[int, tuple[Open, Expression, str]] = {}
        _Numbering(self).visit(self.model.root_name)
        self._order = self._sort()
        self._find_closed()
        for name in self._order:
            if name not in self.closed:
                GraphLiveness(self, self.model.graphs[name]).compile()
        Visibility(self).compile()
        self.network.imply(self.network.start, self.runs[self.model.root_name])

    def read(self, item: Open) -> Expression:
        """The expression of an open argument."""
        return self._read(item)[1]

    def key(self, item: Open) -> str:
        """What equal expressions have in common."""
        return self._read(item)[2]

    def _read(self, item: Open) -> tuple[Open, Expression, str]:
        known = self._expressions.get(id(item))
        if known is None:
            text = json.dumps(item.expression, sort_keys=True)
            known = self._expressions[id(item)] = (item, expression_from_json(item.expression), text)
        return known

    def note(self, label: str, place: str) -> None:
        """Remember where a decision is used."""
        self.places.setdefault(label, {})[place] = None

    def scope(self, graph: Graph) -> Graph:
        """The graph whose members the nodes of ``graph`` use."""
        return graph if graph.region_of is None else self.model.graphs[graph.region_of]

    def _sort(self) -> list[str]:
        """The graphs, each behind those that it runs."""
        order: dict[str, None] = {}
        pending = [(self.model.root_name, False)]
        while pending:
            name, is_done = pending.pop()
            if is_done:
                order.setdefault(name)
            elif name not in order:
                pending.append((name, True))
                pending += [(inner, False) for inner in self.model.graphs[name].branches() if inner not in order]
                if self.model.graphs[name].region_of is not None:
                    # a branch calls the cells that are members of the graph around it
                    calls = self.effects.summary(self.model.graphs[name]).calls
                    pending += [(inner, False) for inner in calls if inner not in order]
        return list(order)

    def _find_closed(self) -> None:
        open_graphs: set[str] = set()
        for name in self._order:
            graph = self.model.graphs[name]
            scope = self.scope(graph)
            if is_open(graph) or is_open(scope) or any(inner in open_graphs for inner in graph.branches()):
                open_graphs.add(name)
        for name in self._order:  # a branch shares the members of its owner, so that they are copied together
            graph = self.model.graphs[name]
            if name not in open_graphs and (graph.region_of is None or graph.region_of not in open_graphs):
                self.closed[name] = frozenset(self._used_inputs(graph))

    def _used_inputs(self, graph: Graph) -> Iterator[int]:
        for index, value in enumerate(graph.inputs):
            if any(self._uses(node, value) for node in value.uses):
                yield index

    def _uses(self, node: Node, value: Value) -> bool:
        """Whether a node without open choices looks at a value that it is given."""
        run: list[tuple[str, int]] = []
        if isinstance(node.op, Call):
            member = self.scope(node.graph).members[node.op.target]
            if isinstance(member.op, Cell):
                run = [(member.op.graph, 0)]
        elif isinstance(node.op, If):
            if value in find_values(node.args[0]):
                return True
            run = [(node.op.then, 1), (node.op.otherwise, 1)]
        if not run:
            return True
        return any(
            index - first in self.closed.get(name, range(len(node.args)))
            for name, first in run
            for index, argument in enumerate(node.args)
            if value in find_values(argument)
        )


class _Numbering:
    """Meets every decision in the order of forward, candidates that may never be chosen included."""

    def __init__(self, liveness: Liveness) -> None:
        self.liveness = liveness
        self.seen: set[str] = set()
        self.line: str | None = None

    def visit(self, name: str) -> None:
        if name in self.seen:
            return
        self.seen.add(name)
        graph = self.liveness.model.graphs[name]
        scope = self.liveness.scope(graph)
        for node in graph.nodes:
            self.line = self.line if node.location is None else str(node.location)
            place = f"{name}.{node.name}" if node.location is None else f"{name}.{node.name} ({node.location})"
            if isinstance(node.op, SelectInputs):
                self._read(node.op.conditions, place)
            self._read((node.args, node.kwargs), place)
            if isinstance(node.op, (Call, Attribute)):
                if node.op.target in scope.members:
                    member = scope.members[node.op.target]
                    self._visit_member(member.op, f"{scope.name}.{node.op.target}")
            elif isinstance(node.op, ChooseInputs):
                self._meet(decision_of(node.op), place)
            elif isinstance(node.op, If):
                self.visit(node.op.then)
                self.visit(node.op.otherwise)
            elif isinstance(node.op, Loop):
                self.visit(node.op.body)
        self._read(graph.result.args, f"{name}.return")

    def _visit_member(self, op: MemberOp, place: str) -> None:
        if isinstance(op, LayerChoice):
            self._meet(decision_of(op), place)
            for name, candidate in op.candidates:
                self._visit_member(candidate.op, f"{place}[{name}]")
        elif isinstance(op, Cell):
            self.visit(op.graph)
        else:
            self._read(op, place)

    def _read(self, argument: Any, place: str) -> None:
        for item in find_open(argument):
            for decision in self.liveness.read(item).decisions():
                self._meet(decision, place)

    def _meet(self, decision: Decision, place: str) -> None:
        self.liveness.network.question(decision)
        self.liveness.note(decision.label, place)
        if self.line is not None:
            self.liveness.lines.setdefault(decision.label, self.line)
