"""Effects: which nodes do more than compute their values, and which are alive for that or for their values.

A node is alive if one that is alive takes one of its values, and does something with it: an argument at a position that
the called graph, or both branches, never use counts for nothing.

Changing a tensor in place is an effect only where somebody can see it. ``relu(conv(x), inplace=True)`` overwrites what
the convolution has just made, so that whoever calls the graph notices nothing, and nobody misses it once its own value
is dead. To tell, memory is followed back: some operators and layers always return new memory, others may return (a
view of) what they are given, and of the rest nothing is known.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from retix.ir.graph import Graph, cells_of
from retix.ir.node import Node, Value, find_values
from retix.ir.op import Attribute, Call, Cell, Function, If, LayerChoice, Loop, MemberOp, Module, NodeOp
from retix.ir.order import sort_below

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


Outside: TypeAlias = tuple[bool, frozenset[int]]
"""What can be seen of a graph by who runs it: whether it has effects, and which of its inputs it uses."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a graph does to what its caller can see, and what it uses for that.

    Attributes:
        acts: Whether one of its own nodes changes something in place, or may stop the model.
        own: Whether its caller can see that.
        calls: The graphs that it calls or runs, once each, whose effects are its effects too.
        targets: The members that its nodes use.
        idle: Whether there is a node whose values nobody takes; without one, no node is dead.
    """

    acts: bool
    own: bool
    calls: tuple[str, ...]
    targets: frozenset[str]
    idle: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """Which of its inputs a graph uses.

    Attributes:
        inputs: The positions.
        around: How the graphs that it runs looked from outside when that was found.
    """

    inputs: frozenset[int]
    around: tuple[Outside, ...]


class Effects:
    """The effects in one model; each graph is looked at once, so the model must not change meanwhile."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._of_graph: dict[str, bool] = {}
        self._summaries: dict[Graph, Effect] = {}
        self._used: dict[str, frozenset[int]] = {}
        self._dropping: dict[Graph, bool] = {}

    def of(self, node: Node) -> bool:
        """Whether the node changes a value in place, or may stop the model, itself or in a graph that it runs."""
        operation = self._find_operation(node)
        return _changes_itself(operation) or any(map(self.of_graph, graphs_run_by(operation)))

    def of_graph(self, name: str) -> bool:
        """Whether who calls the graph can see an effect of it."""
        if name not in self._of_graph:
            for inner in sort_below([name, *self._model.graphs], self._called):  # one walk for all
                graph = self._model.graphs.get(inner)
                effect = self.summary(graph) if graph is not None else None
                # a graph that, against the rules, contains itself is not known yet when it is asked for
                self._of_graph[inner] = effect is not None and (
                    effect.own or any(self._of_graph.get(called, False) for called in effect.calls)
                )
        return self._of_graph[name]

    def look_from_outside(self, name: str) -> Outside:
        """What the liveness of nodes that run the graph depends on."""
        return self.of_graph(name), self.used_inputs(name)

    def used_inputs(self, name: str) -> frozenset[int]:
        """The positions of the inputs that the graph uses: alive nodes take them, or its result does."""
        if name not in self._used:
            order = sort_below([name, *self._model.graphs], self._not_yet_used)
            graphs = {inner: self._model.graphs[inner] for inner in order if inner in self._model.graphs}
            # a graph that, against the rules, contains itself or does not exist is looked up before it is known
            self._used.update({inner: frozenset() for inner in order})
            self._used.update({inner: frozenset(range(len(graph.inputs))) for inner, graph in graphs.items()})
            self.of_graph(name)  # and so of all below
            for inner, graph in graphs.items():
                usage = graph.usage
                known = usage is not None and usage.around == self._look_around(self.summary(graph).calls)
                self._used[inner] = usage.inputs if known and usage is not None else self._find_used(graph)
        return self._used[name]

    def _not_yet_used(self, name: str) -> tuple[str, ...]:
        graph = self._model.graphs.get(name)
        return self.summary(graph).calls if graph is not None and name not in self._used else ()

    def _find_used(self, graph: Graph) -> frozenset[int]:
        if self.may_be_dead(graph):
            live, _ = self.live_nodes(graph)
            taken = {value for node in (*live, graph.result) for value in self.inputs_of(node)}
            used = frozenset([value.index for value in graph.inputs if value in taken])
        else:
            used = frozenset([value.index for value in graph.inputs if value.is_used])
        if graph.is_settled(self._model.graphs):
            graph.usage = Usage(used, self._look_around(self.summary(graph).calls))
        return used

    def _look_around(self, calls: tuple[str, ...]) -> tuple[Outside, ...]:
        """How graphs whose effects and used inputs are known look from outside."""
        return tuple([(self._of_graph[name], self._used[name]) for name in calls]) if calls else ()

    def _drops(self, name: str) -> bool:
        """Whether the graph has inputs that it does not use."""
        graph = self._model.graphs.get(name)
        return graph is not None and len(self.used_inputs(name)) < len(graph.inputs)

    def drops_arguments(self, graph: Graph) -> bool:
        """Whether `arguments_of` may differ from the arguments for any of its nodes."""
        found = self._dropping.get(graph)
        if found is None:
            self._dropping[graph] = found = any(map(self._drops, self.summary(graph).calls))
        return found

    def may_be_dead(self, graph: Graph) -> bool:
        """Whether any of its nodes may be dead; where not, all are alive."""
        return self.summary(graph).idle or self.drops_arguments(graph)

    def arguments_of(self, node: Node) -> tuple[Any, ...]:
        """The positional arguments, None in place of those that the graphs which the node runs never use."""
        if isinstance(node.op, Function) or not self.drops_arguments(node.graph):
            return node.args
        operation = self._find_operation(node)
        if not isinstance(operation, (Cell, LayerChoice, If, Loop)) or not any(
            map(self._drops, graphs_run_by(operation))
        ):
            return node.args
        first = _first_input(operation)
        return tuple(
            [
                item if position < first[0] or self._is_used(operation, position - first[0] + first[1]) else None
                for position, item in enumerate(node.args)
            ]
        )

    def inputs_of(self, node: Node) -> tuple[Value, ...]:
        """The values among the arguments that count, each once, in order."""
        args = self.arguments_of(node)
        return node.inputs if args is node.args else tuple(dict.fromkeys(find_values((args, node.kwargs))))

    def _is_used(self, operation: MemberOp | NodeOp, index: int) -> bool:
        """Whether something that the operation runs uses the input of that position."""
        if isinstance(operation, LayerChoice):
            return any(self._is_used(candidate.op, index) for _, candidate in operation.candidates)
        names = graphs_run_by(operation)
        return not names or any(index in self.used_inputs(name) for name in names)

    def _called(self, name: str) -> tuple[str, ...]:
        graph = self._model.graphs.get(name)
        return self.summary(graph).calls if graph is not None and name not in self._of_graph else ()

    def summary(self, graph: Graph) -> Effect:
        """The effects of one graph, apart from those of the graphs that it runs."""
        known = self._summaries.get(graph)
        if known is None:
            settled = graph.is_settled(self._model.graphs)
            known = graph.effect if settled else None
            if known is None:
                known = self._summarize(graph)
                graph.effect = known if settled else graph.effect
            self._summaries[graph] = known
        return known

    def _summarize(self, graph: Graph) -> Effect:
        nodes = list(graph.nodes)
        operations = [self._find_operation(node) for node in nodes]
        calls = dict.fromkeys([name for operation in operations for name in graphs_run_by(operation)])
        acting = [node for node, operation in zip(nodes, operations, strict=True) if _changes_itself(operation)]
        targets = frozenset([node.op.target for node in nodes if isinstance(node.op, (Call, Attribute))])
        idle = not all(any(value.is_used for value in node.outputs) for node in nodes)
        own = bool(acting) and _reaches_out(nodes, operations, acting)
        return Effect(bool(acting), own, tuple(calls), targets, idle)

    def has_effects(self, graph: Graph) -> bool:
        """Whether `of` holds for any of its nodes."""
        effect = self.summary(graph)
        return effect.acts or any(map(self.of_graph, effect.calls))

    def live_nodes(self, graph: Graph) -> tuple[set[Node], bool]:
        """The nodes whose values or effects count, and whether there are effects among them."""
        nodes = list(graph.nodes)
        if not self.may_be_dead(graph):
            return set(nodes), self.has_effects(graph)
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
        live: set[Node] = set()
        taken = set(graph.result.inputs)
        dead = set(dead)
        for node in reversed(nodes):
            if not taken.isdisjoint(node.outputs) or (node in acting and not self._is_private_change(node, dead)):
                live.add(node)
                taken.update(self.inputs_of(node))
            else:
                dead.add(node)
        return live

    def _is_private_change(self, node: Node, dead: Collection[Node]) -> bool:
        """Whether nobody alive can see the memory that the node changes."""
        pending = [(value, node) for value in _changed(node)]
        if not pending or not _changes_itself(self._find_operation(node)):
            return False
        while pending:
            value, by = pending.pop()
            seen = [user for user in value.uses if user is not by and user not in dead]
            if value.producer is None or any(value in self.inputs_of(user) for user in seen):
                return False
            source = self.memory_of(value.producer)
            if source is None:
                return False
            pending += [(item, value.producer) for item in source]
        return True

    def memory_of(self, node: Node) -> tuple[Value, ...] | None:
        """The inputs whose memory the outputs may be; empty for new memory, None where it is not known."""
        return _memory_of(node, self._find_operation(node))

    def _find_operation(self, node: Node) -> MemberOp | NodeOp | None:
        """What the node does: the op of the member that it calls, None if there is none such, or its own."""
        if not isinstance(node.op, Call):
            return node.op
        graph = node.graph
        owner = graph if graph.region_of is None else self._model.graphs.get(graph.region_of, graph)
        member = owner.members.get(node.op.target)
        return member.op if member is not None else None


def _first_input(operation: MemberOp | NodeOp) -> tuple[int, int]:
    """The first position of the arguments that goes to an input that may be unused, and that input."""
    if isinstance(operation, Loop):
        return 2 + operation.n_carried, 1 + operation.n_carried
    return (1, 0) if isinstance(operation, If) else (0, 0)


def changes_in_place(node: Node, model: Model) -> bool:
    """Whether the node changes a value in place, or may stop the model, itself or in a graph that it runs."""
    return Effects(model).of(node)


def graphs_run_by(operation: MemberOp | NodeOp | None) -> tuple[str, ...]:
    """The names of the graphs that a node of this operation calls, or runs as branches."""
    if isinstance(operation, (Cell, LayerChoice)):
        return tuple(cells_of(operation))
    if isinstance(operation, If):
        return operation.then, operation.otherwise
    return (operation.body,) if isinstance(operation, Loop) else ()


def _changes_itself(operation: MemberOp | NodeOp | None) -> bool:
    if isinstance(operation, LayerChoice):  # it may become any of its candidates
        return any(_changes_itself(candidate.op) for _, candidate in operation.candidates)
    if isinstance(operation, Function):
        return _is_in_place(operation.name) or operation.name in _EFFECTS
    return isinstance(operation, Module) and _is_in_place_layer(operation)


def _reaches_out(nodes: list[Node], operations: list[MemberOp | NodeOp | None], acting: list[Node]) -> bool:
    """Whether a node changes anything but memory that was new in this graph."""
    local: set[Value] = set()
    for node, operation in zip(nodes, operations, strict=True):
        source = _memory_of(node, operation)
        if source is not None and local.issuperset(source):
            local.update(node.outputs)
    return not all((changed := _changed(node)) and changed <= local for node in acting)


def _memory_of(node: Node, operation: MemberOp | NodeOp | None) -> tuple[Value, ...] | None:
    if isinstance(operation, Function):
        if operation.name in _FRESH_OPERATORS:
            return ()
        return node.inputs or None if operation.name.startswith("aten::") else None
    if not isinstance(operation, Module) or not operation.type.startswith("torch.nn."):
        return None
    aliases = operation.type.removeprefix("torch.nn.") in _ALIASING_LAYERS or _is_in_place_layer(operation)
    return (node.inputs or None) if aliases else ()


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
