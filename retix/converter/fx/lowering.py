"""The lowering of scopes: torch.fx's nodes into the IR, one small function per kind of target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch

from retix.converter.builder import GraphBuilder
from retix.converter.construction import map_parts
from retix.converter.fx.estimate import UNKNOWN, Estimator
from retix.converter.fx.kind import NUMBERS, kind_of
from retix.converter.fx.scope import LOCATION, Node, Scope, map_tree, pick
from retix.converter.name import name_variables
from retix.converter.program import Lowered, Program
from retix.ir import Value


@dataclass(frozen=True, slots=True)
class Sizes:
    """``x.shape``, of which no node is made before it is known what is wanted of it.

    Attributes:
        source: The tensor.
        rank: How many dimensions it has, if that is known.
    """

    source: Value
    rank: int | None


CaptureNode: TypeAlias = "Callable[[SymbolicProgram, torch.nn.Module, str, Node], str]"


@dataclass(kw_only=True)
class SymbolicProgram(Program):
    """What all graphs of one symbolic run share.

    Attributes:
        estimator: What is known of nodes.
        handlers: What lowers each kind of node.
        capture: Captures a candidate of a choice that a node calls; returns the name of its graph.
        has_examples: Shapes are known, and kept on values.
    """

    estimator: Estimator
    handlers: Mapping[str, Handler]
    capture: CaptureNode
    has_examples: bool

    def at(self, root: torch.nn.Module, estimator: Estimator, prefix: str) -> SymbolicProgram:
        """A program for another captured module, whose graphs go into the same model."""
        return replace(self, root=root, estimator=estimator, prefix=prefix, done={})


class ScopeLowering(GraphBuilder):
    """Lowers one scope; its methods are what handlers work with.

    Attributes:
        env: What stands for each node: values, literals, structures of them, `Sizes`.
        kinds: What values are that are neither tensors nor numbers.
    """

    program: SymbolicProgram

    def __init__(self, program: SymbolicProgram, scope: Scope, name: str) -> None:
        super().__init__(program, scope.path, name)
        self.env: dict[Node, Any] = {}
        self.kinds: dict[Value, type] = {}
        self._live: set[Node] = set()
        self._places: dict[Node, int] = {}

    def run(self, scope: Scope, given: Sequence[Any], wanted: list[Node] | None) -> Lowered:
        """Lower the scope.

        Args:
            scope: What forward did.
            given: What the caller has for each input, or nothing for the outermost scope.
            wanted: What the caller takes, or None for what the user's forward returns.
        """
        inputs = [node for node in scope.graph.nodes if node.op == "placeholder"]
        order = self._add_inputs(scope, inputs, given)
        self.add_constants(scope.constants)
        self._live.update(_nodes_of(scope.result) if wanted is None else wanted)
        self.walk(scope)
        found = map_parts(self.get, scope.result) if wanted is None else tuple(self.get(node) for node in wanted)
        if wanted is not None and len(wanted) == 1:
            found = found[0]
        flat = found if isinstance(found, tuple) else (found,)
        numbers = frozenset(i for i, item in enumerate(flat) if self.is_number(item))
        self.location = None
        self.graph.set_result(self.settle(found))
        name_variables(self.graph, self.program.names)
        return Lowered(self.graph, order, found, numbers, None)

    def _add_inputs(self, scope: Scope, inputs: list[Node], given: Sequence[Any]) -> tuple[int, ...]:
        """One input for each value that the caller passes, tensors first; returns their places in ``given``."""
        places: list[int] = []
        late: list[tuple[int, Node]] = []
        for place, node in enumerate(inputs):
            outer = given[place] if given else None
            if given and not isinstance(outer, Value):
                self.env[node] = outer
            elif kind_of(node) in NUMBERS:
                late.append((place, node))
            else:
                self._add_input(node, scope.names[place])
                places.append(place)
        for place, node in late:
            if node.users or not given:
                self._add_input(node, scope.names[place])
                places.append(place)
        return tuple(places)

    def _add_input(self, node: Node, name: str) -> Value:
        value = self.graph.add_input(name)
        value.variable = name
        self.bind(node, value)
        if kind_of(node) is torch.Tensor:
            self.tensors.add(value)
        self._keep_type(node)
        return value

    def walk(self, scope: Scope) -> None:
        """Lower the nodes of a scope whose inputs are bound.

        Raises:
            ConversionError: One of them has no form in the IR.
        """
        self._places.update((node, place) for place, node in enumerate(scope.graph.nodes, len(self._places)))
        for node in scope.graph.nodes:
            if node.op != "placeholder":
                self.location = node.meta[LOCATION] or self.location
                self.program.handlers[node.op](self, node)
                self._keep_type(node)

    def _keep_type(self, node: Node) -> None:
        """Keep what is known of a node's shape on its value."""
        found = self.env.get(node)
        if not self.program.has_examples or not isinstance(found, (Value, tuple)):
            return
        known = self.program.estimator.find(node)
        pairs = (
            zip(found, known, strict=False)
            if isinstance(found, tuple) and isinstance(known, tuple)
            else [(found, known)]
        )
        for value, tensor in pairs:
            if isinstance(value, Value) and isinstance(tensor, torch.Tensor) and value.shape is None:
                value.shape, value.dtype = tuple(tensor.shape), str(tensor.dtype)

    # -- what handlers work with --------------------------------------------------------------------------------

    def get(self, item: Any) -> Any:
        """What stands for a node; what is no node stands for itself."""
        return self.env[item] if isinstance(item, Node) else item

    def arguments(self, node: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What stands for the arguments of a node."""
        args, kwargs = map_tree(self.get, (node.args, node.kwargs))
        return args, kwargs

    def get_tree(self, tree: Any) -> Any:
        """What stands for the nodes in lists, tuples, dicts and slices."""
        return map_tree(self.get, tree)

    def bind(self, node: Node, item: Any) -> None:
        """Let ``item`` stand for a node."""
        self.env[node] = item
        self._note_kind(item, kind_of(node))

    def _note_kind(self, item: Any, kind: type) -> None:
        if isinstance(item, Value) and kind is not torch.Tensor:
            self.kinds[item] = kind
            if kind in NUMBERS:
                self.numbers.add(item)

    def kind(self, item: Any) -> type:
        """The Python type of an argument."""
        if isinstance(item, Value) and item in self.kinds:
            return self.kinds[item]
        return torch.Size if isinstance(item, Sizes) else super().kind(item)

    def spread(self, item: Any) -> Any:
        """``item`` with lists in the place of whole shapes, or values of lists where the rank is not known."""
        return map_tree(lambda part: self.settle(part) if isinstance(part, Sizes) else part, item)

    def rank(self, node: Any) -> int | None:
        """How many dimensions the tensor of a node has, if that is known."""
        return self.program.estimator.rank(node) if isinstance(node, Node) else None

    def known(self, node: Node) -> Any:
        """What a node is for the example inputs, or `UNKNOWN`."""
        return self.program.estimator.find(node) if self.program.has_examples else UNKNOWN

    def size(self, sizes: Sizes, index: int) -> Value:
        """One of the sizes of a tensor."""
        place = index + sizes.rank if index < 0 and sizes.rank is not None else index
        return self.call("aten::size", sizes.source, place, name="size", number=True)

    def settle(self, item: Any) -> Any:
        """``item`` as an argument; whole shapes become lists of sizes where the rank is known."""
        if isinstance(item, Sizes):
            if item.rank is not None:
                return [self.size(item, i) for i in range(item.rank)]
            value = self.call("aten::size", item.source, name="shape")
            self.kinds[value] = torch.Size
            return value
        if type(item) is slice:
            return slice(*map(self.settle, (item.start, item.stop, item.step)))
        if isinstance(item, (torch.dtype, torch.layout, torch.memory_format, torch.device, torch.Size)):
            return self.program.leaves.literal(item, self.program.full(self.path))
        return super().settle(item)

    def live_picks(self, call: Node) -> list[Node]:
        """What is taken of the results of a call, in the order of the first use, as in a trace."""

        def first_use(node: Node) -> int:
            return min((self._places[user] for user in node.users), default=len(self._places))

        picks = [user for user in call.users if user.target is pick and (user.users or user in self._live)]
        return sorted(picks, key=first_use)

    def inline(self, scope: Scope, given: Sequence[Any], wanted: list[Node]) -> None:
        """Lower another scope in place."""
        inputs = [node for node in scope.graph.nodes if node.op == "placeholder"]
        self.env.update(zip(inputs, given, strict=True))
        self._live.update(wanted)
        self.walk(scope)


Handler: TypeAlias = Callable[[ScopeLowering, Node], None]
"""Lowers one node."""


def lower_scope(
    program: SymbolicProgram, scope: Scope, given: Sequence[Any] = (), wanted: list[Node] | None = None
) -> Lowered | None:
    """The graph of a scope; a module that is called again has one graph.

    Returns:
        None if this call does something else than the first.

    Raises:
        ConversionError: Something in it has no form in the IR.
    """
    name = program.full(scope.path) or program.model.root_name
    return program.keep(scope.path, ScopeLowering(program, scope, name).run(scope, given, wanted))


def _nodes_of(tree: Any) -> list[Node]:
    found: list[Node] = []
    map_parts(lambda item: found.append(item) if isinstance(item, Node) else None, tree)
    return found
