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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as encode_string
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir.effect import Effects, Outside
from retix.ir.graph import Graph
from retix.ir.literal import literal_to_json
from retix.ir.node import Node, Value
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
    NodeOp,
    SelectInputs,
    Tensor,
)
from retix.ir.order import sort_below

if TYPE_CHECKING:
    from retix.ir.model import Model

_WORDS = {None: "null", True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class CanonicalForm:
    """What a graph is, apart from the graphs that it calls.

    Attributes:
        digest: Of the canonical text, which says where other graphs are called, but not which.
        cells: Those graphs, in the order of their calls in the text.
        regions: The branches that the text holds.
        calls: The graphs that it and its branches run.
        around: How each of those looks from outside: effects pin the order of nodes, unused inputs count for nothing.
    """

    digest: bytes
    cells: tuple[str, ...]
    regions: tuple[Graph, ...]
    calls: tuple[str, ...]
    around: tuple[Outside, ...]

    def holds(self, model: Model, effects: Effects) -> bool:
        """Whether the graph would be written the same way as part of ``model``."""
        unchanged = all(model.graphs.get(region.name) is region for region in self.regions)
        return unchanged and self.around == tuple(map(effects.look_from_outside, self.calls))


def digest_model(model: Model) -> str:
    """32 hexadecimal digits that are equal for models that compute the same graph.

    Raises:
        GraphError: A graph contains itself.
    """
    effects = Effects(model)
    forms: dict[str, CanonicalForm] = {}

    def find_cells(name: str) -> tuple[str, ...]:
        forms[name] = _find_form(model.graphs[name], model, effects)
        return forms[name].cells

    done: dict[str, bytes] = {}
    for name in sort_below([model.root_name], find_cells):
        form = forms[name]
        for cell in form.cells:
            if cell not in done:
                raise _make_circular(cell)
        done[name] = _hash(form.digest + b"".join([done[cell] for cell in form.cells])) if form.cells else form.digest
    found = done[model.root_name]
    if model.sources or model.ties:
        sources = sorted((key, source.code, *source.imports) for key, source in model.sources.items())
        found = _hash(found + json.dumps([sources, sorted(map(sorted, model.ties))]).encode())
    return found.hex()


def _make_circular(name: str) -> GraphError:
    return GraphError(f"graph {name!r} contains itself", fix="call model.verify() after editing")


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _find_form(graph: Graph, model: Model, effects: Effects) -> CanonicalForm:
    """The graph's canonical form; a graph that cannot change any more keeps it."""
    known = graph.canonical_form
    if known is not None and known.holds(model, effects):
        return known
    writer = _Writer(graph, model, effects)
    text = writer.write(graph)
    regions = tuple(writer.regions)
    calls = tuple(dict.fromkeys(name for part in (graph, *regions) for name in effects.summary(part).calls))
    around = tuple(map(effects.look_from_outside, calls))
    form = CanonicalForm(_hash(text.encode()), tuple(writer.cells), regions, calls, around)
    if all(part.is_settled(model.graphs) for part in (graph, *regions)):
        graph.canonical_form = form
    return form


class _Writer:
    """Writes the canonical form of one graph and its branches, as JSON."""

    def __init__(self, owner: Graph, model: Model, effects: Effects) -> None:
        self.owner = owner
        self.model = model
        self.effects = effects
        self.members: dict[str, int] = {}
        self.cells: list[str] = []
        self.regions: list[Graph] = []
        self.values: dict[Value, str] = {}
        self._open: set[str] = set()

    def write(self, graph: Graph) -> str:
        for index, value in enumerate(graph.inputs):
            self.values[value] = f'{{"value": "input {index}"}}'
        lines = [str(len(graph.inputs))]
        drops = self.effects.drops_arguments(graph)
        for number, node in enumerate(self._order(graph)):
            args = self.effects.arguments_of(node) if drops else node.args
            lines.append(f"[{self._op(node.op)}, {self._key(args)}, {self._key(node.kwargs)}]")
            for index, value in enumerate(node.outputs):
                self.values[value] = f'{{"value": [{number}, {index}]}}'
        return f"[{', '.join(lines)}, {self._key(graph.result.args)}]"

    def _order(self, graph: Graph) -> Iterable[Node]:
        if self.effects.has_effects(graph):
            live, pinned = self.effects.live_nodes(graph)
            if pinned:
                return [node for node in graph.nodes if node in live]
        return walk_back(graph.result, self.effects if self.effects.drops_arguments(graph) else None)

    def _op(self, op: NodeOp) -> str:
        match op:
            case Call(target):
                return f'["call", {self._member(target)}]'
            case Function(name):
                return encode_string(name)
            case Attribute(target) if target in self.owner.members:
                return f'["attribute", {self._member(target)}]'
            case Attribute(target):
                return f'["attribute", {encode_string(target)}]'
            case ChooseInputs(label, n_candidates, n_chosen, reduction):
                return json.dumps(["choose", label, n_candidates, n_chosen, reduction])
            case SelectInputs(conditions, reduction):
                return f'["select", {self._key(conditions)}, {encode_string(reduction)}]'
            case If(then, otherwise):
                return f'["if", {self._region(then)}, {self._region(otherwise)}]'
            case Loop(body, n_carried):
                return f'["loop", {self._region(body)}, {n_carried}]'
            case Constant():
                return '["constant"]'
        return '["return"]'

    def _member(self, target: str) -> str:
        """The member's number and, the first time, what it is."""
        number = self.members.get(target)
        if number is not None:
            return str(number)
        self.members[target] = number = len(self.members)
        written = f"{number}, {self._member_op(self.owner.members[target].op)}"
        cell = self.owner.find_cell(target) if "." in target else None
        # what a cell has too is one with it by its name alone, so that name counts
        return f"{written}, [{self._member(cell[0])}, {encode_string(cell[1])}]" if cell is not None else written

    def _member_op(self, op: MemberOp) -> str:
        match op:
            case Module(type, args, kwargs):
                frozen = ', "frozen"' if op.frozen else ""
                return f"[{encode_string(type)}, {self._key(args)}, {self._key(kwargs)}{frozen}]"
            case Cell(graph):
                self.cells.append(graph)
                return '["cell"]'
            case LayerChoice(label, candidates):
                written = [f"[{encode_string(name)}, {self._member_op(member.op)}]" for name, member in candidates]
                return f'["choice", {encode_string(label)}, [{", ".join(written)}]]'
            case Tensor(shape, dtype, init, kind, requires_grad):
                sizes, trained = json.dumps(list(shape)), json.dumps(requires_grad)
                return f"[{encode_string(kind)}, {sizes}, {encode_string(dtype)}, {self._key(init)}, {trained}]"

    def _region(self, name: str) -> str:
        if name in self._open:
            raise _make_circular(name)
        region = self.model.graphs[name]
        self.regions.append(region)
        self._open.add(name)
        written = self.write(region)
        self._open.discard(name)
        return written

    def _key(self, argument: Any) -> str:
        """The argument as JSON; tagged like `literal_to_json` does, so that no two kinds look the same."""
        if isinstance(argument, Value):
            return self.values[argument]
        if argument is None or isinstance(argument, bool):
            return _WORDS[argument]
        if isinstance(argument, int):
            return int.__repr__(argument)
        if isinstance(argument, str):
            return encode_string(argument)
        if isinstance(argument, tuple):
            return f'{{"tuple": [{", ".join([self._key(item) for item in argument])}]}}'
        if isinstance(argument, list):
            return f"[{', '.join([self._key(item) for item in argument])}]"
        if isinstance(argument, Module):
            return f'{{"module": {self._member_op(argument)}}}'
        if isinstance(argument, slice):
            return f'{{"slice": [{", ".join([self._key(part) for part in _parts(argument)])}]}}'
        if hasattr(argument, "items"):
            written = [f"[{self._key(key)}, {self._key(item)}]" for key, item in _sort_items(argument)]
            return f'{{"dict": [{", ".join(written)}]}}'
        return json.dumps(literal_to_json(argument))


def _parts(argument: slice) -> tuple[Any, Any, Any]:
    return argument.start, argument.stop, argument.step


def _sort_items(argument: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """The items in an order that does not depend on how they were written."""
    if len(argument) < 2:
        return argument.items()
    return sorted(argument.items(), key=lambda item: (str(item[0]), type(item[0]).__name__))


def walk_back(root: Node, effects: Effects | None) -> list[Node]:
    """The nodes that ``root`` depends on, each after what it takes its inputs from.

    Args:
        root: A node.
        effects: What tells which arguments count; all of them by default.
    """
    return sort_below([root], lambda node: _find_producers(node, effects))[:-1]


def _find_producers(node: Node, effects: Effects | None) -> list[Node]:
    """Where the inputs come from; the order in which keyword arguments and dicts were written does not count."""
    found: list[Node] = []
    _collect_producers(effects.arguments_of(node) if effects is not None else node.args, found)
    _collect_producers(node.kwargs, found)
    return found


def _collect_producers(argument: Any, found: list[Node]) -> None:
    if isinstance(argument, Value):
        if argument.producer is not None:
            found.append(argument.producer)
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            _collect_producers(item, found)
    elif isinstance(argument, dict):
        for _, item in _sort_items(argument):
            _collect_producers(item, found)
    elif isinstance(argument, slice):
        _collect_producers(_parts(argument), found)
