"""Effects: which nodes do more than compute their values, and which nodes are dead.

Changing a tensor in place is an effect only where somebody can see it. ``relu(conv(x), inplace=True)`` overwrites what
the convolution has just made, so that whoever calls the graph notices nothing, and nobody misses it once its own value
is dead. To tell, memory is followed back: some operators and layers always return new memory, others may return (a
view of) what they are given, and of the rest nothing is known.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retix.ir.graph import Graph, cells_of
from retix.ir.node import Node, Value
from retix.ir.op import Attribute, Call, Function, If, Loop, MemberOp, Module

if TYPE_CHECKING:
    from retix.ir.model import Model

_EFFECTS = {"python::append", "python::setitem", "python::raise", "aten::_assert_async"}

INPLACE_POSITION = {
    **dict.fromkeys(("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardsigmoid", "Hardswish"), 0),
    **dict.fromkeys(("ELU", "CELU", "LeakyReLU", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d"), 1),
    **dict.fromkeys(("AlphaDropout", "FeatureAlphaDropout"), 1),
    **dict.fromkeys(("Hardtanh", "RReLU", "Threshold"), 2),
}
"""Where ``inplace`` stands among the arguments of the layers of ``torch.nn`` that have it."""

# Layers that may return their input, or a view of it; Dropout does so in eval mode.
_ALIASING_LAYERS = {"Identity", "Flatten", "Unflatten", *(name for name in INPLACE_POSITION if "Dropout" in name)}

# Operators that always return new memory; of those that are not listed, nothing is assumed.
_FRESH_OPERATORS = {
    *("aten::add", "aten::sub", "aten::mul", "aten::div", "aten::cat", "aten::stack", "aten::matmul", "aten::linear"),
    *(
        "aten::conv1d",
        "aten::conv2d",
        "aten::conv3d",
        "aten::batch_norm",
        "aten::layer_norm",
        "aten::mean",
        "aten::sum",
    ),
    *("aten::relu", "aten::gelu", "aten::silu", "aten::sigmoid", "aten::tanh", "aten::softmax", "aten::log_softmax"),
    *("aten::max_pool2d", "aten::avg_pool2d", "aten::adaptive_avg_pool2d"),
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What a graph does to what its caller can see.

    Attributes:
        acts: Whether one of its own nodes changes something in place, or may stop the model.
        own: Whether its caller can see that.
        calls: The graphs that it calls or runs, once each, whose effects are its effects too.
    """

    acts: bool
    own: bool
    calls: tuple[str, ...]


class Effects:
    """The effects in one model; each graph is looked at once, so the model must not change meanwhile."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._of_graph: dict[str, bool] = {}
        self._summaries: dict[str, Effect] = {}

    def of(self, node: Node) -> bool:
        """Whether the node changes a value in place, or may stop the model, itself or in a graph that it runs."""
        return self._changes_itself(node) or any(self.of_graph(name) for name in self._runs(node))

    def of_graph(self, name: str) -> bool:
        """Whether who calls the graph can see an effect of it."""
        if name not in self._of_graph:
            self._of_graph[name] = False  # for a graph that, against the rules, contains itself
            graph = self._model.graphs.get(name)
            effect = self.summary(graph) if graph is not None else Effect(False, False, ())
            self._of_graph[name] = effect.own or any(map(self.of_graph, effect.calls))
        return self._of_graph[name]

    def summary(self, graph: Graph) -> Effect:
        """The effects of one graph, apart from those of the graphs that it runs."""
        known = graph.effect or self._summaries.get(graph.name)
        if known is None:
            calls = tuple(dict.fromkeys(name for node in graph.nodes for name in self._runs(node)))
            acting = [node for node in graph.nodes if self._changes_itself(node)]
            known = Effect(bool(acting), bool(acting) and self._reaches_out(graph, acting), calls)
            self._summaries[graph.name] = known
            graph.effect = known if graph.frozen else None
        return known

    def _reaches_out(self, graph: Graph, acting: list[Node]) -> bool:
        """Whether a node changes anything but memory that was new in this graph."""
        local: set[Value] = set()
        for node in graph.nodes:
            source = self._memory_of(node)
            if source is not None and local.issuperset(source):
                local.update(node.outputs)
        return not all((changed := _changed(node)) and changed <= local for node in acting)

    def has_effects(self, graph: Graph) -> bool:
        """Whether `of` holds for any of its nodes."""
        effect = self.summary(graph)
        return effect.acts or any(map(self.of_graph, effect.calls))

    def live_nodes(self, graph: Graph) -> tuple[set[Node], bool]:
        """The nodes whose values or effects count, and whether there are effects among them."""
        nodes = list(graph.nodes)
        acting = {node for node in nodes if self.of(node)}
        live = self._find_live(graph, nodes, acting, set())
        while acting & live:
            # a later round knows which earlier users of an overwritten value are dead
            again = self._find_live(graph, nodes, acting, set(nodes) - live)
            if len(again) == len(live):
                break
            live = again
        return live, bool(acting & live)

    def _find_live(self, graph: Graph, nodes: list[Node], acting: set[Node], dead: set[Node]) -> set[Node]:
        live = {graph.result}
        dead = set(dead)
        for node in reversed(nodes):
            taken = any(user in live for value in node.outputs for user in value.uses)
            if taken or (node in acting and not self._is_private_change(node, dead)):
                live.add(node)
            else:
                dead.add(node)
        return live - {graph.result}

    def _is_private_change(self, node: Node, dead: Collection[Node]) -> bool:
        """Whether nobody alive can see the memory that the node changes."""
        pending = [(value, node) for value in _changed(node)]
        if not pending or not self._changes_itself(node):
            return False
        while pending:
            value, by = pending.pop()
            if value.producer is None or any(user is not by and user not in dead for user in value.uses):
                return False
            source = self._memory_of(value.producer)
            if source is None:
                return False
            pending += [(item, value.producer) for item in source]
        return True

    def _changes_itself(self, node: Node) -> bool:
        if isinstance(node.op, Function):
            return _is_in_place(node.op.name) or node.op.name in _EFFECTS
        op = self._operation(node)
        return isinstance(op, Module) and _is_in_place_layer(op)

    def _memory_of(self, node: Node) -> tuple[Value, ...] | None:
        """The inputs whose memory the outputs may be; empty for new memory, None where it is not known."""
        if isinstance(node.op, Function):
            if node.op.name in _FRESH_OPERATORS:
                return ()
            return node.inputs or None if node.op.name.startswith("aten::") else None
        op = self._operation(node)
        if not isinstance(op, Module) or not op.type.startswith("torch.nn."):
            return None
        aliases = op.type.removeprefix("torch.nn.") in _ALIASING_LAYERS or _is_in_place_layer(op)
        return (node.inputs or None) if aliases else ()

    def _operation(self, node: Node) -> MemberOp | None:
        if not isinstance(node.op, Call):
            return None
        owner = self._model.graphs.get(node.graph.region_of or "", node.graph)
        member = owner.members.get(node.op.target)
        return member.op if member is not None else None

    def _runs(self, node: Node) -> tuple[str, ...]:
        match node.op:
            case Call():
                op = self._operation(node)
                return tuple(cells_of(op)) if op is not None else ()
            case If(then, otherwise):
                return then, otherwise
            case Loop(body):
                return (body,)
        return ()


def changes_in_place(node: Node, model: Model) -> bool:
    """Whether the node changes a value in place, or may stop the model, itself or in a graph that it runs."""
    return Effects(model).of(node)


def remove_dead(model: Model) -> None:
    """Take out nodes whose values nobody takes, members that no node uses, and graphs that no member is.

    Nodes with effects stay, except where what they change is dead too; see `retix.ir.effect`.
    """
    for name in tuple(model.graphs):
        _remove_dead_nodes(name, model)
    _remove_unreachable(model)  # the branches of dead nodes use no members any more
    used = _used_members(model)
    for name, graph in tuple(model.graphs.items()):
        if graph.region_of is None and not set(graph.members) <= used[name]:
            editable = model.graph(name)
            editable.members = {key: m for key, m in editable.members.items() if key in used[name]}
    _remove_unreachable(model)


def _is_in_place(operator: str) -> bool:
    return operator.endswith("_") and not operator.endswith("__")


def _is_in_place_layer(module: Module) -> bool:
    """Whether the layer was made with ``inplace``; a choice that is still open may become True."""
    position = INPLACE_POSITION.get(module.type.removeprefix("torch.nn."))
    given: Any = module.args[position] if position is not None and position < len(module.args) else False
    return module.kwargs.get("inplace", given) not in (False, None)


def _changed(node: Node) -> set[Value]:
    """The values that a node with an effect of its own overwrites; empty where that is not all it does."""
    if isinstance(node.op, Function):
        first = node.args[0] if node.args else None
        return {first} if _is_in_place(node.op.name) and isinstance(first, Value) else set()
    return set(node.inputs) if isinstance(node.op, Call) else set()


def _remove_dead_nodes(name: str, model: Model) -> None:
    shared = model.graphs[name]
    if all(any(value.uses for value in node.outputs) for node in shared.nodes):
        return  # the last of several dead nodes has no user at all
    live, _ = Effects(model).live_nodes(shared)
    if len(live) == len(shared):
        return
    names = {node.name for node in shared.nodes} - {node.name for node in live}
    for node in reversed(list(model.graph(name).nodes)):
        if node.name in names:
            node.remove()


def _used_members(model: Model) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {name: set() for name in model.graphs}
    for name, graph in model.graphs.items():
        owner = graph.region_of or name
        for node in graph.nodes:
            if isinstance(node.op, (Call, Attribute)) and owner in used:
                used[owner].add(node.op.target)
    return used


def _remove_unreachable(model: Model) -> None:
    reachable = {model.root_name}
    frontier = [model.root_name]
    while frontier:
        for child in model.graphs[frontier.pop()].branches():
            if child not in reachable and child in model.graphs:
                reachable.add(child)
                frontier.append(child)
    for name in [name for name in model.graphs if name not in reachable]:
        del model.graphs[name]
