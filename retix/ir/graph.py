"""Graphs: one ``forward`` each, and the members it uses."""

from __future__ import annotations

import keyword
import re
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir.members import FrozenMembers
from retix.ir.node import Location, Node, Value, find_values
from retix.ir.op import Attribute, Call, Cell, If, LayerChoice, Loop, Member, MemberOp, Module, NodeOp, Return, Tensor
from retix.ir.surface import GraphSurface, Nodes

if TYPE_CHECKING:
    from retix.ir.digest import CanonicalForm
    from retix.ir.effect import Effect, Usage
    from retix.ir.model import Model
    from retix.ir.verify import Check

_GAP = 1 << 62
"""Between the positions of neighbours: a node is put between two others without numbering the rest anew."""


class Graph(GraphSurface):
    """One ``forward``: inputs, nodes in order, and the members that they use.

    Attributes:
        name: The key in `Model.graphs`: the path of the module that it stands for.
        class_name: The name of the user's class.
        members: The parts of the module by name; a dotted name is a path through ``ModuleList`` and the like.
        inputs: What ``forward`` takes.
        region_of: For a branch of `If` or `Loop`: the graph whose members it uses; it has none of its own.
        type: The importable name of a container such as ``torch.nn.Sequential`` that the graph may be written as.
        frozen: Shared with a fork; edits are refused.
        canonical_form: What `retix.ir.digest` found, kept once the graph `is_settled`.
        effect: What `retix.ir.effect` found, likewise.
        usage: What it found about the inputs, likewise.
        is_open: What `retix.ir.choice` found, likewise.
        check: What `retix.ir.verify` looked at outside of the graph when it found nothing wrong, likewise.
        outline: What `retix.codegen` found, likewise.
    """

    __slots__ = (
        "_branches",
        "_end",
        "_member_counts",
        "_model",
        "_node_names",
        "_owner",
        "_start",
        "_value_names",
        "canonical_form",
        "check",
        "class_name",
        "effect",
        "frozen",
        "inputs",
        "is_open",
        "members",
        "name",
        "outline",
        "region_of",
        "type",
        "usage",
    )

    def __init__(self, name: str, class_name: str, *, region_of: str | None = None, type: str | None = None) -> None:
        self.name = name
        self.class_name = class_name
        self.members: dict[str, Member] = {}
        self.inputs: Sequence[Value] = ()
        self.region_of = region_of
        self.type = type
        self.frozen = False
        self.canonical_form: CanonicalForm | None = None
        self.effect: Effect | None = None
        self.usage: Usage | None = None
        self.is_open: bool | None = None
        self.check: Check | None = None
        self.outline: object = None
        self._branches: tuple[str, ...] | None = None
        self._owner: Graph | None = None
        self._model: weakref.ref[Model] | None = None
        self._member_counts: dict[str, int] = {}
        self._node_names: dict[str, int] = {}
        self._value_names: dict[str, int] = {}
        self._end = Node(self, "return", Return(), (None,), {}, None)
        self._start: Node = self._end

    # -- reading ------------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> Nodes:
        """The nodes without the return, in a topological order: each behind those whose values it takes."""
        return Nodes(self)

    @property
    def model(self) -> Model:
        """The model that the graph is part of.

        Raises:
            GraphError: It is shared by several, or was not taken from one.
        """
        found = self.find_model()
        if found is None:
            raise GraphError(
                f"graph {self.name!r} is part of no one model",
                why="it is shared between forks, or was not taken from a model",
                fix="take it from the model: model.graph(name)",
            )
        return found

    def find_model(self) -> Model | None:
        """The model that the graph is part of, or None; see `model`."""
        return self._model() if self._model is not None and not self.frozen else None

    @property
    def path(self) -> str:
        """The path in the base model of the module that it stands for; empty for the outermost one."""
        found = self._model() if self._model is not None else None
        return "" if found is not None and found.root_name == self.name else self.name

    def __len__(self) -> int:
        return sum(1 for _ in self.nodes)

    @property
    def result(self) -> Node:
        """The node that returns; its one argument is what ``forward`` returns."""
        return self._end

    def node(self, name: str) -> Node:
        """The node of that name.

        Raises:
            GraphError: There is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise GraphError(
            f"graph {self.name!r} has no node {name!r}", fix=f"it has {', '.join(n.name for n in self.nodes)}"
        )

    def is_before(self, first: Node, second: Node) -> bool:
        """Whether ``first`` runs before ``second``."""
        return first is not self._end and (second is self._end or first._position < second._position)

    @property
    def scope(self) -> Graph:
        """The graph whose members the nodes use: itself, or for a branch the graph that it is a branch of."""
        return self if self._owner is None else self._owner  # a graph without nodes is false

    def find_cell(self, target: str) -> tuple[str, str] | None:
        """For a part of a cell that this graph uses too: the cell's name, and the part's within it; else None."""
        steps = target.split(".")
        for cut in range(1, len(steps)):
            name = ".".join(steps[:cut])
            if name in self.members and isinstance(self.members[name].op, Cell):
                return name, ".".join(steps[cut:])
        return None

    def is_settled(self, graphs: Mapping[str, Graph]) -> bool:
        """Whether no edit can change what the graph is among ``graphs``, so that what is found out about it stays true.

        It is frozen, and so is, for a branch, the graph whose members it uses.
        """
        if self.region_of is None or not self.frozen:
            return self.frozen
        return self._owner is not None and self._owner.frozen and graphs.get(self.region_of) is self._owner

    # -- editing ------------------------------------------------------------------------------------------------

    def add_input(self, name: str) -> Value:
        """Append an input to ``forward``."""
        self._check_editable()
        value = Value(self, _claim(name, self._value_names), None, len(self.inputs))
        self.inputs = (*self.inputs, value)
        return value

    def add(
        self,
        op: NodeOp,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str = "x",
        n_outputs: int = 1,
        output_names: Iterable[str] | None = None,
        before: Node | None = None,
        after: Node | None = None,
        location: Location | None = None,
    ) -> Node:
        """Add a node.

        Args:
            op: What it does.
            args: Positional arguments: literals and values of this graph.
            kwargs: Keyword arguments.
            name: The wanted name; a number is put behind it where it is taken.
            n_outputs: How many values it computes.
            output_names: The wanted names of its values; otherwise the node's own.
            before: The node that it is put before; otherwise it comes last, or directly behind ``after``.
            after: The node that it is put behind; not looked at where ``before`` is given.
            location: The line of the user's code it stands for.

        Raises:
            GraphError: An argument is a value of another graph or computed later, the member does not exist, or the
                node that it is put before or behind is not in this graph.
        """
        self._check_editable()
        if isinstance(op, Return):
            raise GraphError(f"graph {self.name!r} has its return already", fix="use graph.set_result")
        anchor = self._find_anchor(before, after)
        new_args, new_kwargs = tuple(args), dict(kwargs or {})
        values = dict.fromkeys(find_values((new_args, new_kwargs)))
        self._check_visible(values, anchor, name)
        self._check_target(op, name)
        node = Node(self, _claim(name, self._node_names), op, new_args, new_kwargs, location)
        self._link(node, anchor)
        names = output_names if output_names is not None else [name] * n_outputs
        node.outputs = tuple(Value(self, _claim(wanted, self._value_names), node, i) for i, wanted in enumerate(names))
        for value in values:
            value._uses[node] = None
        return node

    def add_member(self, name: str, op: MemberOp, origin: str | None = None) -> str:
        """Add a part to the module and return the name it got."""
        self._check_editable()
        scope = self.scope
        unique, count = name, scope._member_counts.get(name, 1)
        while unique in scope.members:
            unique, count = f"{name}_{count}", count + 1
        scope._member_counts[name] = count
        scope.members[unique] = Member(op, origin)
        return unique

    def add_module(
        self,
        name: str,
        type: str,
        inputs: Iterable[Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        before: Node | None = None,
        after: Node | None = None,
    ) -> Node:
        """Add a leaf module and a node that calls it.

        Args:
            name: The wanted name of the member and the node.
            type: The importable name of the class, such as ``torch.nn.ReLU``.
            inputs: What it is called with.
            parameters: The keyword arguments that make it.
            before: See `add`.
            after: See `add`.
        """
        target = self.add_member(name, Module(type, (), dict(parameters or {})))
        try:
            return self.add(Call(target), inputs, name=name, before=before, after=after)
        except GraphError:
            del self.scope.members[target]
            raise

    def insert_on(self, value: Value, name: str, type: str, parameters: Mapping[str, Any] | None = None) -> Node:
        """Put a leaf module of one input behind ``value``; what took ``value`` takes the module's output instead."""
        users = value.uses
        if value.producer is None:
            node = self.add_module(name, type, [value], parameters, before=self._start)
        else:
            node = self.add_module(name, type, [value], parameters, after=value.producer)
        for user in users:
            user.replace_input(value, node.output)
        return node

    def set_result(self, result: Any) -> None:
        """Let ``forward`` return ``result``: a value, or literals and values nested in lists, tuples and dicts."""
        self._end.set_arguments((result,))

    def rename(self, value: Value, name: str) -> None:
        """Give a value the user's name for it; a number is put behind its unique name where that is taken.

        Raises:
            GraphError: It is a value of another graph.
        """
        self._check_editable()
        self._check_own(value)
        value.variable = name
        if value.name != name:
            value.name = _claim(name, self._value_names)

    def erase(self, node: Node, replacement: Value) -> None:
        """Take ``node`` out and let the users of its only value take ``replacement``.

        Raises:
            GraphError: The replacement depends on the node, or is computed after one of the users; nothing is changed.
        """
        if replacement.producer in (node, *node.output.uses):
            raise GraphError(f"node {node.name!r} cannot be replaced by {replacement!r}, which depends on it")
        self._check_present(node)
        node.output.replace_by(replacement)
        node.remove()

    def freeze(self) -> None:
        """Refuse edits from now on; what held its members or inputs before holds a copy that counts for nothing."""
        if not self.frozen:
            self.frozen = True
            self.members = FrozenMembers(self.name, self.members)
            self.inputs = tuple(self.inputs)

    def attach(self, owner: Graph) -> None:
        """For a branch: let its nodes use the members of ``owner``; a frozen one keeps the owner that it has."""
        if self._owner is None or not self.frozen:
            self._owner = owner

    def copy(self) -> Graph:
        """An editable copy that shares nothing but ops and literals; a branch still uses its owner's members."""
        twin = Graph(self.name, self.class_name, region_of=self.region_of, type=self.type)
        twin.members = dict(self.members)
        twin._owner = self._owner
        twin._member_counts = dict(self._member_counts)
        twin._node_names = dict(self._node_names)
        twin._value_names = dict(self._value_names)
        values = {value: value._copy(twin, None) for value in self.inputs}
        twin.inputs = tuple(values.values())
        for node in self.nodes:
            new = Node(twin, node.name, node.op, (), {}, node.location)
            new._label = node._label
            twin._link(new, twin._end)
            new.outputs = tuple([value._copy(twin, new) for value in node.outputs])
            new._take_arguments(node, values)
            values.update(zip(node.outputs, new.outputs, strict=True))
        twin._end._take_arguments(self._end, values)
        return twin

    def branches(self) -> tuple[str, ...]:
        """The names of the graphs that this one refers to, each once: cells, candidates and branches."""
        if self._branches is not None:
            return self._branches
        found = [cell for member in self.members.values() for cell in cells_of(member.op)]
        for node in self.nodes:
            if isinstance(node.op, If):
                found += (node.op.then, node.op.otherwise)
            elif isinstance(node.op, Loop):
                found.append(node.op.body)
        names = tuple(dict.fromkeys(found))
        if self.frozen:
            self._branches = names
        return names

    def __repr__(self) -> str:
        return f"<graph {self.name}: {len(self)} nodes>"

    # -- keeping order ------------------------------------------------------------------------------------------

    def _find_anchor(self, before: Node | None, after: Node | None) -> Node:
        """The node that a new one is put before."""
        if before is not None:
            self._check_present(before)
            return before
        if after is None:
            return self._end
        self._check_present(after)
        if after._next is None:
            raise GraphError(f"nothing can be put behind the return of graph {self.name!r}")
        return after._next

    def _link(self, node: Node, anchor: Node) -> None:
        previous = anchor._previous
        node._previous, node._next, anchor._previous = previous, anchor, node
        if previous is None:
            self._start = node
        else:
            previous._next = node
        if anchor is self._end:
            node._position = previous._position + _GAP if previous is not None else 0
            return
        low = previous._position if previous is not None else anchor._position - _GAP
        node._position = (low + anchor._position) // 2
        if node._position == low:
            for number, item in enumerate(self.nodes):
                item._position = number * _GAP

    def _unlink(self, node: Node) -> None:
        previous, following = node._previous, node._next
        assert following is not None, "only the return has nothing behind it"
        if previous is None:
            self._start = following
        else:
            previous._next = following
        following._previous = previous
        node._previous = node._next = None

    def _check_editable(self) -> None:
        if self.frozen:
            raise GraphError(
                f"graph {self.name!r} is shared with a fork and cannot be edited",
                fix="take an editable one from the model: model.graph(name)",
            )

    def _check_own(self, value: Value) -> None:
        if value.graph is not self:
            raise GraphError(
                f"{value!r} is a value of {_where(value.graph, self)}, not of this graph {self.name!r}",
                fix="take the value from the graph that is edited; after a fork, from model.graph(name)",
            )

    def _check_present(self, node: Node) -> None:
        if node.graph is not self:
            raise GraphError(f"node {node.name!r} is part of {_where(node.graph, self)}, not of this one")
        if node._next is None and node is not self._end:
            raise GraphError(f"node {node.name!r} was removed from graph {self.name!r}")

    def _check_visible(self, values: Iterable[Value], at: Node, taker: str) -> None:
        for value in values:
            self._check_own(value)
            producer = value.producer
            if producer is None:
                continue
            if producer._next is None:
                raise GraphError(f"node {taker!r} cannot take {value!r}: {producer.name!r}, its producer, was removed")
            if not self.is_before(producer, at):
                raise GraphError(
                    f"node {taker!r} cannot take {value!r}: {producer.name!r} computes it later",
                    fix="put the node behind the one whose value it takes",
                )

    def _check_target(self, op: NodeOp, taker: str) -> None:
        if not isinstance(op, (Call, Attribute)) or op == Attribute("training"):
            return
        if self.region_of is not None and self._owner is None:
            return  # its members are known once it is part of a model
        member = self.scope.members.get(op.target)
        if member is None:
            raise GraphError(
                f"node {taker!r} cannot use the member {op.target!r}: graph {self.scope.name!r} has none of that name",
                fix="add the member first, with graph.add_member or graph.add_module",
            )
        if isinstance(member.op, Tensor) == isinstance(op, Call):
            raise GraphError(
                f"node {taker!r} cannot {'call' if isinstance(op, Call) else 'read'} the member {op.target!r}, a "
                f"{member.op.kind if isinstance(member.op, Tensor) else type(member.op).__name__.lower()}",
                fix="read parameters and buffers by Attribute, call everything else by Call",
            )


def _where(graph: Graph, other: Graph) -> str:
    return f"graph {graph.name!r}" if graph.name != other.name else f"another copy of graph {graph.name!r}"


def _claim(wanted: str, taken: dict[str, int]) -> str:
    """``wanted`` as a Python identifier, with a number behind it if it is taken already."""
    base = wanted if wanted.isidentifier() else re.sub(r"\W", "_", wanted, flags=re.ASCII)
    if not base.isidentifier():
        base = f"x{base}"
    if keyword.iskeyword(base):
        base += "_"
    name = base
    while name in taken:
        name, taken[base] = f"{base}_{taken[base]}", taken[base] + 1
    taken[name] = 1
    return name


def cells_of(op: MemberOp) -> Iterator[str]:
    """Yield the graphs that a member is an instance of, or might become."""
    if isinstance(op, Cell):
        yield op.graph
    elif isinstance(op, LayerChoice):
        for _, candidate in op.candidates:
            yield from cells_of(candidate.op)
