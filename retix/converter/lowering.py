"""One graph while it is lowered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch

from retix.converter.name import name_variables
from retix.converter.place import read_user_frame
from retix.converter.program import Lowered, ModuleRef, Program
from retix.converter.tensor import describe_tensor
from retix.errors import ConversionError
from retix.ir import Attribute, Cell, Function, Graph, Location, Member, MemberOp, Model, Tensor, Value

NUMBER_TYPES = ("int", "float", "bool")
"""TorchScript's types of plain Python numbers."""


class GraphLowering:
    """Lowers one TorchScript graph; its methods are what handlers work with.

    Attributes:
        program: What is common to all graphs.
        path: The module's path.
        graph: The graph that grows.
        owner: The graph whose members it uses: itself, or the one it is a branch of.
        env: TorchScript's value names, to what stands for them: values, literals, structures of them, `ModuleRef`.
        numbers: The values that are Python numbers.
        tensors: The inputs that are single tensors.
        location: The user's line that is being lowered.
    """

    def __init__(self, program: Program, path: str, name: str, numbers: frozenset[int]) -> None:
        module = program.root.get_submodule(path)
        self.program = program
        self.path = path
        self.graph = Graph(
            name, type(module).__name__, type="torch.nn.Sequential" if type(module) is torch.nn.Sequential else None
        )
        self.owner = self.graph
        self.env: dict[str, Any] = {}
        self.numbers: set[Value] = set()
        self.tensors: set[Value] = set()
        self.location: Location | None = None
        self.n_regions = 0
        self._n_inlined = 0
        self._given_numbers = numbers
        self._called_from: Location | None = None
        self._marks: dict[int, None] = {}

    # -- the walk -----------------------------------------------------------------------------------------------

    def run(self, method: str) -> Lowered:
        """Lower the module's forward."""
        script = self.program.frontend.graph(self.path, method)
        me, *inputs = script.inputs()
        self.env[me.debugName()] = ModuleRef(self.path)
        by_value = {self._add_input(item, position): position for position, item in enumerate(inputs)}
        self.walk(script.nodes())
        results = [self.env[item.debugName()] for item in script.outputs()]
        result = results[0] if len(results) == 1 else tuple(results)
        flat = result if isinstance(result, tuple) else (result,)
        numbers = frozenset(i for i, item in enumerate(flat) if self.is_number(item))
        rebuild = self.program.frontend.rebuild
        self.graph.set_result(self.settle(rebuild(list(flat)) if rebuild is not None and not self.path else result))
        order = self._order_inputs(by_value)
        name_variables(self.graph, self.program.names)
        return Lowered(self.graph, order, result, numbers, self._called_from)

    def _add_input(self, item: Any, position: int) -> Value:
        names = None if self.path else self.program.frontend.input_names
        value = self.graph.add_input(readable(item.debugName()) if names is None else names[position])
        self.env[item.debugName()] = value
        if position in self._given_numbers or str(item.type()) in NUMBER_TYPES:
            self.numbers.add(value)
        elif item.type().kind() == "TensorType":
            self.tensors.add(value)
        return value

    def walk(self, nodes: Any) -> None:
        """Lower nodes in order.

        Raises:
            ConversionError: One of them has no form in the IR.
        """
        handlers = self.program.handlers
        for node in nodes:
            self.location = read_user_frame(node.sourceRange()) or self.location
            kind = node.kind()
            handler = handlers.get(kind) or (handlers[""] if not kind.startswith("prim::") else None)
            if handler is None:
                raise self.refuse(f"the step {kind} of TorchScript has no form in a graph")
            handler(self, node)

    def inline(self, script: Any, given: list[Any]) -> list[Any]:
        """Lower a graph of TorchScript, called with ``given``, in place; returns what it returns."""
        outer = self.env
        self._n_inlined += 1
        self.env = {item.debugName(): part for item, part in zip(script.inputs(), given, strict=True)}
        self.walk(script.nodes())
        results = [self.env[item.debugName()] for item in script.outputs()]
        self.env = outer
        self._n_inlined -= 1
        return results

    def _order_inputs(self, by_value: Mapping[Value, int]) -> tuple[int, ...]:
        """Put inputs that the user's forward names first, in its order."""
        order = [*self._marks, *(i for i in range(len(self.graph.inputs)) if i not in self._marks)]
        self.graph.inputs = [self.graph.inputs[i] for i in order]
        for index, value in enumerate(self.graph.inputs):
            value.index = index
        return tuple(by_value[value] for value in self.graph.inputs)

    # -- what handlers work with --------------------------------------------------------------------------------

    def refuse(self, what: str, *, why: str | None = None, fix: str | None = None) -> ConversionError:
        """An error at the line that is being lowered."""
        cls = type(self.program.root.get_submodule(self.path)).__name__
        name = self.program.full(self.path)
        return ConversionError(
            f"{f'{name} ({cls})' if name else cls}: {what}",
            where=self.location,
            why=why,
            fix=fix or f"decorate {cls} with @basic_unit, which captures it whole",
        )

    def get(self, item: Any) -> Any:
        """What stands for a value of TorchScript."""
        return self.env[item.debugName()]

    def inputs(self, node: Any) -> list[Any]:
        """What stands for the inputs of a node."""
        return [self.env[item.debugName()] for item in node.inputs()]

    def bind(self, node: Any, item: Any) -> None:
        """Let ``item`` stand for the node's only output."""
        self.env[node.outputsAt(0).debugName()] = item

    def bind_outputs(self, node: Any, values: tuple[Any, ...]) -> None:
        """Let ``values`` stand for the node's outputs; those of a number's type are numbers."""
        for output, value in zip(node.outputs(), values, strict=True):
            self.env[output.debugName()] = value
            if str(output.type()) in NUMBER_TYPES and isinstance(value, Value):
                self.numbers.add(value)

    def is_number(self, item: Any) -> bool:
        """Whether ``item`` is a Python number."""
        return isinstance(item, (bool, int, float)) or (isinstance(item, Value) and item in self.numbers)

    def emit(self, op: Any, args: Any, kwargs: Any = None, *, name: str = "x", number: bool = False) -> Value:
        """Add a node of one output."""
        value = self.graph.add(op, self.settle(args), self.settle(kwargs), name=name, location=self.location).output
        if number:
            self.numbers.add(value)
        return value

    def call(self, function: str, *args: Any, name: str = "x", number: bool = False, **kwargs: Any) -> Value:
        """Add a node that applies an operator."""
        return self.emit(Function(function), args, kwargs, name=name, number=number)

    def settle(self, item: Any) -> Any:
        """``item`` as an argument.

        Raises:
            ConversionError: There is a module among the values.
        """
        if isinstance(item, ModuleRef):
            raise self.refuse(f"the module {item.path!r} is used as a value", why="a graph only calls modules")
        if type(item) in (list, tuple):
            return type(item)(self.settle(part) for part in item)
        if isinstance(item, dict):
            return {key: self.settle(part) for key, part in item.items()}
        return item

    def device(self) -> Value:
        """The device that the graph runs on: its first tensor's; without one, that of a buffer made for it."""
        tensor = next((value for value in self.graph.inputs if value in self.tensors), None)
        if tensor is None:
            tensor = self.constant("device_anchor", torch.empty(0))
        return self.call("python::device", tensor, name="device")

    def mark(self, value: Value, name: str, location: Location | None) -> None:
        """Note that the user's forward calls an input ``name``, and who called it."""
        if value.producer is None and value.graph is self.graph and not self._n_inlined:
            self._marks.setdefault(value.index)
            self.graph.rename(value, name)
            self._called_from = location

    def local(self, path: str) -> str:
        """``path`` relative to the module of this graph."""
        return path[len(self.path) + 1 :] if self.path else path

    def member(self, path: str, describe: Callable[[], MemberOp]) -> str:
        """The name of the member for the module or tensor at ``path``, made once."""
        name = self.local(path)
        if name not in self.owner.members:
            self._check_reachable(name)
            self.owner.members[name] = Member(describe(), name)
        return name

    def _check_reachable(self, name: str) -> None:
        """What a call that is written in place uses inside of another cell has to be a part of that cell's graph."""
        members = self.owner.members
        for key, member in members.items():
            if isinstance(member.op, Cell) and name.startswith(f"{key}."):
                inside = self.program.model.graphs[member.op.graph].members
                rest = name[len(key) + 1 :]
                if rest not in inside and not any(rest.startswith(f"{part}.") for part in inside):
                    raise self.refuse(
                        f"{name} is used by a later call of {key}, and not by the first",
                        why="a module that is called more than once has one graph, that of its first call",
                        fix=f"make one instance of {key} for each call, or decorate its class with @basic_unit",
                    )

    def constant(self, name: str, tensor: torch.Tensor) -> Value:
        """Read a constant that has no name in the user's model; equal ones are one member."""
        described = describe_tensor(tensor, self.program.full(f"{self.path}.{name}".strip(".")), "constant")
        members = self.owner.members
        known = (key for key, member in members.items() if member.op == described and member.origin is None)
        target = next(known, None) or self.owner.add_member(name, described)
        return self.emit(Attribute(target), (), name=target)

    def is_constant(self, item: Any) -> bool:
        """Whether ``item`` was read by `constant`."""
        if not (isinstance(item, Value) and item.producer is not None and isinstance(item.producer.op, Attribute)):
            return False
        member = self.owner.members.get(item.producer.op.target)
        return member is not None and member.origin is None and isinstance(member.op, Tensor)


def lower_forward(
    program: Program, path: str, method: str = "forward", numbers: frozenset[int] = frozenset()
) -> Lowered | None:
    """The graph of the forward of the module at ``path``; a module that is called again has one graph.

    Args:
        program: What the module belongs to.
        path: Relative to the root of the program.
        method: ``forward``, or what a trace calls a later call of it.
        numbers: Which of its inputs are Python numbers.

    Returns:
        None if this call does something else than the first, as with other arguments that are no tensors.

    Raises:
        ConversionError: Something in it cannot be captured.
    """
    name = program.full(path) or program.model.root_name
    lowered = GraphLowering(program, path, name, numbers).run(method)
    known = program.done.setdefault(path, lowered)
    if known is lowered:
        program.model.graphs[name] = lowered.graph
    elif not _is_same(known, lowered, program.model):
        return None
    return Lowered(known.graph, lowered.order, lowered.results, lowered.numbers, lowered.location)


def _is_same(left: Lowered, right: Lowered, model: Model) -> bool:
    def digest(lowered: Lowered) -> str:
        return Model({**model.graphs, lowered.graph.name: lowered.graph}, lowered.graph.name).digest()

    return left.numbers == right.numbers and digest(left) == digest(right)


Handler: TypeAlias = Callable[[GraphLowering, Any], None]
"""Lowers one node."""


def readable(name: str) -> str:
    """A variable's name from TorchScript's name of a value."""
    base = name.split(".")[0]
    return base if base and not base[0].isdigit() else "x"
