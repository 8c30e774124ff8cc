"""The structural digest: one string per network, whatever things are called in it.

Each graph is walked from what it returns back to its inputs; nodes and members are numbered in the order in which that
walk first finishes with them, which depends on the wiring alone. The list of numbered nodes is an exact canonical form
of a graph whose operands are ordered, so equal forms are equal graphs. Branches are written where they are run, because
they use the members of the graph around them. Nodes with effects pin the order of the graph that they are in. One pass,
linear in the size of the graph; a graph that is shared with a fork is written once for all models that share it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir.effect import Effects
from retix.ir.graph import Graph
from retix.ir.literal import literal_to_json
from retix.ir.node import Node, Value, find_values
from retix.ir.op import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Constant,
    Function,
    If,
    LayerChoice,
    Loop,
    MemberOp,
    Module,
    Return,
    Tensor,
)

if TYPE_CHECKING:
    from retix.ir.model import Model


@dataclass(frozen=True, slots=True)
class CanonicalForm:
    """What a graph is, apart from the graphs that it calls.

    Attributes:
        digest: Of the canonical text, which says where other graphs are called, but not which.
        cells: Those graphs, in the order of their calls in the text.
        regions: The branches that the text holds.
        effects: Whether each of the graphs that it and its branches run has effects, which pin the order of nodes.
    """

    digest: bytes
    cells: tuple[str, ...]
    regions: tuple[Graph, ...]
    effects: tuple[bool, ...]


def digest_model(model: Model) -> str:
    """32 hexadecimal digits that are equal for models that compute the same graph.

    Raises:
        GraphError: A graph contains itself.
    """
    effects = Effects(model)
    done: dict[str, bytes] = {}
    open_graphs: set[str] = set()

    def digest(name: str) -> bytes:
        if name in done:
            return done[name]
        if name in open_graphs:
            raise GraphError(f"graph {name!r} contains itself", fix="call model.verify() after editing")
        open_graphs.add(name)
        form = _find_form(model.graphs[name], model, effects)
        done[name] = _hash(form.digest + b"".join(map(digest, form.cells))) if form.cells else form.digest
        return done[name]

    found = digest(model.root_name)
    if model.sources or model.ties:
        sources = sorted((key, source.code, *source.imports) for key, source in model.sources.items())
        found = _hash(found + json.dumps([sources, sorted(map(sorted, model.ties))]).encode())
    return found.hex()


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _find_form(graph: Graph, model: Model, effects: Effects) -> CanonicalForm:
    """The graph's canonical form; a frozen graph keeps it."""
    pinned = tuple(_pins(graph, model, effects)) if effects.summary(graph).calls else ()
    known = graph.canonical_form
    if (
        known is not None
        and known.effects == pinned
        and all(model.graphs.get(region.name) is region for region in known.regions)
    ):
        return known
    writer = _Writer(graph, model, effects)
    text = json.dumps(writer.write(graph))
    regions = tuple(writer.regions)
    form = CanonicalForm(_hash(text.encode()), tuple(writer.cells), regions, pinned)
    if graph.frozen and all(region.frozen for region in regions):
        graph.canonical_form = form
    return form


def _pins(graph: Graph, model: Model, effects: Effects) -> Iterator[bool]:
    """Whether each graph that ``graph`` and its branches run has effects."""
    for name in effects.summary(graph).calls:
        yield effects.of_graph(name)
        if model.graphs[name].region_of is not None:
            yield from _pins(model.graphs[name], model, effects)


class _Writer:
    """Writes the canonical form of one graph and its branches."""

    def __init__(self, owner: Graph, model: Model, effects: Effects) -> None:
        self.owner = owner
        self.model = model
        self.effects = effects
        self.members: dict[str, int] = {}
        self.cells: list[str] = []
        self.regions: list[Graph] = []
        self.values: dict[Value, Any] = {}

    def write(self, graph: Graph) -> Any:
        self.values.update((value, f"input {index}") for index, value in enumerate(graph.inputs))
        lines: list[Any] = [len(graph.inputs)]
        for number, node in enumerate(self._order(graph)):
            lines.append([self._op(node), self._key(node.args), self._key(node.kwargs)])
            for index, value in enumerate(node.outputs):
                self.values[value] = [number, index]
        return [*lines, self._key(graph.result.args)]

    def _order(self, graph: Graph) -> Iterable[Node]:
        if self.effects.has_effects(graph):
            live, pinned = self.effects.live_nodes(graph)
            if pinned:
                return [node for node in graph.nodes if node in live]
        return walk_back(graph.result)

    def _op(self, node: Node) -> Any:
        match node.op:
            case Call(target):
                return ["call", *self._member(target)]
            case Attribute(target):
                return ["attribute", *(self._member(target) if target in self.owner.members else [target])]
            case Function(name):
                return name
            case Constant():
                return ["constant"]
            case ChooseInputs(label, n_candidates, n_chosen, reduction):
                return ["choose", label, n_candidates, n_chosen, reduction]
            case If(then, otherwise):
                return ["if", self._region(then), self._region(otherwise)]
            case Loop(body, n_carried):
                return ["loop", self._region(body), n_carried]
            case Return():
                return ["return"]

    def _member(self, target: str) -> list[Any]:
        if target in self.members:
            return [self.members[target]]
        self.members[target] = len(self.members)
        return [self.members[target], self._member_op(self.owner.members[target].op)]

    def _member_op(self, op: MemberOp) -> Any:
        match op:
            case Module(type, args, kwargs):
                return [type, self._key(args), self._key(kwargs)]
            case Cell(graph):
                self.cells.append(graph)
                return ["cell"]
            case LayerChoice(label, candidates):
                return ["choice", label, [[name, self._member_op(m.op)] for name, m in candidates]]
            case Tensor(shape, dtype, init, kind, requires_grad):
                return [kind, list(shape), dtype, self._key(init), requires_grad]

    def _region(self, name: str) -> Any:
        region = self.model.graphs[name]
        self.regions.append(region)
        return self.write(region)

    def _key(self, argument: Any) -> Any:
        """The argument as JSON; tagged like `literal_to_json` does, so that no two kinds look the same."""
        if isinstance(argument, Value):
            return {"value": self.values[argument]}
        if argument is None or isinstance(argument, (int, str)):
            return argument
        if isinstance(argument, Module):
            return {"module": self._member_op(argument)}
        if isinstance(argument, tuple):
            return {"tuple": [self._key(item) for item in argument]}
        if isinstance(argument, list):
            return [self._key(item) for item in argument]
        if isinstance(argument, slice):
            return {"slice": [self._key(part) for part in (argument.start, argument.stop, argument.step)]}
        if hasattr(argument, "items"):
            return {"dict": [[key, self._key(argument[key])] for key in sorted(argument, key=str)]}
        return literal_to_json(argument)


def walk_back(root: Node) -> list[Node]:
    """The nodes that ``root`` depends on, each after what it takes its inputs from."""
    order: list[Node] = []
    seen = {root}
    stack = [(root, iter(_producers(root)))]
    while stack:
        for producer in stack[-1][1]:
            if producer not in seen:
                seen.add(producer)
                stack.append((producer, iter(_producers(producer))))
                break
        else:
            order.append(stack.pop()[0])
    return order[:-1]


def _producers(node: Node) -> list[Node]:
    """Where the inputs come from; the order in which keyword arguments were written does not count."""
    named = [node.kwargs[key] for key in sorted(node.kwargs)]
    return [value.producer for value in find_values([node.args, named]) if value.producer is not None]
