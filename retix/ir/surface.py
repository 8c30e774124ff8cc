"""What NNI's scripts call on graphs: looking up nodes, and editing by edges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from retix.errors import GraphError
from retix.ir.edge import Edge, EdgeEndpoint, InputNode, edges_into, find_slots, give, take_away, value_at
from retix.ir.node import Node, Value
from retix.ir.op import Call, Cell, Constant, MemberOp, NodeOp, Operation
from retix.ir.type_name import is_type

if TYPE_CHECKING:
    from retix.ir.graph import Graph
    from retix.ir.model import Model

_PLAIN = re.compile(r"\W")


def find_plain_name(name: str) -> str:
    """What a node is called that was to be called ``name``, which may be no identifier."""
    return _PLAIN.sub("_", name)


class Nodes(Sequence[Node]):
    """The nodes of a graph in order, walked when they are asked for.

    It is the order in which they run, kept up by every edit, so that walking it takes linear time and no sorting. A
    walk survives edits of the nodes that it has passed.
    """

    __slots__ = ("_graph",)

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __iter__(self) -> Iterator[Node]:
        end = self._graph.result
        node: Node | None = self._graph._start
        while node is not None and node is not end:
            following = node._next
            yield node
            node = following

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, index: int) -> Node: ...
    @overload
    def __getitem__(self, index: slice) -> list[Node]: ...

    def __getitem__(self, index: int | slice) -> Node | list[Node]:
        return list(self)[index]

    def __contains__(self, node: object) -> bool:
        return any(item is node for item in self)

    def __repr__(self) -> str:
        return repr(list(self))


class GraphSurface:
    """Look-ups and edits of one graph; part of `Graph`."""

    __slots__ = ()

    if TYPE_CHECKING:
        # what `Graph` itself has
        name: str
        inputs: Sequence[Value]

        @property
        def result(self) -> Node: ...

        @property
        def nodes(self) -> Nodes: ...

        @property
        def model(self) -> Model: ...

    # -- looking up ---------------------------------------------------------------------------------------------

    @property
    def hidden_nodes(self) -> list[Node]:
        """All nodes but the ends."""
        return list(self.nodes)

    @property
    def input_node(self) -> InputNode:
        """Where the edges of the inputs begin."""
        return InputNode(self._self)

    @property
    def output_node(self) -> Node:
        """The node that returns; the same as ``result``."""
        return self.result

    @property
    def edges(self) -> list[Edge]:
        """Which node takes which value, as it is now; in the order of the takers."""
        return [edge for node in [*self.nodes, self.result] for edge in edges_into(node)]

    def edges_into(self, node: Node) -> list[Edge]:
        """The edges that end at a node, in the order of its slots."""
        return edges_into(node)

    def get_node_by_name(self, name: str) -> Node | None:
        """The node of that name, or None; NNI's ``_outputs`` is the one that returns."""
        if name == "_outputs":
            return self.result
        plain = find_plain_name(name)
        return next((node for node in self.nodes if node.name in (name, plain)), None)

    def get_nodes_by_name(self, name: str) -> list[Node]:
        """The nodes of that name: at most one."""
        found = self.get_node_by_name(name)
        return [found] if found is not None else []

    def get_node_by_id(self, node_id: int) -> Node | None:
        """The node with that `Node.id`, or None."""
        return next((node for node in [*self.nodes, self.result] if node.id == node_id), None)

    def get_node_by_python_name(self, python_name: str) -> Node | None:
        """The first node that calls the module of that path in the base model, or None."""
        return next(iter(self.get_nodes_by_python_name(python_name)), None)

    def get_nodes_by_python_name(self, python_name: str) -> list[Node]:
        """The nodes that call the module of that path in the base model."""
        return [node for node in self.nodes if node.python_name == python_name]

    def get_nodes_by_type(self, operation_type: str) -> list[Node]:
        """The nodes of a type, however it is written; see `find_canonical_type`."""
        return [node for node in self.nodes if is_of_type(node, operation_type)]

    def get_nodes_by_label(self, label: str) -> list[Node]:
        """The nodes of that label."""
        return [node for node in self.nodes if node.label == label]

    def topo_sort(self) -> list[Node | InputNode]:
        """The ends and all nodes between, each behind those whose values it takes."""
        return [self.input_node, *self.nodes, self.result]

    def fork(self) -> Graph:
        """The graph of this name in a new fork of its model."""
        return self.model.fork().graph(self.name)

    # -- editing ------------------------------------------------------------------------------------------------

    def add_node(
        self, name: str, operation_or_type: MemberOp | NodeOp | str, parameters: Mapping[str, Any] | None = None
    ) -> Node:
        """Add a node that takes nothing yet, at the end; `add_edge` gives it inputs and users.

        Args:
            name: The wanted name of the node, and of the member that it calls.
            operation_or_type: An op, or its type as a string; see `Operation.new`.
            parameters: With a type: what makes it.
        """
        op = operation_or_type
        if isinstance(op, str):
            op = Operation.new(op, parameters, name)
        graph = self._self
        if isinstance(op, MemberOp):
            return graph.add(Call(graph.add_member(name, op)), name=name)
        given = [(parameters or {}).get("value")] if isinstance(op, Constant) else []
        return graph.add(op, given, name=name)

    def insert_node_on_edge(
        self,
        edge: Edge,
        name: str,
        operation_or_type: MemberOp | NodeOp | str,
        parameters: Mapping[str, Any] | None = None,
    ) -> Node:
        """Put a node between the ends of an edge; other takers of the same value keep it.

        Raises:
            GraphError: The edge is not there (any more).
        """
        slot = self._find_slot(edge)
        if slot is None:
            raise GraphError(f"graph {self.name!r} has no edge from {edge.head.name!r} to {edge.tail.name!r}")
        value, node = edge.value, self.add_node(name, operation_or_type, parameters)
        give(node, -1, value)
        hoist(self._self, node, edge.tail)
        give(edge.tail, slot, node.output)
        return node

    def add_edge(self, head: EdgeEndpoint, tail: tuple[Node, int | None]) -> Edge:
        """Let the tail take the value of the head.

        Nodes are moved before the tail if they have to be. An edge that ended at the same slot is gone.

        Args:
            head: A node, or `input_node`, and which of its outputs; None for the only one.
            tail: A node and a slot: one that it has, or the next; -1 for one more; None for the only one.

        Raises:
            GraphError: The ends are not in this graph, the head depends on the tail, or a slot has to be named.
        """
        value, taker = value_at(head), tail[0]
        for end in (head[0], taker):
            if end.graph is not self:
                raise GraphError(f"node {end.name!r} is not part of this graph {self.name!r}")
        if value.producer is not None:
            hoist(self._self, value.producer, taker)
        slot = give(taker, tail[1], value)
        only = taker is self.result and len(find_slots(taker)) == 1
        return Edge(head, (taker, None if only else slot))

    def del_edge(self, edge: Edge) -> None:
        """Take the value away from its taker, which has to be given another one before the model is verified.

        Nothing happens if another edge ends at the slot by now.
        """
        slot = self._find_slot(edge)
        if slot is not None:
            take_away(edge.tail, slot)

    def _find_slot(self, edge: Edge) -> int | None:
        """Where the tail takes the edge's value; None if it does not."""
        slots = find_slots(edge.tail)
        value = edge.value
        fitting = [number for number, item in enumerate(slots) if item is value]
        if edge.tail_slot is None or edge.tail_slot == -1:
            return fitting[0] if fitting else None
        return edge.tail_slot if edge.tail_slot in fitting else None

    @property
    def _self(self) -> Graph:
        return self  # type: ignore[return-value]  # the only class that this is part of


def hoist(graph: Graph, node: Node, before: Node) -> None:
    """Move a node, and what it depends on, before another as far as they are not there.

    Raises:
        GraphError: It depends on the other.
    """
    graph._check_editable()
    moved: dict[Node, None] = {}
    frontier = [node]
    while frontier:
        item = frontier.pop()
        if item is before:
            raise GraphError(
                f"node {before.name!r} cannot take a value of {node.name!r}, which depends on it",
                why="a graph has no circles",
            )
        if not graph.is_before(item, before) and item not in moved:
            moved[item] = None
            frontier += item.predecessors
    for item in [item for item in graph.nodes if item in moved]:
        graph._unlink(item)
        graph._link(item, before)


def is_of_type(node: Node, wanted: str, graphs: Mapping[str, Graph] | None = None) -> bool:
    """Whether a node is of a type, however written; a call of a cell also is of the class that the cell stands for."""
    if is_type(wanted, node.type) or wanted == node.operation.type:
        return True
    op = node.operation
    if not isinstance(op, Cell) or graphs is None or op.graph not in graphs:
        return False
    cell = graphs[op.graph]
    return wanted.rpartition(".")[2] == cell.class_name or (cell.type is not None and is_type(wanted, cell.type))
