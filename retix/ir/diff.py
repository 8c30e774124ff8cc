"""What is different between two models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from retix.ir.digest import digest_model
from retix.ir.effect import Effects, graphs_run_by
from retix.ir.graph import Graph
from retix.ir.literal import format_literal
from retix.ir.matching import Matching, describe_arguments, describe_op
from retix.ir.node import Node, find_values
from retix.ir.op import Attribute, Call
from retix.ir.text import format_member, format_node

if TYPE_CHECKING:
    from retix.ir.model import Model


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is different about a node.

    Attributes:
        what: ``op`` (it does something else), ``setting`` (another argument of the layer, or another property of what
            it does), ``argument`` (another literal), ``input`` (another value), ``sharing`` (it has the layer or tensor
            in common with other nodes than before) or ``model`` (what belongs to no node).
        name: Which one: a keyword, or a position in brackets.
        before: How it was, as text; None if it was not there.
        after: How it is, as text; None if it is not there.
    """

    what: str
    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.name}: {_or_nothing(self.before)} -> {_or_nothing(self.after)}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A node that is different.

    Attributes:
        graph: The name of its graph.
        node: Its name: in the first model if it is there, otherwise in the second.
        type: What it does, as `Node.type` tells.
        text: The node in the printed form, with what it calls.
        parts: For a changed node: what is different.
    """

    graph: str
    node: str
    type: str
    text: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Diff:
    """What is different between two models; true if anything is, and readable as `str`.

    Attributes:
        added: Nodes that only the second has.
        removed: Nodes that only the first has.
        changed: Nodes of both that differ.
    """

    added: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()
    changed: tuple[Entry, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def to_json(self) -> dict[str, Any]:
        """The differences as JSON values."""
        return {
            "added": [_entry_to_json(entry) for entry in self.added],
            "removed": [_entry_to_json(entry) for entry in self.removed],
            "changed": [_entry_to_json(entry) for entry in self.changed],
        }

    def __str__(self) -> str:
        graphs = dict.fromkeys(entry.graph for entry in (*self.changed, *self.removed, *self.added))
        return "\n".join(line for graph in graphs for line in self._lines(graph))

    def _lines(self, graph: str) -> Iterator[str]:
        yield f"@@ {graph} @@"
        for entry in self.changed:
            if entry.graph == graph:
                yield f"  {entry.text}"
                yield from (f"!   {part}" for part in entry.parts)
        yield from (f"- {entry.text}" for entry in self.removed if entry.graph == graph)
        yield from (f"+ {entry.text}" for entry in self.added if entry.graph == graph)


def diff(before: Model, after: Model) -> Diff:
    """Which nodes were added, removed and changed from one model to another.

    Graphs are paired by name, their inputs by position, their nodes as `retix.ir.matching` says: exactly equal ones
    first, then by name, then by likeness. Dead nodes, names, shapes and the order of independent nodes do not count,
    as they do not count for the digest: the result is false if, and only if, both digests are equal. A graph under
    another name counts as removed and added again, unless the models are equal as a whole.
    """
    if digest_model(before) == digest_model(after):
        return Diff()
    for model in (before, after):
        model._attach_regions()
    found = _Finder(before, after)
    return Diff(tuple(found.added), tuple(found.removed), tuple(found.changed or found.find_rest()))


@dataclass(slots=True)
class _Finder:
    before: Model
    after: Model
    added: list[Entry] = field(default_factory=list)
    removed: list[Entry] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        left, right = _find_live(self.before), _find_live(self.after)
        for name, nodes in left.items():
            if name in right:
                self._compare(self.before.graphs[name], self.after.graphs[name], nodes, right[name])
            else:
                self.removed += [_enter(node) for node in nodes]
        self.added += [_enter(node) for name, nodes in right.items() if name not in left for node in nodes]

    def _compare(self, left: Graph, right: Graph, left_nodes: list[Node], right_nodes: list[Node]) -> None:
        matching = Matching(left, right, left_nodes, right_nodes)
        paired = set(matching.pairs.values())
        self.removed += [_enter(node) for node in left_nodes if node not in matching.pairs]
        self.added += [_enter(node) for node in right_nodes if node not in paired]
        self._compare_inputs(left, right)
        sharing = _find_sharing(matching)
        for mine, theirs in matching.pairs.items():
            parts = (*_find_parts(mine, theirs, matching), *sharing.get(mine, ()))
            if parts:
                self.changed.append(_enter(mine, parts))

    def _compare_inputs(self, left: Graph, right: Graph) -> None:
        for graph, other, found in ((left, right, self.removed), (right, left, self.added)):
            found += [
                Entry(graph.name, repr(value), "input", f"takes {value!r}")
                for value in graph.inputs[len(other.inputs) :]
            ]

    def find_rest(self) -> list[Entry]:
        """What the models differ in, if it is not in their nodes."""
        if self.added or self.removed:
            return []
        left, right = self.before, self.after
        parts = [
            Part("model", name, str(mine), str(theirs))
            for name, mine, theirs in (
                ("root", left.root_name, right.root_name),
                ("ties", sorted(map(sorted, left.ties)), sorted(map(sorted, right.ties))),
                ("sources", _name_sources(left), _name_sources(right)),
            )
            if mine != theirs
        ]
        parts = parts or [Part("model", "digest", digest_model(left), digest_model(right))]
        return [Entry(left.root_name, "", "model", "the model, or the order of what changes memory", tuple(parts))]


def _find_live(model: Model) -> dict[str, list[Node]]:
    """The nodes that count, of the graphs that are reached by them from the root."""
    effects = Effects(model)
    found: dict[str, list[Node]] = {}
    frontier = [model.root_name]
    while frontier:
        name = frontier.pop()
        if name in found:
            continue
        graph = model.graphs[name]
        live, _ = effects.live_nodes(graph)
        found[name] = [node for node in graph.nodes if node in live]
        frontier += reversed([called for node in found[name] for called in graphs_run_by(node.operation)])
    return found


def _find_parts(left: Node, right: Node, matching: Matching) -> Iterator[Part]:
    """How two nodes differ in what they do and in what they take."""
    mine, theirs = describe_op(left), describe_op(right)
    if mine["op"] != theirs["op"]:
        yield Part("op", "op", _show_op(left), _show_op(right))
    else:
        for name in dict.fromkeys((*mine, *theirs)):
            if mine.get(name) != theirs.get(name):
                yield Part("setting", name, mine.get(name), theirs.get(name))
    given = [describe_arguments(node.args, node.kwargs, matching.describe) for node in (left, right)]
    shown = [describe_arguments(node.args, node.kwargs, format_literal) for node in (left, right)]
    values = [
        describe_arguments(node.args, node.kwargs, lambda item: "input" if any(find_values(item)) else "argument")
        for node in (left, right)
    ]
    for name in dict.fromkeys((*given[0], *given[1])):
        if given[0].get(name) != given[1].get(name):
            what = "input" if "input" in (values[0].get(name), values[1].get(name)) else "argument"
            yield Part(what, name, shown[0].get(name), shown[1].get(name))
    if len(left.outputs) != len(right.outputs):
        yield Part("setting", "outputs", str(len(left.outputs)), str(len(right.outputs)))


def _find_sharing(matching: Matching) -> dict[Node, list[Part]]:
    """Pairs of nodes of which one has its member in common with other nodes than its counterpart."""
    users: tuple[dict[str, dict[Node, str]], dict[str, dict[Node, str]]] = ({}, {})
    for pair in matching.pairs.items():
        for side, node in zip(users, pair, strict=True):
            if isinstance(node.op, (Call, Attribute)):
                side.setdefault(node.op.target, {})[pair[0]] = node.name
    found: dict[Node, list[Part]] = {}
    for left, right in matching.pairs.items():
        if isinstance(left.op, (Call, Attribute)) and isinstance(right.op, (Call, Attribute)):
            mine, theirs = users[0][left.op.target], users[1][right.op.target]
            if mine.keys() != theirs.keys():
                found[left] = [Part("sharing", "users", ", ".join(mine.values()), ", ".join(theirs.values()))]
    return found


def _show_op(node: Node) -> str:
    member = node.member
    return format_member(member.op) if member is not None else node.type


def _enter(node: Node, parts: tuple[Part, ...] = ()) -> Entry:
    member = node.member
    text = format_node(node) + (f"  # {format_member(member.op)}" if member is not None else "")
    return Entry(node.graph.name, node.name, node.type, text, parts)


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    data = asdict(entry)
    data["parts"] = list(data["parts"])
    return data


def _name_sources(model: Model) -> list[tuple[str, str]]:
    return sorted((key, source.code) for key, source in model.sources.items())


def _or_nothing(text: str | None) -> str:
    return "nothing" if text is None else text
