"""Train and eval mode in one model: what differs between the two traces becomes `self.training`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retix.errors import ConversionError
from retix.ir import Attribute, Function, Graph, If, Model, Node, Tensor, Value, map_values

Translation = dict[Value, Value]


def merge_modes(eval_model: Model, train_model: Model) -> Model:
    """The model that does in each mode what the model captured in that mode does.

    Graphs that are equal stay. Where only booleans differ, the mode takes their place. Otherwise the graph begins
    with what both have in common, and an `If` holds the rest.

    Raises:
        ConversionError: The two modes of a module take different inputs.
    """
    for name, graph in list(train_model.graphs.items()):
        if name not in eval_model.graphs:
            eval_model.graphs[name] = graph
    for name, graph in list(eval_model.graphs.items()):
        other = train_model.graphs.get(name)
        if other is None or other is graph or graph.region_of is not None:
            continue
        _share_members(graph, other)
        pairs = _pair(graph, other)
        if pairs is None:
            _branch(eval_model, graph, other)
        else:
            for mine, theirs in pairs:
                _merge_node(mine, theirs)
    return eval_model


def _share_members(graph: Graph, other: Graph) -> None:
    """Let ``graph`` have the members of both; constants, which have no names of their own, get one name each."""
    renamed: dict[str, str] = {}
    for name, member in other.members.items():
        if member.origin is not None or not isinstance(member.op, Tensor):
            graph.members.setdefault(name, member)
            continue
        equal = (key for key, mine in graph.members.items() if mine.origin is None and mine.op == member.op)
        renamed[name] = next(equal, None) or graph.add_member(name, member.op)
    for node in other.nodes:
        if isinstance(node.op, Attribute) and node.op.target in renamed:
            node.op = Attribute(renamed[node.op.target])


def _pair(graph: Graph, other: Graph) -> list[tuple[Node, Node]] | None:
    """The nodes of both graphs side by side, or None if they differ in more than booleans."""
    if len(graph.inputs) != len(other.inputs):
        return None
    twins: dict[Value, Value] = dict(zip(graph.inputs, other.inputs, strict=True))
    mine, theirs = [*graph.nodes, graph.result], [*other.nodes, other.result]
    if len(mine) != len(theirs):
        return None
    pairs = list(zip(mine, theirs, strict=True))
    for left, right in pairs:
        if not _is_twin(left, right, twins):
            return None
        twins.update(zip(left.outputs, right.outputs, strict=True))
    return pairs


def _is_twin(left: Node, right: Node, twins: Translation) -> bool:
    """Whether two nodes do the same but for booleans."""
    same = left.op == right.op and len(left.outputs) == len(right.outputs)
    return same and _match((left.args, left.kwargs), (right.args, right.kwargs), twins)


def _match(left: Any, right: Any, twins: Translation) -> bool:
    """Whether two arguments are equal, or different booleans."""
    if isinstance(left, Value):
        return twins.get(left) is right
    if isinstance(left, bool) and isinstance(right, bool):
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(_match(a, b, twins) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_match(left[key], right[key], twins) for key in left)
    return bool(left == right)


def _merge_node(node: Node, other: Node) -> None:
    if _booleans(node.args) != _booleans(other.args) or _booleans(node.kwargs) != _booleans(other.kwargs):
        args, kwargs = _with_mode((node.args, node.kwargs), (other.args, other.kwargs), node)
        node.set_arguments(args, kwargs)


def _booleans(argument: Any) -> list[bool]:
    if isinstance(argument, bool):
        return [argument]
    items = argument.values() if isinstance(argument, dict) else argument
    return [flag for item in items for flag in _booleans(item)] if isinstance(argument, (list, tuple, dict)) else []


def _with_mode(left: Any, right: Any, node: Node) -> Any:
    """``left`` (eval) with the mode in place of each boolean that ``right`` (train) has otherwise."""
    if isinstance(left, bool) and left is not right:
        training = node.graph.add(Attribute("training"), name="training", before=node).output
        return node.graph.add(Function("python::not"), (training,), before=node).output if left else training
    if isinstance(left, (list, tuple)):
        return type(left)(_with_mode(a, b, node) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return {key: _with_mode(item, right[key], node) for key, item in left.items()}
    return left


def _branch(model: Model, graph: Graph, other: Graph) -> None:
    """Let ``graph`` do what it does in eval mode and what ``other`` does in training, between what they share."""
    if len(graph.inputs) != len(other.inputs):
        raise ConversionError(
            f"{graph.name} takes {len(graph.inputs)} tensors in eval mode and {len(other.inputs)} in training",
            where=next((str(node.location) for node in other.nodes if node.location), None),
            why="a graph has one signature for both modes",
            fix=f"decorate {graph.class_name} with @basic_unit",
        )
    twins: Translation = dict(zip(graph.inputs, other.inputs, strict=True))
    mine, theirs = list(graph.nodes), list(other.nodes)
    while mine and theirs and _is_twin(mine[0], theirs[0], twins):
        twins.update(zip(mine[0].outputs, theirs[0].outputs, strict=True))
        _merge_node(mine.pop(0), theirs.pop(0))
    tail = _find_tail(mine, theirs, graph, other, twins)
    cut_mine, cut_theirs = len(mine) - len(tail.nodes), len(theirs) - len(tail.nodes)
    identity = {value: value for value in twins}
    outside = {theirs: mine for mine, theirs in twins.items()}
    results = list(zip(*tail.meeting, strict=True)) or [(), ()]
    eval_, eval_taken = _region(f"{graph.name}:eval", graph, mine[:cut_mine], results[0], identity)
    train, train_taken = _region(f"{graph.name}:train", graph, theirs[:cut_theirs], results[1], outside)
    taken = list(dict.fromkeys([*train_taken, *eval_taken]))
    for region, known in ((train, train_taken), (eval_, eval_taken)):
        _align(region, known, taken)
        model.graphs[region.name] = region
    anchor = mine[cut_mine] if tail.nodes else graph.result
    training = graph.add(Attribute("training"), name="training", before=anchor).output
    names = [left.name if isinstance(left, Value) else "x" for left, _ in tail.meeting]
    merged = graph.add(If(train.name, eval_.name), (training, *taken), output_names=names, before=anchor)
    meets = list(zip(tail.meeting, merged.outputs, strict=True))
    for pair, output in meets:
        output.variable = next((v.variable for v in pair if isinstance(v, Value) and v.variable), None)
        if isinstance(pair[0], Value):
            output.take_type(pair[0])
    for node, twin in [*tail.nodes, (graph.result, other.result)]:
        _take_merged(node, twin, meets)
        _merge_node(node, twin)
    for node in reversed(mine[:cut_mine]):
        node.remove()


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
    return _match(left, right, twins)


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


def _region(
    name: str, owner: Graph, nodes: list[Node], results: tuple[Any, ...], outside: Translation
) -> tuple[Graph, list[Value]]:
    """A branch that holds copies of ``nodes``; returns it with the outer values that it takes, in input order."""
    region = Graph(name, owner.class_name, region_of=owner.name)
    inner: dict[Value, Value] = {}
    taken: list[Value] = []

    def enter(value: Value) -> Value:
        if value not in inner:
            inner[value] = region.add_input(value.name)
            inner[value].take_type(value)
            taken.append(outside[value])
        return inner[value]

    for node in nodes:
        args, kwargs = map_values((node.args, node.kwargs), enter)
        names = [value.name for value in node.outputs]
        copied = region.add(node.op, args, kwargs, name=node.name, output_names=names, location=node.location)
        for old, new in zip(node.outputs, copied.outputs, strict=True):
            new.variable = old.variable
            new.take_type(old)
        inner.update(zip(node.outputs, copied.outputs, strict=True))
    region.set_result(map_values(results, enter))
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
