"""Where the two modes of a graph do different things: an `If` on the mode, between what they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from retix.converter.twin import Translation, is_twin, match, merge_node
from retix.errors import ConversionError
from retix.ir import Attribute, Graph, If, Model, Node, Value, map_values


@dataclass(frozen=True, slots=True)
class _Part:
    """What one mode does alone.

    Attributes:
        nodes: Its nodes.
        results: What they are run for: values and literals.
        outside: Values that it may take, to those of the graph around it.
    """

    nodes: Sequence[Node]
    results: tuple[Any, ...]
    outside: Translation


def branch(model: Model, graph: Graph, other: Graph) -> None:
    """Let ``graph`` do what it does in eval mode and what ``other`` does in training.

    Both are walked side by side. Nodes that only one mode runs on the way to what both do go into an `If`; where they
    do not come together again, or only at the end, one `If` holds all that is between.

    Raises:
        ConversionError: They take different inputs.
    """
    if len(graph.inputs) != len(other.inputs):
        raise ConversionError(
            f"{graph.name} takes {len(graph.inputs)} tensors in eval mode and {len(other.inputs)} in training",
            where=next((str(node.location) for node in other.nodes if node.location), None),
            why="a graph has one signature for both modes",
            fix=f"decorate {graph.class_name} with @basic_unit",
        )
    twins: Translation = dict(zip(graph.inputs, other.inputs, strict=True))
    mine, theirs = list(graph.nodes), list(other.nodes)
    while mine and theirs and (joint := _find_joint(graph, mine, theirs, twins)) is not None:
        if joint.n_mine or joint.n_theirs:
            _add_alone(model, graph, mine, theirs, joint, twins)
        twins.update(zip(mine[0].outputs, theirs[0].outputs, strict=True))
        merge_node(mine.pop(0), theirs.pop(0))
    _end(model, graph, other, mine, theirs, twins)


_LOOK_AHEAD = 64
"""How many nodes one mode may run alone before both come together again; the search is quadratic."""


@dataclass(slots=True)
class _Joint:
    """Where both modes do the same again.

    Attributes:
        n_mine: How many nodes eval mode runs before.
        n_theirs: How many nodes training runs before.
        meeting: The values that they then take and that differ, of eval mode and of training.
    """

    n_mine: int
    n_theirs: int
    meeting: tuple[tuple[Value, Value], ...] = ()


def _find_joint(graph: Graph, mine: list[Node], theirs: list[Node], twins: Translation) -> _Joint | None:
    """The nearest nodes that do the same, maybe with values that training computed in between."""
    _read_alike(graph, mine, theirs, twins)
    if not (mine and theirs):
        return None
    made: set[Value] = set()
    for total in range(min(len(mine) + len(theirs) - 1, _LOOK_AHEAD)):
        for n_mine in range(max(0, total + 1 - len(theirs)), min(total + 1, len(mine))):
            if is_twin(mine[n_mine], theirs[total - n_mine], twins):
                return _Joint(n_mine, total - n_mine)
        if total < len(theirs):
            pairs = _find_pairs(mine[0], theirs[total], twins)
            if pairs and all(left in twins and right in made for left, right in pairs):
                return _Joint(0, total, tuple(pairs))
            made.update(theirs[total].outputs)
    return None


def _read_alike(graph: Graph, mine: list[Node], theirs: list[Node], twins: Translation) -> None:
    """Let both modes read the parameters and buffers that one of them reads now: a read does nothing."""
    while theirs and isinstance(theirs[0].op, Attribute) and not (mine and is_twin(mine[0], theirs[0], twins)):
        read = theirs.pop(0)
        copied = graph.add(read.op, name=read.name, before=mine[0] if mine else None, location=read.location)
        copied.output.take_type(read.output)
        copied.output.variable = read.output.variable
        twins[copied.output] = read.output
    while mine and isinstance(mine[0].op, Attribute) and not (theirs and is_twin(mine[0], theirs[0], twins)):
        value = mine.pop(0).output
        twins[value] = value  # it is known, and nothing in training stands for it


def _find_pairs(left: Node, right: Node, twins: Translation) -> list[tuple[Any, Any]]:
    """The values that two nodes take otherwise, if they are alike but for these."""
    pairs: dict[tuple[Any, Any], None] = {}
    is_alike = left.op == right.op and len(left.outputs) == len(right.outputs)
    met = is_alike and _meet((left.args, left.kwargs), (right.args, right.kwargs), twins, set(), pairs)
    return list(pairs) if met else []


def _add_alone(
    model: Model, graph: Graph, mine: list[Node], theirs: list[Node], joint: _Joint, twins: Translation
) -> None:
    """Let each mode run what it runs alone before the joint; to the other, what that computes is None.

    What training computes instead of a value of eval mode is one value with it.
    """
    runs = mine[: joint.n_mine], theirs[: joint.n_theirs]
    met = [right for _, right in joint.meeting]
    kept = _find_kept(runs[0]), [value for value in _find_kept(runs[1]) if value not in met]
    nothing: list[list[Any]] = [[None] * len(values) for values in kept]
    merged = _add_if(
        model,
        graph,
        mine[joint.n_mine],
        _Part(
            runs[0], (*(left for left, _ in joint.meeting), *kept[0], *nothing[1]), {value: value for value in twins}
        ),
        _Part(runs[1], (*met, *nothing[0], *kept[1]), {theirs: mine for mine, theirs in twins.items()}),
    )
    meets = list(zip(joint.meeting, merged, strict=False))
    _take_merged(mine[joint.n_mine], theirs[joint.n_theirs], meets)
    twins.update((output, right) for (_, right), output in meets)
    alone = merged[len(met) :]
    for value, output in zip(kept[0], alone, strict=False):
        value.replace_by(output)
        twins[output] = output  # see `_read_alike`
    twins.update(zip(alone[len(kept[0]) :], kept[1], strict=True))
    for node in reversed(runs[0]):
        node.remove()
    del mine[: joint.n_mine], theirs[: joint.n_theirs]


def _find_kept(run: list[Node]) -> list[Value]:
    """The values that somebody takes behind the run."""
    return [value for node in run for value in node.outputs if not set(value.uses) <= set(run)]


def _end(model: Model, graph: Graph, other: Graph, mine: list[Node], theirs: list[Node], twins: Translation) -> None:
    """Merge the rest, from where the modes differ up to where they end alike."""
    tail = _find_tail(mine, theirs, graph, other, twins)
    cut_mine, cut_theirs = len(mine) - len(tail.nodes), len(theirs) - len(tail.nodes)
    results = list(zip(*tail.meeting, strict=True)) or [(), ()]
    meets = []
    if tail.meeting or cut_mine or cut_theirs:
        merged = _add_if(
            model,
            graph,
            mine[cut_mine] if tail.nodes else graph.result,
            _Part(mine[:cut_mine], results[0], {value: value for value in twins}),
            _Part(theirs[:cut_theirs], results[1], {theirs: mine for mine, theirs in twins.items()}),
        )
        meets = list(zip(tail.meeting, merged, strict=True))
    for node, twin in [*tail.nodes, (graph.result, other.result)]:
        _take_merged(node, twin, meets)
        merge_node(node, twin)
    for node in reversed(mine[:cut_mine]):
        node.remove()


def _add_if(model: Model, graph: Graph, before: Node, eval_: _Part, train: _Part) -> tuple[Value, ...]:
    """Add an `If` on the mode; returns its results, named and typed like those of eval mode where it has any."""
    parts = {"train": train, "eval": eval_}
    regions = [_region(_name_region(model, graph, mode), graph, part) for mode, part in parts.items()]
    taken = list(dict.fromkeys(value for _, known in regions for value in known))
    for region, known in regions:
        _align(region, known, taken)
        model.graphs[region.name] = region
    mode = graph.add(Attribute("training"), name="training", before=before).output
    then, otherwise = (region.name for region, _ in regions)
    values = [
        [item for item in pair if isinstance(item, Value)] for pair in zip(eval_.results, train.results, strict=True)
    ]
    names = [pair[0].name if pair else "x" for pair in values]
    outputs = graph.add(If(then, otherwise), (mode, *taken), output_names=names, before=before).outputs
    for output, pair in zip(outputs, values, strict=True):
        output.variable = next((value.variable for value in pair if value.variable), None)
        if pair:
            output.take_type(pair[0])
    return outputs


def _name_region(model: Model, graph: Graph, mode: str) -> str:
    """A name for a branch that nothing else has."""
    names = (f"{graph.name}:{mode}{number or ''}" for number in count())
    return next(name for name in names if name not in model.graphs)


@dataclass(slots=True)
class _Tail:
    """What both modes end with.

    Attributes:
        nodes: The last nodes, in pairs.
        meeting: The values that they start from and that differ, in pairs, each once.
    """

    nodes: list[tuple[Node, Node]]
    meeting: list[tuple[Any, Any]]


def _find_tail(mine: list[Node], theirs: list[Node], graph: Graph, other: Graph, twins: Translation) -> _Tail:
    """The longest run of last nodes that differ in nothing but the values they start from."""
    ends_alike = [
        left.op == right.op and len(left.outputs) == len(right.outputs)
        for left, right in zip(reversed(mine), reversed(theirs), strict=False)
    ]
    longest = (*ends_alike, False).index(False)
    for length in range(longest, -1, -1):
        pairs = list(zip(mine[len(mine) - length :], theirs[len(theirs) - length :], strict=True))
        known = dict(twins)
        for left, right in pairs:
            known.update(zip(left.outputs, right.outputs, strict=True))
        inside = {value for left, _ in pairs for value in left.outputs}
        meeting: dict[tuple[Any, Any], None] = {}
        ends = [*pairs, (graph.result, other.result)]
        if all(_meet((a.args, a.kwargs), (b.args, b.kwargs), known, inside, meeting) for a, b in ends):
            return _Tail(pairs, list(meeting))
    return _Tail([], [(graph.result.args[0], other.result.args[0])])


def _meet(left: Any, right: Any, twins: Translation, inside: set[Value], meeting: dict[tuple[Any, Any], None]) -> bool:
    """Whether two arguments are equal but for booleans and for values computed before the tail; those are noted."""
    if isinstance(left, Value) and isinstance(right, Value):
        if twins.get(left) is right:
            return True
        if left in inside or any(twins.get(value) is right for value in inside):
            return False
        meeting[left, right] = None
        return True
    if isinstance(left, (list, tuple)) and type(left) is type(right) and len(left) == len(right):
        return all(_meet(a, b, twins, inside, meeting) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        return all(_meet(left[key], right[key], twins, inside, meeting) for key in left)
    return match(left, right, twins)


def _take_merged(node: Node, twin: Node, meets: list[tuple[tuple[Any, Any], Value]]) -> None:
    """Let a node of the tail take the merged value wherever the two modes bring different ones."""

    def take(left: Any, right: Any) -> Any:
        for (mine, theirs), merged in meets:
            if left is mine and right is theirs:
                return merged
        if isinstance(left, (list, tuple)) and type(left) is type(right):
            return type(left)(take(a, b) for a, b in zip(left, right, strict=True))
        if isinstance(left, dict) and isinstance(right, dict):
            return {key: take(item, right[key]) for key, item in left.items()}
        return left

    node.set_arguments(take(node.args, twin.args), take(node.kwargs, twin.kwargs))


def _region(name: str, owner: Graph, part: _Part) -> tuple[Graph, list[Value]]:
    """A branch that holds copies of a part's nodes; returns it with the outer values that it takes, in input order."""
    region = Graph(name, owner.class_name, region_of=owner.name)
    inner: dict[Value, Value] = {}
    taken: list[Value] = []

    def enter(value: Value) -> Value:
        if value not in inner:
            inner[value] = region.add_input(value.name)
            inner[value].take_type(value)
            taken.append(part.outside[value])
        return inner[value]

    for node in part.nodes:
        args, kwargs = map_values((node.args, node.kwargs), enter)
        names = [value.name for value in node.outputs]
        copied = region.add(node.op, args, kwargs, name=node.name, output_names=names, location=node.location)
        for old, new in zip(node.outputs, copied.outputs, strict=True):
            new.variable = old.variable
            new.take_type(old)
        inner.update(zip(node.outputs, copied.outputs, strict=True))
    region.set_result(map_values(part.results, enter))
    return region, taken


def _align(region: Graph, known: list[Value], taken: list[Value]) -> None:
    """Give ``region`` an input for each outer value in ``taken``, in that order."""
    by_outer = dict(zip(known, region.inputs, strict=True))
    for value in taken:
        if value not in by_outer:
            by_outer[value] = region.add_input(value.name)
            by_outer[value].take_type(value)
    region.inputs = [by_outer[value] for value in taken]
    for index, value in enumerate(region.inputs):
        value.index = index
