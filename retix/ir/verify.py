"""The rules of the IR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retix.ir.graph import Graph, Node, Value, cells_of, find_values
from retix.ir.literal import find_illegal
from retix.ir.op import Attribute, Call, Cell, ChooseInputs, If, LayerChoice, Loop, Member, Module, Tensor

if TYPE_CHECKING:
    from retix.ir.model import Model


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule.

    Attributes:
        graph: Where.
        node: At which node, or None.
        message: What is wrong.
    """

    graph: str
    node: str | None
    message: str

    def __str__(self) -> str:
        where = f"{self.graph}, node {self.node}" if self.node else self.graph
        return f"{where}: {self.message}"


def find_violations(model: Model) -> list[Violation]:
    """Every broken rule of the model, in the order of its graphs."""
    if model.root_name not in model.graphs:
        return [Violation(model.root_name, None, "the root graph does not exist")]
    found = []
    for name, graph in model.graphs.items():
        if graph.name != name:
            found.append(Violation(name, None, f"it is called {graph.name!r} itself"))
        found += [Violation(name, node, message) for node, message in _check_graph(graph, model)]
    return found + list(_check_recursion(model))


def _check_graph(graph: Graph, model: Model) -> Iterator[tuple[str | None, str]]:
    members = graph.members
    if graph.region_of is not None:
        if graph.region_of not in model.graphs:
            yield None, f"it is a branch in {graph.region_of!r}, which does not exist"
        else:
            members = model.graphs[graph.region_of].members
    for name, member in graph.members.items():
        for message in _check_member(member, model):
            yield None, f"member {name!r}: {message}"
    yield from _check_wiring(graph)
    for node in graph.nodes:
        for message in _check_node(node, members, model):
            yield node.name, message


def _check_wiring(graph: Graph) -> Iterator[tuple[str | None, str]]:
    """Names are unique, values are computed before they are taken, and values know exactly their users."""
    seen_nodes: set[str] = set()
    names: set[str] = set()
    visible: set[Value] = set()
    users: dict[Value, set[Node]] = {}

    def define(values: list[Value] | tuple[Value, ...]) -> Iterator[str]:
        for value in values:
            if value.name in names:
                yield f"the name of {value!r} is taken twice"
            names.add(value.name)
            visible.add(value)

    yield from ((None, message) for message in define(graph.inputs))
    for node in [*graph.nodes, graph.result]:
        if node.graph is not graph:
            yield node.name, "it belongs to another graph"
        if node.name in seen_nodes:
            yield node.name, "another node has its name"
        seen_nodes.add(node.name)
        for value in find_values((node.args, node.kwargs)):
            users.setdefault(value, set()).add(node)
            if value not in visible:
                yield node.name, f"it takes {value!r}, which is not computed before it in this graph"
        illegal = find_illegal((node.args, node.kwargs))
        if illegal:
            yield node.name, f"its arguments hold {illegal}, which is no literal"
        yield from ((node.name, message) for message in define(node.outputs))
    for value in visible:
        if set(value.uses) != users.get(value, set()):
            yield None, f"{value!r} does not know exactly the nodes that take it"


def _check_node(node: Node, members: dict[str, Member], model: Model) -> Iterator[str]:
    match node.op:
        case Call(target):
            member = members.get(target)
            if member is None:
                yield f"it calls the member {target!r}, which does not exist"
            elif isinstance(member.op, Tensor):
                yield f"it calls {target!r}, which is a {member.op.kind}"
            else:
                for cell in cells_of(member.op):
                    if cell in model.graphs:
                        yield from _check_arity(node, len(node.args), model.graphs[cell])
        case Attribute(target):
            if target != "training" and not isinstance(getattr(members.get(target), "op", None), Tensor):
                yield f"it reads {target!r}, which is no parameter or buffer"
        case ChooseInputs(_, n_candidates):
            given = node.args[0] if node.args else None
            if not isinstance(given, (list, tuple)) or len(given) != n_candidates:
                yield f"it chooses among {n_candidates} inputs and is given {given!r}"
        case If(then, otherwise):
            for branch in (then, otherwise):
                yield from _check_branch(node, branch, len(node.args) - 1, len(node.outputs), model)
        case Loop(body, n_carried):
            yield from _check_branch(node, body, len(node.args) - 1, n_carried + 1, model)


def _check_branch(node: Node, branch: str, n_inputs: int, n_results: int, model: Model) -> Iterator[str]:
    graph = model.graphs.get(branch)
    if graph is None:
        yield f"its branch {branch!r} does not exist"
        return
    if graph.region_of is None:
        yield f"its branch {branch!r} is no region of a graph"
    yield from _check_arity(node, n_inputs, graph)
    result = graph.result.args[0]
    if not isinstance(result, tuple) or len(result) != n_results:
        yield f"its branch {branch!r} has to return a tuple of {n_results}"


def _check_arity(node: Node, given: int, graph: Graph) -> Iterator[str]:
    if given != len(graph.inputs):
        yield f"it gives {given} values to {graph.name!r}, which takes {len(graph.inputs)}"
    if node.kwargs:
        yield f"it gives keyword arguments to {graph.name!r}, which takes none"


def _check_member(member: Member, model: Model) -> Iterator[str]:
    match member.op:
        case Module(_, args, kwargs):
            illegal = find_illegal((args, dict(kwargs)))
            if illegal:
                yield f"its arguments hold {illegal}, which is no literal"
            if any(find_values((args, dict(kwargs)))):
                yield "its arguments hold values, which are known in forward only"
        case Cell(graph):
            if graph not in model.graphs:
                yield f"its graph {graph!r} does not exist"
        case LayerChoice(label, candidates):
            if not candidates:
                yield f"the choice {label!r} has no candidates"
            for name, candidate in candidates:
                yield from (f"candidate {name!r}: {message}" for message in _check_member(candidate, model))


def _check_recursion(model: Model) -> Iterator[Violation]:
    """No graph contains itself."""
    done: set[str] = set()
    for start in model.graphs:
        path: list[tuple[str, Iterator[str]]] = [(start, iter(tuple(model.graphs[start].branches())))]
        inside = {start}
        while path and start not in done:
            name, rest = path[-1]
            following = next((c for c in rest if c not in done and c in model.graphs), None)
            if following is None:
                path.pop()
                inside.discard(name)
                done.add(name)
            elif following in inside:
                yield Violation(following, None, "it contains itself")
                return
            else:
                inside.add(following)
                path.append((following, iter(tuple(model.graphs[following].branches()))))
