"""Structured control flow as Python's ``if``, ``for`` and ``while``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retix.codegen.condition import match_condition
from retix.codegen.expression import NOT, Expression, prefix
from retix.codegen.index import is_operator
from retix.codegen.plan import make_plan
from retix.codegen.repetition import CONTAINER
from retix.codegen.scope import strip_number
from retix.errors import GenerationError
from retix.ir import Graph, If, Loop, Node, Value

if TYPE_CHECKING:
    from retix.codegen.forward import ForwardWriter


def write_if(writer: ForwardWriter, node: Node, op: If, depth: int) -> bool:
    """Write an ``if``; returns whether its branches return, so that nothing comes behind it."""
    condition, *given = node.args
    then, otherwise = writer.model.graphs[op.then], writer.model.graphs[op.otherwise]
    if _ends_graph(writer, node):
        writer.body.add(f"if {writer.render(condition)}:", depth, _place(node))
        _write_branch(writer, then, given, depth + 1, node, None)
        _write_branch(writer, otherwise, given, depth, node, None)
        return True
    names: list[str | None] = []
    for value in node.outputs:
        names.append(_pick_name(writer, value, (then, otherwise), names) if value.uses else None)
    test = writer.render(condition)
    start = len(writer.body.lines)
    _write_branch(writer, then, given, depth + 1, node, names)
    has_then = len(writer.body.lines) > start
    if has_then:
        _insert(writer, start, f"if {test}:", depth, node)
    middle = len(writer.body.lines)
    _write_branch(writer, otherwise, given, depth + 1, node, names)
    if len(writer.body.lines) > middle:
        head = "else:" if has_then else f"if {prefix('not ', test, NOT)}:"
        _insert(writer, middle, head, depth, node)
    for value, name in zip(node.outputs, names, strict=True):
        if name is not None:
            writer.scope.hold(value, name)
    return False


def _insert(writer: ForwardWriter, at: int, statement: str, depth: int, node: Node) -> None:
    """Put a statement before lines that are written already."""
    body = writer.body
    lines, places = body.lines[at:], body.places[at:]
    del body.lines[at:], body.places[at:]
    body.add(statement, depth, _place(node))
    body.lines += lines
    body.places += places


def _ends_graph(writer: ForwardWriter, node: Node) -> bool:
    """Whether nothing but the return comes behind the ``if``, and takes its results in order."""
    graph = node.graph
    plan = writer.plans[graph]
    if graph.region_of is not None or len(plan.statements) < 2 or plan.statements[-2] is not node:
        return False
    order = plan.orders[graph.result]
    return order == node.outputs and all(value.uses == (graph.result,) for value in node.outputs)


def _write_branch(
    writer: ForwardWriter, region: Graph, given: list[Any], depth: int, node: Node, names: list[str | None] | None
) -> None:
    """One branch; without ``names`` it returns what the graph around it returns."""
    holders = dict(writer.scope.holders)
    _bind_inputs(writer, region.inputs, given)
    results = region.result.args[0]
    _begin(writer, region, depth, results, names or [])
    for position, statement in enumerate(writer.plans[region].statements[:-1]):
        writer.scope.move(region, position)
        writer.write_statement(statement, depth)
    writer.scope.move(region, len(writer.plans[region].statements))
    if names is None:
        writer.bound.update(zip(node.outputs, results, strict=True))
        writer.write_statement(node.graph.result, depth)
    else:
        _assign(writer, names, results, depth)
    writer.scope.holders = holders


def _begin(
    writer: ForwardWriter,
    region: Graph,
    depth: int,
    results: tuple[Any, ...],
    names: list[str | None],
    skip: frozenset[Node] = frozenset(),
) -> None:
    """Plan a region, and let its results have the names that they are to end up under."""
    writer.enter(region, make_plan(region, writer.steps, depth, skip=skip, settle=bool(names)))
    for name, item in zip(names, results, strict=False):
        if name is not None and isinstance(item, Value) and item.graph is region:
            writer.scope.want(writer.plans[region].root(item), name)


def _bind_inputs(writer: ForwardWriter, inputs: Sequence[Value], given: list[Any]) -> None:
    """Let inputs of a region be what they are given: under the same name where that has one."""
    for value, item in zip(inputs, given, strict=True):
        if isinstance(item, Value):
            item = writer.plans[item.graph].root(item)
        name = writer.scope.names.get(item) if isinstance(item, Value) and item not in writer.bound else None
        if name is None:
            writer.bound[value] = item
            continue
        writer.scope.names[value] = name
        if not writer.scope.is_alive(item):
            writer.scope.holders[name] = value


def _assign(writer: ForwardWriter, names: list[str | None], results: tuple[Any, ...], depth: int) -> None:
    """Give results of a branch their names, all at once where there are several."""
    pairs = [(n, writer.render(item).text) for n, item in zip(names, results, strict=True) if n is not None]
    pairs = [(name, text) for name, text in pairs if name != text]
    if pairs:
        left, right = ", ".join(name for name, _ in pairs), ", ".join(text for _, text in pairs)
        writer.body.add(f"{left} = {right}", depth)


def _pick_name(writer: ForwardWriter, value: Value, regions: tuple[Graph, ...], taken: Sequence[str | None]) -> str:
    """The user's name for a result of branches, unless another result has taken it."""
    items = [region.result.args[0][value.index] for region in regions]
    known = next((item.variable for item in items if isinstance(item, Value) and item.variable), None)
    return _unused(writer, value, value.variable or known or strip_number(value.name), taken)


def _place(node: Node) -> str | None:
    return str(node.location) if node.location else None


# -- loops ------------------------------------------------------------------------------------------------------


def write_loop(writer: ForwardWriter, node: Node, op: Loop, depth: int) -> None:
    """Write a ``for``, or a ``while``.

    Raises:
        GenerationError: The loop has both a count and a condition to begin with.
    """
    trips, begin, *rest = node.args
    region = writer.model.graphs[op.body]
    carried, given = rest[: op.n_carried], rest[op.n_carried :]
    counter, *inside = region.inputs
    names = _start_carried(writer, node, carried, inside[: op.n_carried], depth)
    _bind_inputs(writer, inside[op.n_carried :], given)
    for value in inside[op.n_carried :]:
        writer.scope.keep(value)
    goes_on = region.result.args[0][0]
    holders = dict(writer.scope.holders)
    if trips is not None and begin is True:
        _write_for(writer, node, region, trips, counter, names, depth)
        if goes_on is not True:
            writer.body.add(f"if {prefix('not ', writer.render(goes_on), NOT)}:", depth + 1)
            writer.body.add("break", depth + 2)
    elif trips is None and not counter.uses:
        _write_while(writer, node, region, begin, carried, names, depth)
    else:
        raise GenerationError(
            "a loop with both a count and a condition to begin with cannot be written as Python",
            where=_place(node),
            fix="put the module into a @basic_unit",
        )
    writer.scope.holders = holders
    for value, name in zip(node.outputs, names, strict=True):
        writer.scope.hold(value, name)


def _start_carried(writer: ForwardWriter, node: Node, carried: list[Any], inside: list[Value], depth: int) -> list[str]:
    """Give carried values the names under which they go round, and what they start from."""
    names: list[str] = []
    for value, item, inner in zip(node.outputs, carried, inside, strict=True):
        wanted = value.variable or inner.variable or strip_number(inner.name)
        known = writer.scope.names.get(writer.plans[item.graph].root(item)) if isinstance(item, Value) else None
        if known is not None and isinstance(item, Value) and not writer.scope.is_alive(item) and known not in names:
            name = known
        else:
            start = writer.render(item).text
            name = _unused(writer, value, wanted, [*names, *_names_read(writer, node)])
            writer.body.add(f"{name} = {start}", depth, _place(node))
        writer.scope.names[inner] = name
        writer.scope.holders[name] = inner
        names.append(name)
    return names


def _names_read(writer: ForwardWriter, node: Node) -> list[str]:
    values = (writer.plans[node.graph].root(value) for value in node.inputs)
    return [writer.scope.names[value] for value in values if value in writer.scope.names]


def _unused(writer: ForwardWriter, value: Value, base: str, taken: Sequence[str | None]) -> str:
    name, count = writer.scope.pick(value, base), 1
    while name in taken:
        count += 1
        name = writer.scope.pick(value, f"{base}{count}")
    return name


def _write_for(
    writer: ForwardWriter, node: Node, region: Graph, trips: Any, counter: Value, names: list[str], depth: int
) -> None:
    name = "_"
    if counter.uses:
        name = _unused(writer, counter, strip_number(counter.name), names)
        writer.scope.hold(counter, name)
        writer.scope.keep(counter)
    items = writer.render(trips)
    is_container = isinstance(trips, Value) and is_operator(trips.producer, CONTAINER)
    writer.body.add(f"for {name} in {items if is_container else f'range({items})'}:", depth, _place(node))
    _write_round(writer, region, names, depth + 1, frozenset())


def _write_round(writer: ForwardWriter, region: Graph, names: list[str], depth: int, skip: frozenset[Node]) -> None:
    """The body of a loop; ``names`` are those of the carried values, and the condition's before them if it has one."""
    results = region.result.args[0][-len(names) :] if names else ()
    start = len(writer.body.lines)
    _begin(writer, region, depth, results, list(names), skip)
    for position, statement in enumerate(writer.plans[region].statements[:-1]):
        writer.scope.move(region, position)
        writer.write_statement(statement, depth)
    writer.scope.move(region, len(writer.plans[region].statements))
    _assign(writer, list(names), results, depth)
    if len(writer.body.lines) == start:
        writer.body.add("pass", depth)


def _write_while(
    writer: ForwardWriter, node: Node, region: Graph, begin: Any, carried: list[Any], names: list[str], depth: int
) -> None:
    """``while condition:`` where the condition is the same before and at the end of the body; else with a flag."""
    goes_on, *results = region.result.args[0]
    leaves = dict(zip(map(id, results), names, strict=True))
    given = zip(node.args[2 + len(carried) :], region.inputs[1 + len(carried) :], strict=True)
    tree = match_condition(begin, goes_on, [*zip(carried, results, strict=True), *given])
    if tree is not None:

        def read(value: Value) -> Expression:
            if id(value) in leaves:
                return Expression(leaves[id(value)])
            if value.producer is not None:
                return writer.steps.write(value.producer, read)
            known = writer.bound.get(value)
            return writer.render(known) if known is not None else Expression(writer.scope.names[value])

        writer.body.add(f"while {writer.steps.write_literal(goes_on, read)}:", depth, _place(node))
        _write_round(writer, region, names, depth + 1, frozenset(tree))
        return
    flag = _unused(writer, Value(node.graph, "go_on", None, 0), "go_on", names)
    writer.scope.reserve(flag)
    writer.body.add(f"{flag} = {writer.render(begin)}", depth, _place(node))
    writer.body.add(f"while {flag}:", depth, _place(node))
    _write_round(writer, region, [flag, *names], depth + 1, frozenset())
