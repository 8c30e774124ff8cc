"""Values and nodes: what a graph computes, and its steps."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir.op import (
    Call,
    Cell,
    ChooseInputs,
    LayerChoice,
    Member,
    MemberOp,
    Module,
    NodeOp,
    Operation,
    Return,
    SelectInputs,
)

if TYPE_CHECKING:
    from retix.ir.edge import Edge
    from retix.ir.graph import Graph

_PLACEHOLDER = "retix.nn.pytorch.Placeholder"
_CHOSEN = "retix.nn.pytorch.ChosenInputs"


@dataclass(frozen=True, slots=True)
class Location:
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Value:
    """What a node computes, or an input of the graph.

    Attributes:
        name: Unique within the graph.
        variable: The user's name for it, or None if they gave it none.
        producer: The node that computes it, or None for an input.
        index: Which output of its producer, or which input of the graph.
        shape: Its sizes as seen when the base model was traced, batch included; None for what is no tensor and where
            nothing was traced. An edit does not update it, here or further on: see `retix.profile.infer_shapes`.
        dtype: Such as ``torch.float32``; known where ``shape`` is, and as little updated.
        default: Of an input that nothing takes, and that was no tensor when the base model was traced: what was given.
            ``...`` where there is none.
    """

    __slots__ = ("_uses", "default", "dtype", "graph", "index", "name", "producer", "shape", "variable")

    def __init__(self, graph: Graph, name: str, producer: Node | None, index: int) -> None:
        self.graph = graph
        self.name = name
        self.producer = producer
        self.index = index
        self.variable: str | None = None
        self.shape: tuple[int, ...] | None = None
        self.dtype: str | None = None
        self.default: Any = ...
        self._uses: dict[Node, None] = {}

    @property
    def uses(self) -> tuple[Node, ...]:
        """The nodes that take this value, each once."""
        return tuple(self._uses)

    @property
    def is_used(self) -> bool:
        """Whether any node takes this value."""
        return bool(self._uses)

    def replace_by(self, other: Value) -> None:
        """Let every node that takes this value, but for the one that computes ``other``, take ``other`` instead.

        Raises:
            GraphError: ``other`` belongs to another graph, or is computed after one of the uses; nothing is changed.
        """
        self.graph._check_editable()
        users = [node for node in self._uses if node is not other.producer]
        for node in users or [self.graph.result]:
            self.graph._check_visible([other], node, node.name)
        for node in users:
            node.replace_input(self, other)

    def take_type(self, other: Value) -> None:
        """Have the shape and dtype of ``other``, which is the same tensor elsewhere."""
        self.shape, self.dtype = other.shape, other.dtype

    def _copy(self, graph: Graph, producer: Node | None) -> Value:
        copied = Value(graph, self.name, producer, self.index)
        copied.variable = self.variable
        copied.shape, copied.dtype, copied.default = self.shape, self.dtype, self.default
        return copied

    def __repr__(self) -> str:
        return f"%{self.name}"


class Node:
    """One step of a graph.

    Attributes:
        graph: The graph that it is part of.
        name: Unique within the graph.
        op: What it does.
        args: Positional arguments: literals and values; replaced by `set_arguments`, never changed in place.
        kwargs: Keyword arguments; see ``args``.
        outputs: The values it computes.
        location: The line of the user's code it stands for.
    """

    __slots__ = (
        "_label",
        "_next",
        "_position",
        "_previous",
        "args",
        "graph",
        "kwargs",
        "location",
        "name",
        "op",
        "outputs",
    )

    def __init__(
        self,
        graph: Graph,
        name: str,
        op: NodeOp,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        location: Location | None,
    ) -> None:
        self.graph = graph
        self.name = name
        self.op = op
        self.args = args
        self.kwargs = kwargs
        self.outputs: tuple[Value, ...] = ()
        self.location = location
        self._label: str | None = None
        self._previous: Node | None = None
        self._next: Node | None = None
        self._position = 0

    @property
    def output(self) -> Value:
        """The only value it computes.

        Raises:
            GraphError: It computes several, or none.
        """
        if len(self.outputs) != 1:
            raise GraphError(f"node {self.name!r} has {len(self.outputs)} outputs, not one", fix="use node.outputs")
        return self.outputs[0]

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The values among its arguments, each once, in order."""
        return tuple(dict.fromkeys(find_values((self.args, self.kwargs))))

    @property
    def member(self) -> Member | None:
        """The member that it calls, or None."""
        return self.graph.scope.members.get(self.op.target) if isinstance(self.op, Call) else None

    @property
    def operation(self) -> MemberOp | NodeOp:
        """What it does: the called member's op, or its own.

        Where shapes are known, the ``attributes`` of a member's op tell ``input_shape`` and ``output_shape``, a list of
        sizes for each tensor.
        """
        op = self._operation
        if not isinstance(op, (Module, Cell, LayerChoice)):
            return op
        shapes = {"input_shape": _find_shapes(self.inputs), "output_shape": _find_shapes(self.outputs)}
        known = {name: found for name, found in shapes.items() if found}
        return replace(op, attributes=known) if known else op

    @property
    def _operation(self) -> MemberOp | NodeOp:
        member = self.member
        return member.op if member is not None else self.op

    @property
    def type(self) -> str:
        """The class of the leaf that it calls, the operator's name, or its kind in lower case."""
        op = self._operation
        if isinstance(op, Module):
            return op.type
        return str(getattr(op, "name", type(op).__name__.lower()))

    @property
    def label(self) -> str | None:
        """The label of the choice or placeholder that it stands for; else what `update_label` noted, if anything."""
        op = self._operation
        if isinstance(op, Module) and op.type == _PLACEHOLDER:
            found = op.args[0] if op.args else op.kwargs.get("label")
            return found if isinstance(found, str) else self._label
        return getattr(op, "label", self._label)

    def update_label(self, label: str | None) -> None:
        """Give a choice another label, or note one on any other node.

        A note is a mark for mutators: it is written, copied, and found by ``get_nodes_by_label``; the digest does not
        depend on it.

        Raises:
            GraphError: A choice would be without a label.
        """
        self._check_editable()
        op = self.operation
        if not isinstance(op, (LayerChoice, ChooseInputs)):
            self._label = label
        elif label is None:
            raise GraphError(f"node {self.name!r} is the choice {op.label!r}, which needs a label")
        else:
            self.update_operation(replace(op, label=label))

    @property
    def id(self) -> int:
        """A number that is the same for this node in every fork of the model."""
        return zlib.crc32(f"{self.graph.name}/{self.name}".encode())

    @property
    def python_name(self) -> str | None:
        """The path in the base model of what it calls, such as ``blocks.0.conv``; None if it has none there."""
        member = self.member
        if member is None or member.origin is None:
            return None
        return join_path(self.graph.scope.path, member.origin)

    @property
    def cell(self) -> Graph:
        """The graph that it is a call of, editable.

        Raises:
            GraphError: It calls no cell, or its graph is part of no model.
        """
        op = self.operation
        if not isinstance(op, Cell):
            raise GraphError(f"node {self.name!r} calls no cell, but {self.type}")
        return self.graph.model.graph(op.graph)

    def specialize_cell(self) -> Graph:
        """Let it call a graph of its own, a copy of the one that it calls now, and return that.

        Weights stay those of the base model; other callers are not touched.
        """
        self._check_editable()
        copied = self.graph.model.duplicate_graph(self.cell.name)
        member = self.member
        assert isinstance(self.op, Call), "only a call has a cell"
        assert member is not None, "and calls a member"
        users = [node for node in self.graph.model.callers_of(self.graph, self.op.target) if node is not self]
        if users:
            self.op = Call(self.graph.add_member(self.op.target, Cell(copied.name), member.origin))
        else:
            self.update_operation(Cell(copied.name))
        return copied

    @property
    def incoming_edges(self) -> list[Edge]:
        """The edges that end here, in the order of their slots."""
        return self.graph.edges_into(self)

    @property
    def outgoing_edges(self) -> list[Edge]:
        """The edges that begin here."""
        return [edge for user in self.successors for edge in self.graph.edges_into(user) if edge.head is self]

    @property
    def successor_slots(self) -> set[tuple[Node, int | None]]:
        """The nodes that take its values, each with the slot."""
        return {(edge.tail, edge.tail_slot) for edge in self.outgoing_edges}

    @property
    def predecessors(self) -> tuple[Node, ...]:
        """The nodes whose values it takes, each once."""
        return tuple(dict.fromkeys(v.producer for v in self.inputs if v.producer is not None))

    @property
    def successors(self) -> tuple[Node, ...]:
        """The nodes that take its values, each once."""
        return tuple(dict.fromkeys(user for value in self.outputs for user in value.uses))

    def set_arguments(self, args: Iterable[Any], kwargs: Mapping[str, Any] | None = None) -> None:
        """Replace all arguments.

        Raises:
            GraphError: One is a value of another graph, or computed later; or the node was removed.
        """
        new_args, new_kwargs = tuple(args), dict(kwargs or {})
        values = dict.fromkeys(find_values((new_args, new_kwargs)))
        self._check_editable()
        self.graph._check_visible(values, self, self.name)
        for value in self.inputs:
            value._uses.pop(self, None)
        for value in values:
            value._uses[self] = None
        self.args, self.kwargs = new_args, new_kwargs

    def replace_input(self, old: Value, new: Value) -> None:
        """Take ``new`` wherever ``old`` is among the arguments."""
        args, kwargs = map_values((self.args, self.kwargs), lambda v: new if v is old else v)
        self.set_arguments(args, kwargs)

    def update_operation(self, operation: MemberOp | NodeOp | str, parameters: Mapping[str, Any] | None = None) -> None:
        """Change what the node does, keeping its inputs and outputs.

        Args:
            operation: An op; or its type as a string, such as ``torch.nn.Conv2d``; see `Operation.new`. A node that
                calls a member gets a new member op; every node that calls the same member changes with it. An input
                choice may become ``retix.nn.pytorch.ChosenInputs`` of ``chosen`` and ``reduction``.
            parameters: With a name: the keyword arguments that make the module.

        Raises:
            GraphError: The node calls no member, and a member op was given; or it calls one that does not exist.
        """
        self._check_editable()
        op = Operation.new(operation, parameters) if isinstance(operation, str) else operation
        if isinstance(self.op, ChooseInputs) and isinstance(op, Module) and op.type == _CHOSEN:
            op = _choose(self.op, op.parameters)
        if isinstance(op, MemberOp):
            member = self.member
            if not isinstance(self.op, Call) or member is None:
                raise GraphError(
                    f"node {self.name!r} calls no module, so it cannot become {op!r}",
                    fix="add a node with graph.add_module and let it replace this one",
                )
            self.graph.scope.members[self.op.target] = Member(op, member.origin)
            return
        if isinstance(op, Return) != isinstance(self.op, Return):
            raise GraphError(f"node {self.name!r} cannot become {op!r}", why="a graph returns once, at its end")
        self.graph._check_target(op, self.name)
        self.op = op

    def remove(self) -> None:
        """Take the node out of its graph.

        Raises:
            GraphError: Another node takes one of its values, it is the graph's return, or it was removed before.
        """
        self._check_editable()
        if isinstance(self.op, Return):
            raise GraphError(f"the return of graph {self.graph.name!r} cannot be removed")
        for value in self.outputs:
            if value._uses:
                user = next(iter(value._uses))
                raise GraphError(
                    f"node {self.name!r} cannot be removed: {user.name!r} takes its value {value!r}",
                    fix="let the users take another value first: value.replace_by(other)",
                )
        for value in self.inputs:
            value._uses.pop(self, None)
        self.graph._unlink(self)

    def _take_arguments(self, node: Node, values: Mapping[Value, Value]) -> None:
        """Have the arguments of ``node``, of which this is a copy in another graph; ``values`` leads there."""

        def take(value: Value) -> Value:
            found = values[value]
            found._uses[self] = None
            return found

        self.args = map_values(node.args, take)
        self.kwargs = map_values(node.kwargs, take) if node.kwargs else {}

    def _check_editable(self) -> None:
        self.graph._check_editable()
        self.graph._check_present(self)

    def __repr__(self) -> str:
        return f"<node {self.name} of {self.graph.name}: {self.type}>"


def _find_shapes(values: Iterable[Value]) -> list[list[int]]:
    return [list(value.shape) for value in values if value.shape is not None]


def _choose(op: ChooseInputs, parameters: Mapping[str, Any]) -> SelectInputs:
    """An input choice whose inputs are chosen."""
    chosen = parameters.get("chosen", ())
    taken = [chosen] if isinstance(chosen, int) else list(chosen or ())
    conditions = tuple(index in taken for index in range(op.n_candidates))
    return SelectInputs(conditions, str(parameters.get("reduction", op.reduction)))


def join_path(path: str, rest: str) -> str:
    """A dotted path, either part of which may be empty."""
    return f"{path}.{rest}" if path and rest else path or rest


def find_values(argument: Any) -> Iterator[Value]:
    """Yield the values in ``argument``, also inside lists, tuples, dicts and slices, in order."""
    found: list[Value] = []
    _collect_values(argument, found)
    return iter(found)


def _collect_values(argument: Any, found: list[Value]) -> None:
    if isinstance(argument, Value):
        found.append(argument)
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            _collect_values(item, found)
    elif isinstance(argument, dict):
        for item in argument.values():
            _collect_values(item, found)
    elif isinstance(argument, slice):
        _collect_values((argument.start, argument.stop, argument.step), found)


def map_values(argument: Any, function: Callable[[Value], Any]) -> Any:
    """``argument`` with every value in it, also inside lists, tuples, dicts and slices, replaced."""
    if isinstance(argument, Value):
        return function(argument)
    if isinstance(argument, tuple):
        return tuple([map_values(item, function) for item in argument])
    if isinstance(argument, list):
        return [map_values(item, function) for item in argument]
    if isinstance(argument, dict):
        return {key: map_values(item, function) for key, item in argument.items()}
    if isinstance(argument, slice):
        parts = (argument.start, argument.stop, argument.step)
        return slice(*(map_values(part, function) for part in parts))
    return argument
