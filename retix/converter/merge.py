"""Train and eval mode in one model: what differs between the two traces becomes `self.training`."""

from __future__ import annotations

from retix.converter.branch import branch
from retix.converter.twin import Translation, is_twin, merge_node
from retix.ir import Attribute, Graph, Model, Node, Tensor


def merge_modes(eval_model: Model, train_model: Model) -> Model:
    """The model that does in each mode what the model captured in that mode does.

    Graphs that are equal stay. Where only booleans differ, the mode takes their place. Otherwise an `If` holds what the
    modes do not have in common.

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
            branch(eval_model, graph, other)
        else:
            for mine, theirs in pairs:
                merge_node(mine, theirs)
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
    twins: Translation = dict(zip(graph.inputs, other.inputs, strict=True))
    mine, theirs = [*graph.nodes, graph.result], [*other.nodes, other.result]
    if len(mine) != len(theirs):
        return None
    pairs = list(zip(mine, theirs, strict=True))
    for left, right in pairs:
        if not is_twin(left, right, twins):
            return None
        twins.update(zip(left.outputs, right.outputs, strict=True))
    return pairs
