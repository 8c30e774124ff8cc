"""The body of ``forward``: statements from the nodes of a graph."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from retix.codegen.expression import Expression, call
from retix.codegen.form import write_operator
from retix.codegen.imports import Imports
from retix.codegen.index import Indexing, read_indexing, write_index
from retix.codegen.layout import INDENT, WIDTH, break_statement
from retix.codegen.literal import write_literal
from retix.codegen.member import MemberNames
from retix.errors import GenerationError
from retix.ir import (
    Attribute,
    Call,
    ChooseInputs,
    Constant,
    Function,
    Graph,
    If,
    Loop,
    Model,
    Node,
    Value,
    changes_in_place,
)

_RESERVED = {"self", "torch", "nn", "F", "math"}

# Cheap and without effects: they may be written where they are used, also a few statements later.
_MOVABLE = {"aten::size", "aten::len", "python::getattr", "python::device", "python::dtype"}


@dataclass(slots=True)
class Body:
    """Lines of source, each with the user's line it stands for."""

    lines: list[str] = field(default_factory=list)
    places: list[str | None] = field(default_factory=list)

    def add(self, statement: str, depth: int, place: str | None) -> None:
        """Append a statement, broken into lines."""
        for line in break_statement(statement, depth):
            self.lines.append(line)
            self.places.append(place)


def write_forward(graph: Graph, model: Model, members: MemberNames, imports: Imports) -> Body:
    """The signature and body of ``forward``, indented for a class."""
    body = Body()
    scope = Scope({*_RESERVED, *imports.names})
    parameters = [scope.declare(value) for value in graph.inputs]
    body.add(f"def forward({', '.join(['self', *parameters])}):", 1, None)
    writer = _Writer(model, members, imports, scope, body)
    writer.write(graph, 2)
    result = graph.result.args[0]
    body.add(f"return {_unparenthesised(writer.render(result), result)}", 2, None)
    imports.note("\n".join(body.lines))
    return body


def _unparenthesised(expression: Expression, result: Any) -> str:
    if isinstance(result, tuple) and len(result) > 1:
        return expression.text[1:-1]
    return expression.text


class Scope:
    """Names of local variables; a name is used again once its value is dead, as people do."""

    def __init__(self, taken: set[str]) -> None:
        self._reserved = taken
        self._holders: dict[str, Value] = {}
        self.names: dict[Value, str] = {}

    def declare(self, value: Value, live: set[Value] | None = None) -> str:
        """A name for ``value``, given the values that are still needed afterwards; None means all."""
        base = value.variable or _base(value.name)
        name, count = base, 1
        while not self._free(name, value, live):
            count += 1
            name = f"{base}{count}"
        self._holders[name] = value
        self.names[value] = name
        return name

    def _free(self, name: str, value: Value, live: set[Value] | None) -> bool:
        if name in self._reserved or keyword.iskeyword(name):
            return False
        holder = self._holders.get(name)
        return holder is None or holder is value or (live is not None and holder not in live)


def _base(name: str) -> str:
    """``x`` of ``x_1``: the number only made the name unique within the graph."""
    base = name.rstrip("0123456789")
    return base[:-1] if base.endswith("_") and len(base) > 1 and base != name else name


class _Writer:
    """Writes the nodes of one graph and of its branches."""

    def __init__(self, model: Model, members: MemberNames, imports: Imports, scope: Scope, body: Body) -> None:
        self.model = model
        self.members = members
        self.imports = imports
        self.scope = scope
        self.body = body
        self.inlined: dict[Value, Expression] = {}
        self.outer: set[Value] = set()
        self.aliases: dict[Value, Value] = {}

    # -- expressions --------------------------------------------------------------------------------------------

    def render(self, argument: Any) -> Expression:
        return write_literal(argument, self.imports, self._value)

    def _value(self, value: Value) -> Expression:
        value = self.aliases.get(value, value)
        if value in self.inlined:
            return self.inlined[value]
        return Expression(self.scope.names[value])

    def expression(self, node: Node, indexing: Indexing | None) -> Expression:
        match node.op:
            case Call(target):
                kwargs = {name: self.render(item) for name, item in node.kwargs.items()}
                return call(self.members.access(target), map(self.render, node.args), kwargs)
            case Attribute(target):
                return Expression("self.training" if target == "training" else self.members.access(target), 90)
            case Constant():
                return self.render(node.args[0])
            case ChooseInputs(label):
                raise GenerationError(f"the choice {label!r} is still open", fix="make it first")
            case Function(name):
                if indexing is not None:
                    return write_index(indexing, self.render)
                return write_operator(name, self.render, list(node.args), node.kwargs)
        raise GenerationError(f"{node!r} cannot be an expression")

    # -- statements ---------------------------------------------------------------------------------------------

    def write(self, graph: Graph, depth: int) -> None:
        nodes = list(graph.nodes)
        last_use = _last_uses(nodes, graph)
        for position, node in enumerate(nodes):
            live = {v for v, last in last_use.items() if last > position} | self.outer
            place = str(node.location) if node.location else None
            if isinstance(node.op, If):
                self._write_if(node, node.op, depth, live, place)
            elif isinstance(node.op, Loop):
                self._write_loop(node, node.op, depth, live, place)
            else:
                self._write_node(node, nodes, position, depth, live, place)

    def _write_node(
        self, node: Node, nodes: list[Node], position: int, depth: int, live: set[Value], place: str | None
    ) -> None:
        if node.op == Function("python::raise"):
            self.body.add(f"raise RuntimeError({self.render(node.args[0])})", depth, place)
            return
        indexing = read_indexing(node)
        if indexing is not None and _absorbs(node):
            return
        if node.op == Function("python::unpack"):
            source = self.render(node.args[0]).text
            self._assign(node, source, depth, live, place)
            return
        expression = self.expression(node, indexing)
        if len(node.outputs) == 1 and self._may_inline(node, nodes, position, expression, depth):
            self.inlined[node.output] = expression
        elif not node.outputs or (not any(v.uses for v in node.outputs)):
            self.body.add(expression.text, depth, place)
        else:
            self._assign(node, expression.text, depth, live, place)

    def _assign(self, node: Node, text: str, depth: int, live: set[Value], place: str | None) -> None:
        names = [self.scope.declare(v, live) if v.uses else "_" for v in node.outputs]
        targets = ", ".join(names) + ("," if len(names) == 1 and node.op == Function("python::unpack") else "")
        if targets != text:
            self.body.add(f"{targets} = {text}", depth, place)

    def _may_inline(self, node: Node, nodes: list[Node], position: int, expression: Expression, depth: int) -> bool:
        """Whether the node's value is written where it is used instead of being assigned.

        Nothing may change its place among what has effects or draws random numbers: so only what comes directly before
        its user in the order of evaluation moves into it, and what reads nothing but shapes and attributes.
        """
        value = node.output
        if len(value.uses) != 1:
            return (isinstance(node.op, Attribute) and node.op.target != "training") or _is_size_of_input(node)
        user = value.uses[0]
        if _count(user, value) != 1 or isinstance(user.op, Loop):
            return False
        if isinstance(node.op, (Attribute, Constant)) or _is(node, _MOVABLE) or _is_number(node):
            return not changes_in_place(node, self.model)
        if value.variable is not None and user is not node.graph.result:
            return False
        if changes_in_place(node, self.model) and user is not node.graph.result:
            return False
        between = nodes[position + 1 :]
        following = next((n for n in between if not (isinstance(n.op, Attribute) or _is(n, _MOVABLE))), None)
        adjacent = following is user or (following is None and user is node.graph.result)
        first = next(iter(user.inputs), None) is value or _is_first_moved(user, value, self.inlined)
        return adjacent and first and len(expression.text) + len(INDENT) * depth <= WIDTH - 24

    # -- control flow -------------------------------------------------------------------------------------------

    def _enter(self, region: Graph, given: list[Any], skip: int) -> None:
        """Let the region's inputs behind the first ``skip`` be what they are given."""
        for value, item in zip(region.inputs[skip:], given, strict=True):
            self.inlined[value] = self.render(item)

    def _write_if(self, node: Node, op: If, depth: int, live: set[Value], place: str | None) -> None:
        condition, *given = node.args
        # the branches assign at their very end, all at once: a name that only they still read may be taken
        names = [self.scope.declare(v, live) if v.uses else None for v in node.outputs]
        self.body.add(f"if {self.render(condition)}:", depth, place)
        for keyword_, branch in (("", op.then), ("else:", op.otherwise)):
            region = self.model.graphs[branch]
            start = len(self.body.lines)
            if keyword_:
                self.body.add(keyword_, depth, place)
            self._enter(region, given, 0)
            self._write_region(region, depth + 1, live | set(node.inputs), names)
            if len(self.body.lines) == start + bool(keyword_):
                if keyword_:
                    del self.body.lines[start:], self.body.places[start:]
                else:
                    self.body.add("pass", depth + 1, place)

    def _write_region(self, region: Graph, depth: int, outer: set[Value], names: list[str | None]) -> None:
        saved, self.outer = self.outer, self.outer | outer
        self.write(region, depth)
        results = region.result.args[0]
        pairs = [(n, self.render(item).text) for n, item in zip(names, results, strict=True) if n is not None]
        pairs = [(name, text) for name, text in pairs if name != text]
        if pairs:
            left, right = ", ".join(n for n, _ in pairs), ", ".join(t for _, t in pairs)
            self.body.add(f"{left} = {right}", depth, None)
        self.outer = saved

    def _write_loop(self, node: Node, op: Loop, depth: int, live: set[Value], place: str | None) -> None:
        trips, begin, *rest = node.args
        carried, given = rest[: op.n_carried], rest[op.n_carried :]
        region = self.model.graphs[op.body]
        names = []
        for value, item in zip(node.outputs, carried, strict=True):
            name = self.scope.declare(value, live | set(node.inputs))
            names.append(name)
            start = self.render(item).text
            if start != name:
                self.body.add(f"{name} = {start}", depth, place)
        self._enter(region, given, 1 + op.n_carried)
        for value, name in zip(region.inputs[1 : 1 + op.n_carried], names, strict=True):
            self.inlined[value] = Expression(name)
        goes_on = region.result.args[0][0]
        outer = live | set(node.inputs) | set(node.outputs)
        counter = self.scope.declare(region.inputs[0], outer) if region.inputs[0].uses else "_"
        if trips is not None and begin is True and goes_on is True:
            self.body.add(f"for {counter} in range({self.render(trips)}):", depth, place)
            self._write_region(region, depth + 1, outer, [None, *names])
        elif trips is None and not region.inputs[0].uses:
            self._write_while(region, depth, outer, names, begin, place, node)
        else:
            raise GenerationError(
                "a loop with both a count and a condition cannot be written as Python",
                where=place,
                fix="put the module into a @basic_unit",
            )

    def _write_while(
        self, region: Graph, depth: int, outer: set[Value], names: list[str], begin: Any, place: str | None, node: Node
    ) -> None:
        flag_value = Value(node.graph, "go_on", None, 0)
        flag = self.scope.declare(flag_value)
        self.body.add(f"{flag} = {self.render(begin)}", depth, place)
        self.body.add(f"while {flag}:", depth, place)
        self._write_region(region, depth + 1, outer | {flag_value}, [flag, *names])


def _last_uses(nodes: list[Node], graph: Graph) -> dict[Value, int]:
    """For each value, the position of the last node that takes it; the return comes behind all."""
    last: dict[Value, int] = {}
    for position, node in enumerate(nodes):
        for value in node.inputs:
            last[value] = position
    for value in graph.result.inputs:
        last[value] = len(nodes)
    # what is written where it is used keeps its own inputs alive until then
    for position in range(len(nodes) - 1, -1, -1):
        node = nodes[position]
        until = max((last.get(v, position) for v in node.outputs), default=position)
        single = len(node.outputs) == 1 and len(node.output.uses) == 1
        named = single and node.output.variable is not None and node.output.uses[0] is not graph.result
        if (single and not named) or isinstance(node.op, Attribute) or _is(node, _MOVABLE):
            for value in node.inputs:
                last[value] = max(last.get(value, position), until)
    return last


def _absorbs(node: Node) -> bool:
    """Whether the node is a step of an indexing that its only user writes as a whole."""
    users = node.output.uses
    return (
        len(users) == 1
        and read_indexing(users[0]) is not None
        and users[0].args[0] is node.output
        and (_count(users[0], node.output) == 1 and node.output.variable is None)
    )


def _is(node: Node, names: set[str]) -> bool:
    return isinstance(node.op, Function) and node.op.name in names


def _is_number(node: Node) -> bool:
    return (
        isinstance(node.op, Function)
        and node.op.name.startswith("python::")
        and node.op.name not in ("python::append", "python::unpack", "python::raise", "python::setitem")
        and not any(
            isinstance(a, Value) and a.producer is not None and isinstance(a.producer.op, Call) for a in node.args
        )
    )


def _is_size_of_input(node: Node) -> bool:
    return False


def _is_first_moved(user: Node, value: Value, inlined: dict[Value, Expression]) -> bool:
    """Whether everything that ``user`` evaluates before ``value`` is a plain name or has no effects."""
    for item in user.inputs:
        if item is value:
            return True
        producer = item.producer
        if item in inlined and producer is not None and not isinstance(producer.op, (Attribute, Constant)):
            return False
    return False


def _count(user: Node, value: Value) -> int:
    return sum(1 for item in _flatten((user.args, user.kwargs)) if item is value)


def _flatten(argument: Any) -> Iterator[Any]:
    if isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _flatten(item)
    elif isinstance(argument, dict):
        yield from _flatten(list(argument.values()))
    elif isinstance(argument, slice):
        yield from _flatten([argument.start, argument.stop, argument.step])
    else:
        yield argument
