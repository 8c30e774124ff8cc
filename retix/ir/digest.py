"""The structural digest: one string per network, whatever things are called in it.

Each graph is walked from what it returns back to its inputs; nodes and members are numbered in the order in which that
walk first finishes with them, which depends on the wiring alone. The list of numbered nodes is an exact canonical form
of a graph whose operands are ordered, so equal forms are equal graphs. Nodes that change a value in place pin the
order of the graph that they are in. One pass, linear in the size of the graph.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from retix.ir.effect import changes_in_place
from retix.ir.graph import Graph, Node, Value
from retix.ir.literal import literal_to_json
from retix.ir.op import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Function,
    If,
    LayerChoice,
    Loop,
    MemberOp,
    Module,
    Symbol,
    Tensor,
)

if TYPE_CHECKING:
    from retix.ir.model import Model


def digest_model(model: Model) -> str:
    """32 hexadecimal digits that are equal for models that compute the same graph."""
    done: dict[str, str] = {}

    def digest(name: str) -> str:
        if name not in done:
            form, children = _canonical_form(model.graphs[name], model)
            parts = [form, *(digest(child) for child in children)]
            done[name] = hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
        return done[name]

    return digest(model.root_name)


def _canonical_form(graph: Graph, model: Model) -> tuple[str, tuple[str, ...]]:
    """The graph's canonical text, in which other graphs are numbered, and those graphs in that order.

    A frozen graph keeps its form: forks share it.
    """
    if graph.canonical_form is None or not graph.frozen:
        owner = model.graphs.get(graph.region_of or "", graph)
        graph.canonical_form = _Form(graph, owner, model).write()
    return graph.canonical_form


class _Form:
    """The canonical form of one graph while it is being written."""

    def __init__(self, graph: Graph, owner: Graph, model: Model) -> None:
        self.graph = graph
        self.owner = owner
        self.model = model
        self.members: dict[str, int] = {}
        self.children: list[str] = []
        self.values: dict[Value, str] = {value: f"i{i}" for i, value in enumerate(graph.inputs)}

    def write(self) -> tuple[str, tuple[str, ...]]:
        lines = [f"{len(self.graph.inputs)}"]
        for number, node in enumerate(self._order()):
            lines.append(json.dumps([self._op(node), self._key(node.args), self._key(node.kwargs)]))
            for index, value in enumerate(node.outputs):
                self.values[value] = f"{number}.{index}"
        lines.append(json.dumps(self._key(self.graph.result.args)))
        return "\n".join(lines), tuple(self.children)

    def _order(self) -> Iterator[Node]:
        effects = [node for node in self.graph.nodes if changes_in_place(node, self.model)]
        live = walk_back([*effects, self.graph.result])
        if effects:
            alive = set(live)
            return (node for node in self.graph.nodes if node in alive)
        return (node for node in live if node is not self.graph.result)

    def _op(self, node: Node) -> Any:
        match node.op:
            case Call(target):
                return ["call", *self._member(target)]
            case Attribute(target):
                return ["attribute", *(self._member(target) if target in self.owner.members else [target])]
            case Function(name):
                return name
            case ChooseInputs(label, n_candidates, n_chosen, reduction):
                return ["choose", label, n_candidates, n_chosen, reduction]
            case If(then, otherwise):
                return ["if", self._child(then), self._child(otherwise)]
            case Loop(body, n_carried):
                return ["loop", self._child(body), n_carried]
        return "constant"

    def _member(self, target: str) -> list[Any]:
        # regions name the members of their owner, which numbers them by its own walk: the name has to stand for itself
        if self.owner is not self.graph:
            return [target, self._member_op(self.owner.members[target].op)]
        first = target not in self.members
        number = self.members.setdefault(target, len(self.members))
        return [number, self._member_op(self.owner.members[target].op)] if first else [number]

    def _member_op(self, op: MemberOp) -> Any:
        match op:
            case Module(type, args, kwargs):
                return [type, self._key(args), self._key(dict(kwargs))]
            case Cell(graph):
                return ["cell", self._child(graph)]
            case LayerChoice(label, candidates):
                return ["choice", label, [[name, self._member_op(m.op)] for name, m in candidates]]
            case Tensor(shape, dtype, init, kind, requires_grad):
                return [kind, list(shape), dtype, self._key(init), requires_grad]

    def _child(self, name: str) -> str:
        self.children.append(name)
        return f"graph {len(self.children)}"

    def _key(self, argument: Any) -> Any:
        if isinstance(argument, Value):
            return {"value": self.values[argument]}
        if isinstance(argument, Symbol):
            return {"symbol": argument.name}
        if isinstance(argument, Module):
            return {"module": self._member_op(argument)}
        if isinstance(argument, tuple):
            return {"tuple": [self._key(item) for item in argument]}
        if isinstance(argument, list):
            return [self._key(item) for item in argument]
        if isinstance(argument, dict):
            return {"dict": [[key, self._key(argument[key])] for key in sorted(argument, key=str)]}
        if isinstance(argument, slice):
            return {"slice": [self._key(p) for p in (argument.start, argument.stop, argument.step)]}
        return literal_to_json(argument)


def walk_back(roots: list[Node]) -> list[Node]:
    """The nodes that ``roots`` depend on, themselves included, each after what it takes its inputs from."""
    order: list[Node] = []
    seen: set[Node] = set()
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(root.predecessors))]
        while stack:
            node, rest = stack[-1]
            for producer in rest:
                if producer not in seen:
                    seen.add(producer)
                    stack.append((producer, iter(producer.predecessors)))
                    break
            else:
                stack.pop()
                order.append(node)
    return order
