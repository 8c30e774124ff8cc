"""Edges: a view of values and their uses, for mutators that think in edges.

Nothing is stored: an edge says that a node takes a value, and where. The places where a node takes values, in order,
are its slots; values inside of lists, tuples and dicts count one by one. What is taken away leaves a `Missing` input,
so that it can be given anew; a model with one breaks the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from retix.errors import GraphError
from retix.ir.node import Node, Value
from retix.ir.op import ChooseInputs, Constant, Return, SelectInputs

if TYPE_CHECKING:
    from retix.ir.graph import Graph


class Missing:
    """An input that was taken away and not given anew."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<missing input>"


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Interface:
    """What the ends of a graph are to scripts that look at operations.

    Attributes:
        type: ``_inputs`` or ``_outputs``.
        io_names: The names of what goes in or out.
    """

    type: str
    io_names: list[str]

    @property
    def parameters(self) -> dict[str, Any]:
        """Empty."""
        return {}


@dataclass(frozen=True, slots=True)
class InputNode:
    """What the edges of a graph's inputs begin at; equal for the same graph.

    Attributes:
        graph: The graph.
    """

    graph: Graph

    name = "_inputs"
    type = "_inputs"
    label = None
    python_name = None
    predecessors: tuple[Node, ...] = ()

    @property
    def id(self) -> int:
        """A number that no node has."""
        return -1

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The inputs of the graph."""
        return tuple(self.graph.inputs)

    @property
    def operation(self) -> Interface:
        """The names of the inputs."""
        return Interface(self.type, [value.name for value in self.graph.inputs])

    @property
    def successors(self) -> tuple[Node, ...]:
        """The nodes that take an input, each once."""
        return tuple(dict.fromkeys(user for value in self.graph.inputs for user in value.uses))

    @property
    def incoming_edges(self) -> list[Edge]:
        """None."""
        return []

    @property
    def outgoing_edges(self) -> list[Edge]:
        """The edges that begin at an input."""
        return [edge for user in self.successors for edge in edges_into(user) if edge.head == self]

    @property
    def successor_slots(self) -> set[tuple[Node, int | None]]:
        """The nodes that take an input, each with the slot."""
        return {(edge.tail, edge.tail_slot) for edge in self.outgoing_edges}


Head: TypeAlias = Node | InputNode
EdgeEndpoint: TypeAlias = tuple[Head, int | None]
"""A node and a slot of it: which of its outputs, or which of its inputs; None where there is only one."""


@dataclass(frozen=True, slots=True, init=False)
class Edge:
    """One value that one node takes at one place.

    Args:
        head: The node that computes the value, or the inputs of the graph, and which of its outputs.
        tail: The node that takes it, and at which slot.

    Attributes:
        head: Where the value comes from.
        head_slot: Which output; None if there is one only.
        tail: Who takes it.
        tail_slot: At which of its slots, counted from 0; None for the only result of a graph.
    """

    head: Head
    head_slot: int | None
    tail: Node
    tail_slot: int | None

    def __init__(self, head: EdgeEndpoint, tail: tuple[Node, int | None], _internal: bool = False) -> None:
        for name, item in (("head", head[0]), ("head_slot", head[1]), ("tail", tail[0]), ("tail_slot", tail[1])):
            object.__setattr__(self, name, item)

    @property
    def graph(self) -> Graph:
        """The graph that both ends are part of."""
        return self.tail.graph

    @property
    def value(self) -> Value:
        """The value."""
        return value_at((self.head, self.head_slot))

    def remove(self) -> None:
        """Take the value away from its taker; see `Graph.del_edge`."""
        self.graph.del_edge(self)


def value_at(head: EdgeEndpoint) -> Value:
    """The value that edges from there carry.

    Raises:
        GraphError: There is no such output, or several of which none was named.
    """
    node, slot = head
    if slot is None and len(node.outputs) != 1:
        raise GraphError(f"node {node.name!r} has {len(node.outputs)} outputs", fix="say which: (node, 0)")
    try:
        return node.outputs[slot or 0]
    except IndexError:
        raise GraphError(f"node {node.name!r} has {len(node.outputs)} outputs, and no number {slot}") from None


def edges_into(node: Node) -> list[Edge]:
    """The edges that end at a node, in the order of its slots."""
    slots = find_slots(node)
    only = isinstance(node.op, Return) and len(slots) == 1
    return [
        Edge(_find_head(item), (node, None if only else number))
        for number, item in enumerate(slots)
        if isinstance(item, Value)
    ]


def _find_head(value: Value) -> EdgeEndpoint:
    if value.producer is None:
        return InputNode(value.graph), value.index
    return value.producer, value.index if len(value.producer.outputs) > 1 else None


def find_slots(node: Node) -> list[Value | Missing]:
    """What a node takes, and what is missing, place by place."""
    found: list[Value | Missing] = []

    def note(item: Value | Missing) -> Any:
        found.append(item)
        return item

    _map_slots((node.args, node.kwargs), note)
    return found


def give(node: Node, slot: int | None, value: Value) -> int:
    """Let a node take ``value`` at a slot, and say at which.

    Args:
        node: The node.
        slot: A slot that it has, the next one, or one further on, which leaves missing inputs before it; -1 for one
            that is missing, else the next; None likewise, and for the only slot.
        value: A value that is computed before the node.

    Raises:
        GraphError: It has several inputs, and none was named; or the value is not computed before.
    """
    slots = find_slots(node)
    if slot is None or slot == -1:
        slot = _find_free(node, slots, slot)
    if slot < len(slots):
        replaced = _replace_slot(node, slot, value)
    else:
        replaced = _append(node, [*[MISSING] * (slot - len(slots)), value])
    node.set_arguments(*replaced)
    return slot


def take_away(node: Node, slot: int) -> None:
    """Leave a missing input at a slot."""
    node.set_arguments(*_replace_slot(node, slot, MISSING))


def _find_free(node: Node, slots: Sequence[Value | Missing], slot: int | None) -> int:
    missing = [number for number, item in enumerate(slots) if item is MISSING]
    if missing:
        return missing[0]
    if slot is None and len(slots) > 1:
        raise GraphError(
            f"node {node.name!r} has {len(slots)} inputs", fix="say which the edge goes to: (node, 0); -1 adds one"
        )
    return len(slots) if slot == -1 else 0


def _replace_slot(node: Node, slot: int, by: Value | Missing) -> tuple[tuple[Any, ...], dict[str, Any]]:
    number = -1

    def choose(item: Value | Missing) -> Any:
        nonlocal number
        number += 1
        return by if number == slot else item

    args, kwargs = _map_slots((node.args, node.kwargs), choose)
    return args, kwargs


def _append(node: Node, items: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with more inputs behind them: in the list that a choice has, or in what is returned."""
    first = node.args[0] if node.args else None
    if isinstance(node.op, (ChooseInputs, SelectInputs, Constant)) and isinstance(first, (list, tuple)):
        return (type(first)([*first, *items]), *node.args[1:]), node.kwargs
    if isinstance(node.op, Return):
        known = [] if first is None else list(first) if isinstance(first, (list, tuple)) else [first]
        given = [*known, *items]
        return (given[0] if len(given) == 1 else tuple(given),), node.kwargs
    return (*node.args, *items), node.kwargs


def _map_slots(argument: Any, function: Callable[[Value | Missing], Any]) -> Any:
    if isinstance(argument, (Value, Missing)):
        return function(argument)
    if isinstance(argument, (list, tuple)):
        return type(argument)([_map_slots(item, function) for item in argument])
    if isinstance(argument, dict):
        return {key: _map_slots(item, function) for key, item in argument.items()}
    if isinstance(argument, slice):
        return slice(*(_map_slots(part, function) for part in (argument.start, argument.stop, argument.step)))
    return argument
