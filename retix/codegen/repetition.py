"""Loops over a ``ModuleList``, which tracing unrolls, rolled up again.

A loop is found where the items of a list are called once each, in order, by runs of nodes that are alike but for the
item, follow each other without a gap, and hand on one value. What a loop keeps of each round stays unrolled.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from retix.ir import Call, Function, Graph, If, Loop, Model, Node, Tensor, Value, find_values, map_values

CONTAINER = "retix::container"
"""The operator that reads a list of members; its argument is the list's dotted name."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """Runs of nodes that a loop can stand for.

    Attributes:
        container: The dotted name of the list.
        runs: The nodes of each round.
        start: What the first round begins with.
        result: Position and output of the node in a run that computes what the next one begins with.
    """

    container: str
    runs: tuple[tuple[Node, ...], ...]
    start: Value
    result: tuple[int, int]

    def handed_on(self, number: int) -> Value:
        """What a run hands on."""
        position, index = self.result
        return self.runs[number][position].outputs[index]


def restore_loops(model: Model, owner: Graph) -> None:
    """Write loops in a graph and its branches, after which its members are not looked up by their calls any more."""
    containers = dict(_find_containers(owner))
    for graph in [
        graph for graph in model.graphs.values() if graph.name == owner.name or graph.region_of == owner.name
    ]:
        for container, items in containers.items():
            found = _find_repetition(graph, container, items)
            if found is not None:
                _roll_up(model, graph, found)


def _find_containers(owner: Graph) -> Iterator[tuple[str, list[str]]]:
    """Yield the lists of modules with their items."""
    lists: dict[str, list[str]] = {}
    for name in owner.members:
        lists.setdefault(name.rpartition(".")[0], []).append(name)
    for container, items in lists.items():
        inside = [name for name in owner.members if name.startswith(f"{container}.")]
        is_list = all(name.rpartition(".")[2].isdigit() for name in items) and inside == items
        if container and len(items) > 1 and is_list and not isinstance(owner.members[items[0]].op, Tensor):
            yield container, items


def _find_repetition(graph: Graph, container: str, items: list[str]) -> Repetition | None:
    nodes = list(graph.nodes)
    places = [i for i, node in enumerate(nodes) if isinstance(node.op, Call) and node.op.target in items]
    if [nodes[place].op.target for place in places] != items:  # type: ignore[union-attr]  # they are calls
        return None
    length = places[1] - places[0]
    if any(second - first != length for first, second in itertools.pairwise(places)):
        return None
    for before in range(min(length, places[0] + 1)):
        starts = [place - before for place in places]
        runs = tuple(tuple(nodes[start : start + length]) for start in starts)
        found = _match(container, runs, places[0] - starts[0]) if len(runs[-1]) == length else None
        if found is not None:
            return found
    return None


def _match(container: str, runs: tuple[tuple[Node, ...], ...], call: int) -> Repetition | None:
    """The runs as a repetition, if they are one.

    Args:
        container: The list.
        runs: Equally long runs of nodes.
        call: The position of the item's call in them.
    """
    if any(isinstance(node.op, (If, Loop)) for node in runs[0]):
        return None
    handed = {value for node in runs[0] for value in node.outputs if any(user in runs[1] for user in value.uses)}
    if len(handed) != 1:
        return None
    (value,) = handed
    producer = next(position for position, node in enumerate(runs[0]) if value in node.outputs)
    start = next((before for before in _first_operands(runs, value)), None)
    if start is None:
        return None
    found = Repetition(container, runs, start, (producer, value.index))
    numbers = range(len(runs))
    same = {repr(_describe(found, number, call)) for number in numbers}
    return found if len(same) == 1 and all(_keeps_inside(found, number) for number in numbers) else None


def _first_operands(runs: tuple[tuple[Node, ...], ...], handed: Value) -> Iterator[Value]:
    """Yield what the first run has where the second one takes what the first one hands on."""
    for first, second in zip(runs[0], runs[1], strict=True):
        pairs = zip(find_values((first.args, first.kwargs)), find_values((second.args, second.kwargs)), strict=False)
        yield from (left for left, right in pairs if right is handed)


def _describe(found: Repetition, number: int, call: int) -> list[Any]:
    """What a run does, in terms that are equal for equal rounds; values from around the loop stand for themselves."""
    run = found.runs[number]
    begin = found.handed_on(number - 1) if number else found.start
    known: dict[Value, str] = {begin: "begin"}
    described: list[Any] = []
    for position, node in enumerate(run):
        args, kwargs = map_values((node.args, node.kwargs), lambda value: known.get(value, value))
        # the user's names stand at what is computed last by their lines, which is in the last round
        last = found.runs[-1][position].outputs
        is_named = [value.variable in (None, other.variable) for value, other in zip(node.outputs, last, strict=False)]
        described.append((None if position == call else node.op, args, kwargs, is_named))
        known.update((value, f"output {position} {index}") for index, value in enumerate(node.outputs))
    return described


def _keeps_inside(found: Repetition, number: int) -> bool:
    """Whether a run hands on one value, and only to the next; what comes out of the last one is for everybody."""
    run, handed = found.runs[number], found.handed_on(number)
    following = found.runs[number + 1] if number + 1 < len(found.runs) else ()
    return all(
        user in run or (value is handed and (not following or user in following))
        for node in run
        for value in node.outputs
        for user in value.uses
    )


def _roll_up(model: Model, graph: Graph, found: Repetition) -> None:
    first, location = found.runs[0], found.runs[0][0].location
    inner = {value for node in first for value in node.outputs}
    around = [v for v in dict.fromkeys(find_values([(node.args, node.kwargs) for node in first])) if v not in inner]
    given = [value for value in around if value is not found.start]
    body = Graph(f"{graph.name}.{found.container}", graph.class_name, region_of=graph.region_of or graph.name)
    item = body.add_input(name_item(found.container))
    known = {value: _add_input(body, value) for value in [found.start, *given]}
    for position, node in enumerate(first):
        args, kwargs = map_values((node.args, node.kwargs), known.__getitem__)
        op = node.op
        if isinstance(op, Call) and op.target.startswith(f"{found.container}."):
            op, args = Function("python::call"), (item, *args)
        names = [value.name for value in node.outputs]
        made = body.add(op, args, kwargs, name=node.name, output_names=names, location=node.location)
        for old, new, last in zip(node.outputs, made.outputs, found.runs[-1][position].outputs, strict=True):
            new.variable = last.variable
            known[old] = new
    body.set_result((True, known[found.handed_on(0)]))
    model.graphs[body.name] = body
    items = graph.add(Function(CONTAINER), (found.container,), before=first[0], name="items").output
    arguments = (items, True, found.start, *given)
    loop = graph.add(Loop(body.name, 1), arguments, before=first[0], name=found.start.name, location=location)
    last = found.handed_on(-1)
    loop.output.variable = last.variable
    last.replace_by(loop.output)
    for node in reversed([node for run in found.runs for node in run]):
        node.remove()


def _add_input(body: Graph, value: Value) -> Value:
    made = body.add_input(value.name)
    made.variable = value.variable
    made.take_type(value)
    return made


def name_item(container: str) -> str:
    """What an item of ``blocks`` is called: ``block``; of a name that is no plural, ``layer``."""
    name = container.rpartition(".")[2]
    for ending, instead in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x"), ("s", "")):
        if name.endswith(ending) and not name.endswith("ss") and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + instead
    return "layer"
