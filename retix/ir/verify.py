"""The rules of the IR.

A graph that cannot change any more is looked at once: what was found right about it stays right as long as the graphs
that it calls look the same from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from retix.ir.graph import Graph, cells_of
from retix.ir.literal import find_illegal
from retix.ir.node import Node, Value, find_values
from retix.ir.op import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Constant,
    If,
    LayerChoice,
    Loop,
    Member,
    Module,
    Open,
    Return,
    SelectInputs,
    Tensor,
)
from retix.ir.order import find_circular, sort_below

if TYPE_CHECKING:
    from retix.ir.model import Model


REDUCTIONS = ("sum", "mean", "concat", "none")
"""What may become of the inputs that `ChooseInputs` takes."""


Interface: TypeAlias = "tuple[str | None, int, int | None] | None"
"""What the graphs around a graph can rely on: the graph that it is a branch of, how many inputs it has, and how many
results if it returns a tuple; None where there is no such graph."""


@dataclass(frozen=True, slots=True)
class Check:
    """A graph in which nothing was wrong.

    Attributes:
        around: The graphs that were looked at as well, and how they looked from outside.
    """

    around: tuple[tuple[str, Interface], ...]

    def holds(self, model: Model) -> bool:
        """Whether these graphs still look the same."""
        return all(_describe(name, model) == interface for name, interface in self.around)


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
    if model.graphs[model.root_name].region_of is not None:
        found.append(Violation(model.root_name, None, "it is the root, and a branch of another graph"))
    for name, graph in model.graphs.items():
        if graph.name != name:
            found.append(Violation(name, None, f"it is called {graph.name!r} itself"))
        if not (graph.is_settled(model.graphs) and graph.check is not None and graph.check.holds(model)):
            broken = [Violation(name, node, message) for node, message in _check_graph(graph, model)]
            graph.check = None if broken or not graph.is_settled(model.graphs) else _look_around(graph, model)
            found += broken
    return found + list(_check_recursion(model))


def _look_around(graph: Graph, model: Model) -> Check:
    """The check of a graph that is right; a branch calls the cells of the graph around it."""
    names = dict.fromkeys((*graph.branches(), *graph.scope.branches()))
    return Check(tuple((name, _describe(name, model)) for name in names))


def _describe(name: str, model: Model) -> Interface:
    graph = model.graphs.get(name)
    if graph is None:
        return None
    result = graph.result.args[0] if graph.result.args else None
    return graph.region_of, len(graph.inputs), len(result) if isinstance(result, tuple) else None


def _check_graph(graph: Graph, model: Model) -> Iterator[tuple[str | None, str]]:
    members = graph.members
    if graph.region_of is not None:
        if graph.region_of not in model.graphs:
            yield None, f"it is a branch in {graph.region_of!r}, which does not exist"
        else:
            members = model.graphs[graph.region_of].members
        if graph.members:
            yield None, f"it is a branch and has members of its own: {', '.join(graph.members)}"
    for name, member in graph.members.items():
        for message in _check_member(member, model):
            yield None, f"member {name!r}: {message}"
    yield from _check_wiring(graph)
    for node in [*graph.nodes, graph.result]:
        for message in _check_node(node, members, model):
            yield node.name, message


def _check_wiring(graph: Graph) -> Iterator[tuple[str | None, str]]:
    """Names are unique, values are computed before they are taken, and values know exactly their users."""
    seen_nodes: set[str] = set()
    names: set[str] = set()
    visible: set[Value] = set()
    users: dict[Value, set[Node]] = {}

    def define(values: Sequence[Value], producer: Node | None) -> Iterator[str]:
        for index, value in enumerate(values):
            if value.name in names:
                yield f"the name of {value!r} is taken twice"
            if not value.name.isidentifier():
                yield f"the name of {value!r} is no identifier"
            if (value.graph, value.producer, value.index) != (graph, producer, index):
                yield f"{value!r} does not know that it is computed here"
            names.add(value.name)
            visible.add(value)

    yield from ((None, message) for message in define(graph.inputs, None))
    for node in [*graph.nodes, graph.result]:
        if node.graph is not graph:
            yield node.name, "it belongs to another graph"
        if node.name in seen_nodes:
            yield node.name, "another node has its name"
        if not node.name.isidentifier():
            yield node.name, "its name is no identifier"
        seen_nodes.add(node.name)
        for value in find_values((node.args, node.kwargs)):
            users.setdefault(value, set()).add(node)
            if value not in visible:
                yield node.name, f"it takes {value!r}, which is not computed before it in this graph"
        illegal = find_illegal((node.args, node.kwargs))
        if illegal:
            yield node.name, f"its arguments hold {illegal}, which is no literal"
        yield from ((node.name, message) for message in define(node.outputs, node))
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
        case ChooseInputs():
            yield from _check_choice(node, node.op)
        case SelectInputs():
            yield from _check_selection(node, node.op)
        case If(then, otherwise):
            if not node.args:
                yield "it has no condition"
            for branch in (then, otherwise):
                yield from _check_branch(node, branch, len(node.args) - 1, len(node.outputs), model)
        case Loop(body, n_carried):
            if len(node.args) < 2 + n_carried or len(node.outputs) != n_carried:
                yield f"it carries {n_carried} values, takes {len(node.args)} and computes {len(node.outputs)}"
            yield from _check_branch(node, body, len(node.args) - 1, n_carried + 1, model)
        case Constant() | Return():
            if len(node.args) != 1 or node.kwargs:
                yield f"it takes exactly one argument, not {len(node.args)} and {len(node.kwargs)} by keyword"
            if (node.op == Return()) != (node is node.graph.result):
                yield "a graph returns once, at its end"


def _check_choice(node: Node, op: ChooseInputs) -> Iterator[str]:
    given = node.args[0] if node.args else None
    if not isinstance(given, (list, tuple)) or len(given) != op.n_candidates:
        yield f"it chooses among {op.n_candidates} inputs and is given {given!r}"
    if not (op.n_chosen == -1 or 1 <= op.n_chosen <= op.n_candidates):
        yield f"it chooses {op.n_chosen} of {op.n_candidates} inputs"
    if op.reduction not in REDUCTIONS:
        yield f"its reduction {op.reduction!r} is none of {', '.join(REDUCTIONS)}"


def _check_selection(node: Node, op: SelectInputs) -> Iterator[str]:
    given = node.args[0] if len(node.args) == 1 else None
    if not isinstance(given, (list, tuple)) or len(given) != len(op.conditions):
        yield f"it has {len(op.conditions)} conditions and is given {given!r}"
    for condition in op.conditions:
        if type(condition) not in (bool, Open):
            yield f"its condition {condition!r} is neither a boolean nor an expression"
    if op.reduction != "none" and all(condition is False for condition in op.conditions):
        yield "none of its conditions can hold"
    if op.reduction == "one" and sum(condition is True for condition in op.conditions) > 1:
        yield "it takes exactly one input, and several of its conditions hold"
    if op.reduction not in (*REDUCTIONS, "one"):
        yield f"its reduction {op.reduction!r} is none of {', '.join((*REDUCTIONS, 'one'))}"


def _check_branch(node: Node, branch: str, n_inputs: int, n_results: int, model: Model) -> Iterator[str]:
    graph = model.graphs.get(branch)
    if graph is None:
        yield f"its branch {branch!r} does not exist"
        return
    owner = node.graph.region_of or node.graph.name
    if graph.region_of != owner:
        yield f"its branch {branch!r} is no branch of {owner!r}"
    yield from _check_arity(node, n_inputs, graph)
    result = graph.result.args[0] if graph.result.args else None
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
            elif model.graphs[graph].region_of is not None:
                yield f"its graph {graph!r} is a branch of another graph"
        case Tensor():
            yield from _check_member(Member(member.op.init), model)
        case LayerChoice(label, candidates, weights):
            if not candidates:
                yield f"the choice {label!r} has no candidates"
            if len({name for name, _ in candidates}) < len(candidates):
                yield f"two candidates of the choice {label!r} have the same name"
            if weights is not None and len(weights) != len(candidates):
                yield f"the choice {label!r} has {len(weights)} weights for {len(candidates)} candidates"
            for name, candidate in candidates:
                yield from (f"candidate {name!r}: {message}" for message in _check_member(candidate, model))


def _check_recursion(model: Model) -> Iterator[Violation]:
    """No graph contains itself."""
    below = {name: [part for part in graph.branches() if part in model.graphs] for name, graph in model.graphs.items()}
    circular = find_circular(sort_below(below, below.__getitem__), below.__getitem__)
    if circular is not None:
        yield Violation(circular, None, "it contains itself")
