"""Lowering of structured control flow; the branches are graphs that use the members of the graph around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retix.converter.asked import agree
from retix.converter.lowering import GraphLowering, Handler, readable
from retix.converter.name import name_variables
from retix.ir import Function, Graph, If, Loop, Value
from retix.space import Expression

_FOREVER = 2**62
"""TorchScript counts a ``while`` up to about twice this."""


def lower_if(low: GraphLowering, node: Any) -> None:
    """Two branches; with a condition that is known, the one that is taken."""
    condition = low.get(node.inputsAt(0))
    if isinstance(condition, Expression) and agree(condition):  # as a check of arguments does
        condition = condition.default()
    blocks = list(node.blocks())
    if not isinstance(condition, (Value, Expression)):
        block = blocks[0 if condition else 1]
        low.walk(block.nodes())
        low.bind_outputs(node, tuple(low.get(item) for item in block.outputs()))
        return
    branches = [_lower_region(low, block, []) for block in blocks]
    taken = list(dict.fromkeys(value for region in branches for value in region.inner))
    names = [region.finish(taken) for region in branches]
    args = (low.settle(condition), *taken)  # by a choice, the branches are those of models
    made = low.graph.add(If(*names), args, output_names=_names(node), location=low.location)
    _bind_variables(low, node, made.outputs)


def lower_loop(low: GraphLowering, node: Any) -> None:
    """``for`` with a count, ``while`` without."""
    trips, begin, *carried = low.inputs(node)
    (block,) = node.blocks()
    region = _lower_region(low, block, [low.is_number(item) for item in carried])
    taken = list(region.inner)
    name = region.finish(taken)
    forever = isinstance(trips, int) and trips >= _FOREVER
    args = (None if forever else low.settle(trips), low.settle(begin), *low.settle(carried), *taken)
    made = low.graph.add(Loop(name, len(carried)), args, output_names=_names(node), location=low.location)
    _bind_variables(low, node, made.outputs)


def _names(node: Any) -> list[str]:
    """The compiler names what leaves a branch after the user's variable, where there is one."""
    return [_variable(item) or _NAMES.get(str(item.type()), "x") for item in node.outputs()]


_NAMES = {"bool": "flag", "int": "n"}


def _variable(item: Any) -> str | None:
    name: str = item.debugName().split(".")[0]
    return name if name[0].isalpha() else None


def _bind_variables(low: GraphLowering, node: Any, values: tuple[Value, ...]) -> None:
    low.bind_outputs(node, values)
    for output, value in zip(node.outputs(), values, strict=True):
        value.variable = _variable(output)


class Region(GraphLowering):
    """Lowers a block; values of the graph around it come in as inputs.

    Attributes:
        inner: Values of the graph around it, to the inputs that stand for them.
    """

    def __init__(self, outer: GraphLowering) -> None:
        super().__init__(outer.program, outer.path, outer.graph.name, frozenset())
        owner = outer.owner
        outer.n_regions += 1
        self.graph = Graph(f"{outer.graph.name}:{outer.n_regions}", owner.class_name, region_of=owner.name)
        self.owner = owner
        self.location = outer.location
        self.inner: dict[Value, Value] = {}
        self._outer = outer
        self._result: tuple[Any, ...] = ()
        self.env = _Scope(outer.env, self._enter)

    def lower_block(self, block: Any, carried: list[bool]) -> None:
        """Lower a block; ``carried`` says which values that a loop carries are numbers."""
        for index, item in enumerate(block.inputs()):
            value = self.graph.add_input("i" if index == 0 else readable(item.debugName()))
            self.env[item.debugName()] = value
            if index == 0 or carried[index - 1]:
                self.numbers.add(value)
        self.walk(block.nodes())
        self._result = tuple(self.settle(self.get(item)) for item in block.outputs())

    def finish(self, taken: list[Value]) -> str:
        """Let the inputs end with those for ``taken``, in that order; returns the graph's name."""
        for value in taken:
            self._enter(value)
        entered = set(self.inner.values())
        self.graph.inputs = [value for value in self.graph.inputs if value not in entered]
        self.graph.inputs += [self.inner[value] for value in taken]
        for index, value in enumerate(self.graph.inputs):
            value.index = index
        self.graph.set_result(self._result)
        name_variables(self.graph, self.program.names)
        self.program.model.graphs[self.graph.name] = self.graph
        return self.graph.name

    def device(self) -> Value:
        """The device of the graph around the block."""
        entered: Value = self._enter(self._outer.device())
        return entered

    def _enter(self, item: Any) -> Any:
        if type(item) in (list, tuple):
            return type(item)(self._enter(part) for part in item)
        if isinstance(item, dict):
            return {key: self._enter(part) for key, part in item.items()}
        if not isinstance(item, Value) or item.graph is self.graph:
            return item
        if item not in self.inner:
            self.inner[item] = value = self.graph.add_input(item.name)
            if item in self._outer.numbers:
                self.numbers.add(value)
        return self.inner[item]


class _Scope(dict[str, Any]):
    """An environment that takes what it lacks from the one around it."""

    def __init__(self, outer: Mapping[str, Any], enter: Callable[[Any], Any]) -> None:
        super().__init__()
        self._outer = outer
        self._enter = enter

    def __missing__(self, key: str) -> Any:
        return self._enter(self._outer[key])


def _lower_region(low: GraphLowering, block: Any, carried: list[bool]) -> Region:
    region = Region(low)
    region.lower_block(block, carried)
    return region


def lower_raise(low: GraphLowering, node: Any) -> None:
    """``raise``; what TorchScript keeps of it is the message."""
    message = next((item for item in low.inputs(node) if isinstance(item, str)), "")
    low.graph.add(Function("python::raise"), (message,), n_outputs=0, location=low.location)


HANDLERS: Mapping[str, Handler] = {
    "prim::If": lower_if,
    "prim::Loop": lower_loop,
    "prim::RaiseException": lower_raise,
}
