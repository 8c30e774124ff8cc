"""One graph while it is lowered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from retix.converter.builder import GraphBuilder
from retix.converter.name import name_variables
from retix.converter.place import read_user_frame
from retix.converter.program import Lowered, ModuleRef, ScriptProgram
from retix.converter.traced_type import record_type
from retix.ir import Location, Value

NUMBER_TYPES = ("int", "float", "bool")
"""TorchScript's types of plain Python numbers."""


class GraphLowering(GraphBuilder):
    """Lowers one TorchScript graph; its methods are what handlers work with.

    Attributes:
        env: TorchScript's value names, to what stands for them: values, literals, structures of them, `ModuleRef`.
    """

    program: ScriptProgram

    def __init__(self, program: ScriptProgram, path: str, name: str, numbers: frozenset[int]) -> None:
        super().__init__(program, path, name)
        self.keeps_lists = program.frontend.keeps_lists
        self.env: dict[str, Any] = {}
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
        if not self.path:
            self.add_constants(self.program.frontend.constants)
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
            record_type(value, item.type(), self.numbers)
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

    def get(self, item: Any) -> Any:
        """What stands for a value of TorchScript."""
        return self.env[item.debugName()]

    def inputs(self, node: Any) -> list[Any]:
        """What stands for the inputs of a node."""
        return [self.env[item.debugName()] for item in node.inputs()]

    def bind(self, node: Any, item: Any) -> None:
        """Let ``item`` stand for the node's only output."""
        output = node.outputsAt(0)
        self.env[output.debugName()] = item
        if isinstance(item, (Value, tuple)):
            record_type(item, output.type(), self.numbers)

    def bind_outputs(self, node: Any, values: tuple[Any, ...]) -> None:
        """Let ``values`` stand for the node's outputs; those of a number's type are numbers."""
        for output, value in zip(node.outputs(), values, strict=True):
            self.env[output.debugName()] = value
            script_type = output.type()
            if str(script_type) in NUMBER_TYPES and isinstance(value, Value):
                self.numbers.add(value)
            record_type(value, script_type, self.numbers)

    def mark(self, value: Value, name: str, location: Location | None) -> None:
        """Note that the user's forward calls an input ``name``, and who called it."""
        if value.producer is None and value.graph is self.graph and not self._n_inlined:
            self._marks.setdefault(value.index)
            self.graph.rename(value, name)
            self._called_from = location


def lower_forward(
    program: ScriptProgram, path: str, method: str = "forward", numbers: frozenset[int] = frozenset()
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
    return program.keep(path, GraphLowering(program, path, name, numbers).run(method))


Handler: TypeAlias = Callable[[GraphLowering, Any], None]
"""Lowers one node."""


def readable(name: str) -> str:
    """A variable's name from TorchScript's name of a value."""
    base = name.split(".")[0]
    return base if base and not base[0].isdigit() else "x"
