"""One graph while it grows: what every front end adds nodes and members with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from retix.converter.asked import settle_asked
from retix.converter.construction import Construction
from retix.converter.place import find_definition
from retix.converter.program import ModuleRef, Program
from retix.converter.tensor import describe_tensor
from retix.errors import ConversionError
from retix.ir import Attribute, Function, Graph, Location, Member, MemberOp, Tensor, Value
from retix.nn.pytorch import Repeat
from retix.space import Expression


class GraphBuilder:
    """Adds to one graph.

    Args:
        program: What is common to all graphs.
        path: The path of the module whose graph it is.
        name: The name of the graph.

    Attributes:
        program: See above.
        path: See above.
        graph: The graph that grows.
        owner: The graph whose members it uses: itself, or the one it is a branch of.
        numbers: The values that are Python numbers.
        tensors: The inputs that are single tensors.
        location: The user's line that is being lowered.
        keeps_lists: A list whose length is not known stays one value, as in compiled code.
    """

    keeps_lists = False

    def __init__(self, program: Program, path: str, name: str) -> None:
        module = program.root.get_submodule(path)
        self.program = program
        self.path = path
        is_chain = type(module) is torch.nn.Sequential or isinstance(module, Repeat)  # one is what becomes of the other
        self.graph = Graph(name, type(module).__name__, type="torch.nn.Sequential" if is_chain else None)
        self.owner = self.graph
        self.numbers: set[Value] = set()
        self.tensors: set[Value] = set()
        self.location: Location | None = None

    def add_constants(self, constants: Iterable[tuple[int, str, Any]]) -> None:
        """Take what the user's forward is given besides tensors, which is the same in every call.

        Args:
            constants: Place among all inputs, name and value of each.
        """
        for place, name, value in constants:
            taken = self.graph.add_input(name)
            taken.default = value
            self.graph.inputs = [*self.graph.inputs[:place], taken, *self.graph.inputs[place:-1]]
        for index, value in enumerate(self.graph.inputs):
            value.index = index

    def refuse(self, what: str, *, why: str | None = None, fix: str | None = None) -> ConversionError:
        """An error at the line that is being lowered; for what belongs to no line, where forward begins."""
        module = self.program.root.get_submodule(self.path)
        cls, name = type(module).__name__, self.program.full(self.path)
        return ConversionError(
            f"{f'{name} ({cls})' if name else cls}: {what}",
            where=self.location or find_definition(type(module).forward),
            why=why,
            fix=fix or f"decorate {cls} with @basic_unit, which captures it whole",
        )

    def is_number(self, item: Any) -> bool:
        """Whether ``item`` is a Python number."""
        if isinstance(item, Expression):
            return isinstance(item.default(), (bool, int, float))
        return isinstance(item, (bool, int, float)) or (isinstance(item, Value) and item in self.numbers)

    def kind(self, item: Any) -> type:
        """The Python type of an argument."""
        if isinstance(item, Value):
            return int if item in self.numbers else torch.Tensor
        return type(item.default() if isinstance(item, Expression) else item)

    def is_tensor(self, item: Any) -> bool:
        """Whether ``item`` is a tensor, or may be one."""
        return isinstance(item, Value) and self.kind(item) is torch.Tensor

    def complete(self, schema: Any, args: list[Any]) -> list[Any]:
        """``args`` with what a trace tells for options that are left out: the device of what is made."""
        makes = not any(self.is_tensor(item) for item in args)
        made = list(args)
        for position, parameter in enumerate(schema.arguments):
            if parameter.name == "device" and (makes or made[position] is not None):
                is_value = isinstance(made[position], Value)
                made[position] = made[position] if is_value else self.device()
            elif parameter.name == "pin_memory" and made[position] is None:
                made[position] = False
        return made

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
        item = settle_asked(item)
        if isinstance(item, ModuleRef):
            raise self.refuse(f"the module {item.path!r} is used as a value", why="a graph only calls modules")
        if type(item) in (list, tuple):
            return type(item)(self.settle(part) for part in item)
        if isinstance(item, dict):
            return {key: self.settle(part) for key, part in item.items()}
        if isinstance(item, Construction):
            return self.emit_call(item.target, item.args, item.kwargs)
        if isinstance(item, Expression):
            return self.program.leaves.literal(item, self.program.full(self.path))
        return item

    def emit_call(self, target: Any, args: Any, kwargs: Any = None, *, name: str = "x") -> Value:
        """Add a node that calls a class or function of the user's."""
        symbol = self.program.leaves.literal(target, self.program.full(self.path))
        return self.emit(Function("python::call"), (symbol, *args), kwargs or {}, name=name)

    def device(self) -> Value:
        """The device that the graph runs on: its first tensor's; without one, that of a buffer made for it."""
        tensor = next((value for value in self.graph.inputs if value in self.tensors), None)
        if tensor is None:
            tensor = self.constant("device_anchor", torch.empty(0))
        return self.call("python::device", tensor, name="device")

    def local(self, path: str) -> str:
        """``path`` relative to the module of this graph."""
        return path[len(self.path) + 1 :] if self.path else path

    def member(self, path: str, describe: Callable[[], MemberOp]) -> str:
        """The name of the member for the module or tensor at ``path``, made once."""
        name = self.local(path)
        if name not in self.owner.members:
            self.owner.members[name] = Member(describe(), name)
        return name

    def constant(self, name: str, tensor: torch.Tensor) -> Value:
        """Read a constant that has no name in the user's model; equal ones are one member."""
        described = describe_tensor(tensor, self.program.full(f"{self.path}.{name}".strip(".")), "constant")
        members = self.owner.members
        known = (key for key, member in members.items() if member.op == described and member.origin is None)
        target = next(known, None) or self.owner.add_member(name, described)
        return self.read(target, target)

    def read_own(self, path: str, tensor: torch.Tensor) -> Value:
        """Read the parameter, buffer or plain tensor at ``path``."""
        owner, _, name = path.rpartition(".")
        holder = self.program.root.get_submodule(owner)
        kind = "parameter" if name in holder._parameters else "buffer" if name in holder._buffers else "constant"
        persistent = name not in holder._non_persistent_buffers_set
        full = self.program.full(path)
        target = self.member(path, lambda: self.program.leaves.describe_tensor(tensor, full, kind, persistent))
        return self.read(target, name)

    def read(self, target: str, name: str) -> Value:
        """Read a member that is a tensor."""
        value = self.emit(Attribute(target), (), name=name)
        op = self.owner.members[target].op
        if isinstance(op, Tensor):
            value.shape, value.dtype = op.shape, op.dtype
        return value

    def is_constant(self, item: Any) -> bool:
        """Whether ``item`` was read by `constant`."""
        if not (isinstance(item, Value) and item.producer is not None and isinstance(item.producer.op, Attribute)):
            return False
        member = self.owner.members.get(item.producer.op.target)
        return member is not None and member.origin is None and isinstance(member.op, Tensor)
