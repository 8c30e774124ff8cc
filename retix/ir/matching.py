"""Which nodes of two graphs are one and the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from retix.ir.choice import find_open_in
from retix.ir.graph import Graph
from retix.ir.literal import format_literal
from retix.ir.node import Node, Value, map_values
from retix.ir.op import Attribute, Call, LayerChoice, MemberOp, Module, NodeOp, Symbol, Tensor

Terms = dict[str, str]
"""What an operation or a call is made of, by name, as text that is equal where the parts are."""


class Matching:
    """Pairs of nodes of two graphs.

    The rules, each for what those before it left over:

    1. Nodes that do the same with the same inputs, seen from the inputs of the graph on; among several, those of one
       name, then in order.
    2. Nodes of one name.
    3. Nodes that do the same with inputs that were paired by now.
    4. Nodes of one type, in order.

    Each rule takes time linear in the number of nodes, and gives the same pairs with both graphs swapped.

    Args:
        left: A graph.
        right: Another.
        left_nodes: Those nodes of ``left`` that count, in order.
        right_nodes: Likewise of ``right``.

    Attributes:
        pairs: Each node of ``left`` with a counterpart, to it; the returns among them.
    """

    def __init__(self, left: Graph, right: Graph, left_nodes: Sequence[Node], right_nodes: Sequence[Node]) -> None:
        self.pairs: dict[Node, Node] = {}
        self._back: dict[Node, Node] = {}
        self._left, self._right = left_nodes, right_nodes
        self._inputs = {value: f"%input {value.index}" for graph in (left, right) for value in graph.inputs}
        self._match_alike()
        self._match_by(lambda node: node.name)
        self._match_alike()
        self._match_by(lambda node: node.type)
        self._pair(left.result, right.result)

    def name_value(self, value: Value) -> str:
        """A name that is equal for values that are one and the same."""
        if value.producer is None:
            return self._inputs[value]
        left = self._back.get(value.producer, value.producer)
        return f"%{left.name} {value.index}" if left in self.pairs else f"%{id(value)}"

    def describe(self, argument: Any) -> str:
        """An argument as text that is equal where the arguments are one and the same."""
        return describe_literal(map_values(argument, lambda value: Symbol(self.name_value(value))))

    def _pair(self, left: Node, right: Node) -> None:
        self.pairs[left] = right
        self._back[right] = left

    def _match_alike(self) -> None:
        """Pair nodes that do the same with inputs that are one and the same, or are alike in turn."""
        known: dict[Hashable, str] = {}
        names: dict[Value, str] = {}

        def name(value: Value) -> str:
            return names.get(value) or self.name_value(value)

        def find_key(node: Node) -> str:
            args, kwargs = map_values((node.args, node.kwargs), lambda value: Symbol(name(value)))
            written = [describe_literal(args), describe_literal(dict(sorted(kwargs.items())))]
            key = known.setdefault((tuple(describe_op(node).items()), *written, len(node.outputs)), f"%%{len(known)}")
            if node not in self.pairs and node not in self._back:
                names.update({value: f"{key} {value.index}" for value in node.outputs})
            return key

        keys = {node: find_key(node) for node in (*self._left, *self._right)}
        self._match_by(lambda node: (keys[node], node.name))
        self._match_by(keys.__getitem__)

    def _match_by(self, find_key: Callable[[Node], Hashable]) -> None:
        """Pair the nodes that are left over and have equal keys, in order."""
        waiting: dict[Hashable, list[Node]] = {}
        for node in reversed(self._left):
            if node not in self.pairs:
                waiting.setdefault(find_key(node), []).append(node)
        for node in self._right:
            if node not in self._back and (found := waiting.get(find_key(node))):
                self._pair(found.pop(), node)


def describe_op(node: Node) -> Terms:
    """What a node does; what it calls counts, and not under which name."""
    op = node.operation if isinstance(node.op, (Call, Attribute)) else node.op
    if isinstance(node.op, Attribute):
        member = node.graph.scope.members.get(node.op.target)
        op = member.op if member is not None else node.op
    return {"op": _name_op(op), **_describe_fields(op)}


def _name_op(op: MemberOp | NodeOp) -> str:
    return op.type if isinstance(op, Module) else str(getattr(op, "name", type(op).__name__.lower()))


def _describe_fields(op: MemberOp | NodeOp) -> Terms:
    """The parts of an operation that the digest counts."""
    match op:
        case Module(_, args, kwargs):
            return describe_arguments(args, dict(kwargs), describe_literal)
        case LayerChoice(label, candidates):
            listed = {f"candidate {name}": _describe_member(member.op) for name, member in candidates}
            return {"label": repr(label), **listed}
        case Tensor(shape, dtype, init, kind, requires_grad):
            return {
                **{"shape": str(shape), "dtype": dtype, "init": describe_literal(init), "kind": kind},
                "requires_grad": str(requires_grad),
            }
    names = [name for name in type(op).__slots__ if name not in ("name", "weights", "attributes")]
    return {name: repr(getattr(op, name)) for name in names}


def _describe_member(op: MemberOp) -> str:
    fields = ", ".join(f"{name}={text}" for name, text in _describe_fields(op).items())
    return f"{_name_op(op)}({fields})"


def describe_arguments(args: Iterable[Any], kwargs: dict[str, Any], describe: Callable[[Any], str]) -> Terms:
    """Arguments by position or name."""
    return {f"[{i}]": describe(item) for i, item in enumerate(args)} | {k: describe(kwargs[k]) for k in sorted(kwargs)}


def describe_literal(argument: Any) -> str:
    """A literal as text; of what is open the candidates count too."""
    found = list(find_open_in(Module("", (argument,))))
    return f"{format_literal(argument)} of {found}" if found else format_literal(argument)
