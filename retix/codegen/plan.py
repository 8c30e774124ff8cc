"""What becomes a statement, and what is written where it is used.

Nothing changes its place among what computes, draws random numbers or changes a value: an expression is written into
its user only if Python evaluates it there at the same point of that order. The nodes that may be inlined wait on a
stack; a node that takes values from the stack has to take them from its top, in the order in which its text evaluates
them; what is in the way becomes a statement. Only what reads no data (attributes, sizes, and arithmetic on them) may
be evaluated later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from retix.codegen.layout import INDENT, WIDTH
from retix.codegen.repetition import CONTAINER
from retix.codegen.step import StepWriter
from retix.ir import Attribute, Constant, Function, Graph, If, Loop, Node, Return, Value, find_values

_CHEAP = {"aten::size", "python::device", "python::dtype"}
_ARITHMETIC = {
    f"python::{name}"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "eq", "ne", "lt", "le", "gt", "ge")
}
_RESHAPING = {f"aten::{name}_" for name in ("unsqueeze", "squeeze", "transpose", "t", "swapaxes", "resize", "set")}
STATEMENTS = {f"python::{name}" for name in ["append", "setitem", "raise", "unpack"]}
"""Operators that are never written into another expression."""


@dataclass(slots=True)
class Plan:
    """How the nodes of one graph are written.

    Attributes:
        statements: Nodes that are statements of their own, in order; the graph's result comes last.
        inlined: Values that are written where they are used.
        aliases: Results of in-place operators, and the named value that each of them is.
        nested: Results that are unpacked at once: ``out, (h, c) = …``.
        last: For each value that has a name, the position of the last statement that reads it.
        orders: For each node, the values it takes, in the order in which its text evaluates them.
    """

    statements: list[Node] = field(default_factory=list)
    inlined: set[Value] = field(default_factory=set)
    aliases: dict[Value, Value] = field(default_factory=dict)
    nested: dict[Value, Node] = field(default_factory=dict)
    last: dict[Value, int] = field(default_factory=dict)
    orders: dict[Node, tuple[Value, ...]] = field(default_factory=dict)

    def root(self, value: Value) -> Value:
        """The value that ``value`` is, if it came out of in-place operators."""
        while value in self.aliases:
            value = self.aliases[value]
        return value

    def reads(self, node: Node) -> Iterator[Value]:
        """Yield the named values that the text of ``node`` reads."""
        for value in node.inputs:
            value = self.root(value)
            if value in self.inlined and value.producer is not None:
                yield from self.reads(value.producer)
            else:
                yield value


def make_plan(
    graph: Graph, steps: StepWriter, depth: int, *, skip: frozenset[Node] = frozenset(), settle: bool = False
) -> Plan:
    """Decide what is a statement.

    Args:
        graph: The graph.
        steps: Writes its nodes.
        depth: How many levels its statements are indented.
        skip: Nodes that are written elsewhere.
        settle: Several results get their names one by one instead of standing in the return.
    """
    return _Planner(graph, steps, depth, skip, settle).run()


class _Planner:
    def __init__(self, graph: Graph, steps: StepWriter, depth: int, skip: frozenset[Node], settle: bool) -> None:
        self.graph = graph
        self.settle = settle and len(graph.result.inputs) > 1
        self.plan = Plan()
        self.nodes = [node for node in graph.nodes if node not in skip]
        self.width = WIDTH - len(INDENT) * depth
        self.pending: list[Node] = []
        self.fresh: set[Value] = set()  # what the node being visited has inlined
        self.lengths: dict[Value, int] = {}
        self.rest: dict[Node, int] = {}
        self.reshapes = any(_applies(node, _RESHAPING) for node in self.nodes)
        for node in [*self.nodes, graph.result]:
            self.plan.orders[node], self.rest[node] = _read_order(node, steps)

    def run(self) -> Plan:
        for node in self.nodes:
            self.visit(node)
        self._take_operands(self.graph.result)
        self._flush(len(self.pending))
        self.plan.statements.append(self.graph.result)
        for position, node in enumerate(self.plan.statements):
            for value in self.plan.reads(node):
                self.plan.last[value] = position
        return self.plan

    def visit(self, node: Node) -> None:
        if self._is_free(node):
            self._place_free(node)
            return
        if self._is_nested(node):
            self.plan.nested[node.args[0]] = node
            return
        self._take_operands(node)
        if self._may_wait(node):
            self.lengths[node.output] = self._length(node)
            self.pending.append(node)
            return
        self._flush(len(self.pending))
        self.plan.statements.append(node)
        receiver = _changed_receiver(node, self.fresh)
        if receiver is not None:
            self.plan.aliases[node.output] = receiver

    # -- what may move ------------------------------------------------------------------------------------------

    def _is_free(self, node: Node) -> bool:
        """Whether the node reads no data, and nothing that waits."""
        if isinstance(node.op, (Attribute, Constant)) or _applies(node, {CONTAINER}):
            return not any(value.producer in self.pending for value in node.inputs)
        if not isinstance(node.op, Function) or any(value.producer in self.pending for value in node.inputs):
            return False
        if node.op.name == "python::getitem":
            shape = node.args[0].producer if isinstance(node.args[0], Value) else None
            return shape is not None and _applies(shape, {"aten::size"}) and not self.reshapes
        return node.op.name in _ARITHMETIC or (node.op.name in _CHEAP and not self.reshapes)

    def _place_free(self, node: Node) -> None:
        """A read of no data is a statement if the user named it, or if writing it twice would be too much."""
        value = node.output
        if isinstance(node.op, Attribute) or _applies(node, {CONTAINER}):
            is_inlined = True
        elif any(isinstance(u.op, (If, Loop)) and value in u.args[_n_conditions(u) :] for u in value.uses):
            is_inlined = False
        else:
            repeats = len(value.uses) > 1 and not _applies(node, _CHEAP)
            is_inlined = value.variable is None and not repeats
        if is_inlined:
            self.plan.inlined.add(value)
            self.lengths[value] = self._length(node)
        else:
            self.plan.statements.append(node)

    def _may_wait(self, node: Node) -> bool:
        """Whether the node's value may be written into its user."""
        if len(node.outputs) != 1 or _applies(node, STATEMENTS) or isinstance(node.op, (If, Loop)):
            return False
        value = node.output
        if len(value.uses) != 1 or _changed_receiver(node, self.fresh) is not None:
            return False
        (user,) = value.uses
        if self.plan.orders.get(user, ()).count(value) != 1:
            return False
        if isinstance(user.op, (If, Loop)) and value in user.args[_n_conditions(user) :]:
            return False
        if isinstance(user.op, Return):
            whole = user.args[0] is value or user.args[0] == (value,)
            return (value.variable is None or whole) and not self.settle
        return value.variable is None

    def _is_nested(self, node: Node) -> bool:
        """Whether the node only unpacks one of several results, which can be done where those get their names."""
        if not _applies(node, {"python::unpack"}):
            return False
        value = node.args[0]
        return (
            value.producer is not None
            and len(value.producer.outputs) > 1
            and value.uses == (node,)
            and value.variable is None
            and bool(self.plan.statements)
            and self.plan.statements[-1] is value.producer
            and not isinstance(value.producer.op, (If, Loop))
        )

    # -- the stack ----------------------------------------------------------------------------------------------

    def _take_operands(self, node: Node) -> None:
        """Inline into ``node`` those of its operands that wait; what is in the way becomes statements."""
        while True:
            mine = [value.producer for value in self.plan.orders[node] if value.producer in self.pending]
            if not mine:
                break
            if mine != self.pending[len(self.pending) - len(mine) :]:
                self._flush(1)
            elif self._length(node) + self._target(node) > self.width and not _is_short(mine, self.lengths):
                self._flush(1 + self.pending.index(mine[-1] if _are_listed(node, mine) else mine[0]))
            else:
                break
        self.fresh = {producer.output for producer in mine if producer is not None}
        self.plan.inlined |= self.fresh
        if mine:
            del self.pending[-len(mine) :]

    def _flush(self, count: int) -> None:
        for node in self.pending[:count]:
            del self.lengths[node.output]  # from now on its name stands for it
        self.plan.statements += self.pending[:count]
        del self.pending[:count]

    # -- widths -------------------------------------------------------------------------------------------------

    def _length(self, node: Node) -> int:
        """About how many characters the node's expression takes."""
        return self.rest[node] + sum(self._length_of(value) for value in self.plan.orders[node])

    def _length_of(self, value: Value) -> int:
        return self.lengths.get(value, len(value.variable or value.name))

    def _target(self, node: Node) -> int:
        if isinstance(node.op, Return) or any(isinstance(u.op, Return) for v in node.outputs for u in v.uses):
            return len("return ")
        names = [value.variable or "out" for value in node.outputs]
        return len(", ".join(names) + " = ")


def _are_listed(node: Node, mine: list[Node]) -> bool:
    """Whether the operands stand side by side in a list, where either all or none of them get names."""
    outputs = {producer.output for producer in mine}
    return any(isinstance(item, list) and outputs <= set(find_values(item)) for item in node.args)


def _is_short(mine: list[Node], lengths: dict[Value, int]) -> bool:
    return all(lengths.get(node.output, 0) < 8 for node in mine)


def _read_order(node: Node, steps: StepWriter) -> tuple[tuple[Value, ...], int]:
    if isinstance(node.op, (If, Loop)):
        conditions = node.args[: _n_conditions(node)]
        return tuple(item for item in conditions if isinstance(item, Value)), 4
    if _applies(node, {"python::setitem"}):
        # Python evaluates what is assigned first, then where to
        target, rest = node.args[:2], node.args[2:]
        return (*find_values(rest), *find_values(target)), 6
    if _applies(node, {"python::raise"}):
        return (), 0
    return steps.read_order(node)


def _n_conditions(node: Node) -> int:
    """How many first arguments of structured control flow are written in its first line."""
    return 2 if isinstance(node.op, Loop) else 1


def _applies(node: Node, names: set[str]) -> bool:
    return isinstance(node.op, Function) and node.op.name in names


def _changed_receiver(node: Node, fresh: set[Value]) -> Value | None:
    """The value that the node changes and returns, if it has a name to go on under."""
    if not isinstance(node.op, Function) or not node.op.name.startswith("aten::") or len(node.outputs) != 1:
        return None
    if not node.op.name.endswith("_") or node.op.name.endswith("__"):
        return None
    receiver = node.args[0] if node.args else None
    if not isinstance(receiver, Value) or receiver in fresh:
        return None
    wanted = node.output.variable
    return receiver if wanted is None or wanted == receiver.variable else None
