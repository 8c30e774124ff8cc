"""Where something is built into a graph, and the steps that edits of larger parts are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from retix.errors import GraphError
from retix.ir.graph import Graph
from retix.ir.node import Node, Value, find_values, map_values
from retix.ir.op import Attribute, Call, MemberOp, NodeOp, Operation
from retix.ir.surface import hoist


class Site:
    """The place where new nodes are put, for functions that build what replaces something.

    Args:
        graph: The graph.
        before: The node that new ones are put before.
    """

    def __init__(self, graph: Graph, before: Node) -> None:
        self.graph = graph
        self._before = before
        self.added: list[Node] = []

    def add(
        self, operation: MemberOp | NodeOp | str, *inputs: Any, name: str | None = None, **parameters: Any
    ) -> Value:
        """Add a node of one output, and return that.

        Args:
            operation: An op, or its type, such as ``torch.nn.ReLU`` or ``aten::add``.
            inputs: What it takes: values and literals.
            name: The wanted name; by default that of the type.
            parameters: With the type of a layer: what makes it; with that of an operator: its keyword arguments.
        """
        op = Operation.new(operation, parameters) if isinstance(operation, str) else operation
        wanted = name or op.type.rpartition("::")[2].rpartition(".")[2].lower()
        if isinstance(op, MemberOp):
            op = Call(self.graph.add_member(wanted, op))
            parameters = {}
        return self._add(op, inputs, parameters, wanted)

    def again(self, node: Node, *inputs: Any) -> Value:
        """Do what ``node`` does, by the same member and so with the same weights, to other inputs; keywords stay."""
        return self._add(node.op, inputs, node.kwargs, node.name)

    def _add(self, op: NodeOp, args: Iterable[Any], kwargs: Mapping[str, Any], name: str) -> Value:
        values = [value for value in find_values((tuple(args), dict(kwargs))) if value.producer is not None]
        for value in values:
            hoist(self.graph, value.producer, self._before)  # type: ignore[arg-type]  # the others were left out
        self.added.append(self.graph.add(op, args, kwargs, name=name, before=self._before))
        return self.added[-1].output


Build: TypeAlias = Callable[..., Any]
"""Builds a part of a graph: takes a `Site` and the values that go in, and returns one value or several."""


def build_at(site: Site, build: Build, inputs: Iterable[Value]) -> list[Any] | None:
    """What a function builds there; what it had added is gone again if it fails."""
    try:
        made = build(site, *inputs)
    except GraphError:
        take_out(site.added)
        raise
    return list(made) if isinstance(made, (list, tuple)) else None if made is None else [made]


def take_out(nodes: Iterable[Node]) -> None:
    """Remove nodes that only each other take, and members that were theirs alone."""
    for node in reversed(list(nodes)):
        graph = node.graph
        node.remove()
        if isinstance(node.op, (Call, Attribute)) and not calls_of(graph, node.op.target):
            graph.scope.members.pop(node.op.target, None)


def substitute(graph: Graph, old: Value, new: Value, but: Sequence[Node] = ()) -> None:
    """Let the users of ``old`` take ``new``, which is moved before them if it has to be."""
    for user in old.uses:
        if user in but or user is new.producer:
            continue
        if new.producer is not None:
            hoist(graph, new.producer, user)
        user.replace_input(old, new)


def check_types(old: Value, new: Value, user: Node) -> None:
    """Refuse ``new`` in place of ``old`` where shapes or dtypes are known and differ.

    Raises:
        GraphError: They do; the message names the node that takes the value.
    """
    for what, mine, theirs in (("shape", old.shape, new.shape), ("dtype", old.dtype, new.dtype)):
        if mine is not None and theirs is not None and mine != theirs:
            raise GraphError(
                f"node {user.name!r} takes {old!r} of {what} {mine}, and {new!r} is of {what} {theirs}",
                fix="put a layer between that makes the one of the other",
            )


def branches_of(graph: Graph) -> list[Graph]:
    """The branches of a graph that is part of a model, editable."""
    model = graph.find_model()
    if model is None:
        return []
    return [
        model.graph(name)
        for name in tuple(model.graphs)
        if dict.__getitem__(model.graphs, name).region_of == graph.name
    ]


def calls_of(graph: Graph, target: str) -> list[Node]:
    """The nodes that use a member, or a part of it."""
    scope = graph.scope
    parts = [scope, *branches_of(scope)]
    found = []
    for node in (node for part in parts for node in part.nodes):
        if isinstance(node.op, (Call, Attribute)):
            cell = scope.find_cell(node.op.target) if node.op.target != target else None
            if node.op.target == target or (cell is not None and cell[0] == target):
                found.append(node)
    return found


def copy_node(node: Node, graph: Graph, values: dict[Value, Any], op: NodeOp, *, before: Node | None = None) -> Node:
    """A node like one of another graph; ``values`` leads from there to here, and gets its outputs."""
    new = graph.add(
        op,
        map_values(node.args, values.__getitem__),
        map_values(node.kwargs, values.__getitem__),
        name=node.name,
        output_names=[value.name for value in node.outputs],
        before=before,
        location=node.location,
    )
    new._label = node._label
    for old, value in zip(node.outputs, new.outputs, strict=True):
        value.variable = old.variable
        value.take_type(old)
        values[old] = value
    return new


def insert(value: Value, build: Build) -> tuple[Node, ...]:
    """Put something behind a value: who took the value takes the result instead.

    Args:
        value: The value.
        build: Called with a `Site` and the value; returns a value.

    Returns:
        The new nodes.

    Raises:
        GraphError: It returned no value, or one of another known shape or dtype.
    """
    graph = value.graph
    users = value.uses
    first = next((node for node in [*graph.nodes, graph.result] if node in users), graph.result)
    site = Site(graph, first)
    try:
        results = build_at(site, build, [value]) or []
        (result,) = results
        for user in users:
            check_types(value, result, user)
    except (GraphError, ValueError) as error:
        take_out(site.added)
        if isinstance(error, GraphError):
            raise
        raise GraphError(f"what is put behind {value!r} has to be one value") from error
    for user in users:
        user.replace_input(value, result)
    model = graph.find_model()
    if model is not None:
        model.verify()
    return tuple(site.added)
