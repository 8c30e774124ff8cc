"""A graph in the making, derived from another one node by node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retix.ir.graph import _GAP, Graph, _claim
from retix.ir.node import Location, Node, Value, find_values
from retix.ir.op import Member, NodeOp


class Draft:
    """An editable graph that takes over nodes of a source, in their order, and adds some.

    It checks nothing, for speed: whoever drafts verifies what comes out.

    Args:
        source: Gives the names, and the inputs.
        members: What the graph is made of; empty for a branch.
        owner: For a branch: the graph whose members it uses.

    Attributes:
        values: Leads from values of the source to what stands for them here.
    """

    __slots__ = ("_last", "_position", "graph", "values")

    def __init__(self, source: Graph, members: dict[str, Member], owner: Graph | None = None) -> None:
        graph = Graph(source.name, source.class_name, region_of=source.region_of, type=source.type)
        graph.members = members
        graph._owner = owner
        graph._member_counts = source._member_counts.copy()
        graph._node_names = source._node_names.copy()
        graph._value_names = source._value_names.copy()
        self.graph = graph
        self.values: dict[Value, Any] = {value: value._copy(graph, None) for value in source.inputs}
        graph.inputs = tuple(self.values.values())
        self._last: Node | None = None
        self._position = 0

    def take(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], values: Iterable[Value]) -> None:
        """Have a node of the source, with these arguments.

        Args:
            node: The node of the source.
            args: Its positional arguments here.
            kwargs: Its keyword arguments here.
            values: The values among them, each once.
        """
        graph = self.graph
        new = Node(graph, node.name, node.op, args, kwargs, node.location)
        self._append(new)
        outputs = node.outputs
        if len(outputs) == 1:
            value = outputs[0]
            made = value._copy(graph, new)
            new.outputs = (made,)
            self.values[value] = made
        else:
            new.outputs = tuple([value._copy(graph, new) for value in outputs])
            self.values.update(zip(outputs, new.outputs, strict=True))
        for value in values:
            value._uses[new] = None

    def insert(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Have a node of another graph, such as a branch that is written in place, under names that are free here."""
        graph = self.graph
        new = Node(graph, _claim(node.name, graph._node_names), node.op, args, kwargs, node.location)
        self._append(new)
        new.outputs = tuple([value._copy(graph, new) for value in node.outputs])
        for value in new.outputs:
            value.name = _claim(value.name, graph._value_names)
        self.values.update(zip(node.outputs, new.outputs, strict=True))
        for value in find_values((args, kwargs)):
            value._uses[new] = None

    def add(self, op: NodeOp, args: tuple[Any, ...], name: str, location: Location | None) -> Value:
        """Add a node of one value, and return that."""
        graph = self.graph
        new = Node(graph, _claim(name, graph._node_names), op, args, {}, location)
        self._append(new)
        made = Value(graph, _claim(name, graph._value_names), new, 0)
        new.outputs = (made,)
        for value in find_values(args):
            value._uses[new] = None
        return made

    def finish(self, result: tuple[Any, ...]) -> Graph:
        """The graph, returning ``result``."""
        end = self.graph._end
        end.args = result
        for value in find_values(result):
            value._uses[end] = None
        return self.graph

    def _append(self, node: Node) -> None:
        last, end = self._last, self.graph._end
        node._next = end
        node._previous = end._previous
        end._previous = node
        if last is None:
            self.graph._start = node
        else:
            last._next = node
            self._position += _GAP
        node._position = self._position
        self._last = node
