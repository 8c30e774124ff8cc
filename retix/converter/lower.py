"""Lowering: TorchScript graphs, traced or scripted, into the IR. One small function per node kind, in one table.

Numbers are the one thing that needs care. A trace carries sizes and what is computed from them as 0-dim tensors;
here they become plain Python integers again, and their arithmetic becomes Python's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.utils import _pytree as pytree

from retix.converter.label import LabelBook
from retix.converter.leaf import LeafBook, is_leaf
from retix.converter.place import NameBook, read_user_frame
from retix.converter.tensor import describe_tensor
from retix.errors import ConversionError
from retix.ir import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Constant,
    Function,
    Graph,
    If,
    LayerChoice,
    Location,
    Loop,
    Member,
    MemberOp,
    Model,
    Symbol,
    Value,
)
from retix.nn.pytorch import InputChoice
from retix.nn.pytorch import LayerChoice as LayerChoiceModule


class Frontend(Protocol):
    """What lowering needs to know of the captured program."""

    def graph(self, path: str, method: str) -> Any:
        """The TorchScript graph of a method of the module at ``path``."""

    def leaf_call(self, path: str, method: str) -> LeafCallee:
        """How one traced call of the leaf at ``path`` looks."""

    def cell_location(self, call: int) -> Location | None:
        """The user's line of a call of a module that is no leaf."""


@dataclass(frozen=True, slots=True)
class LeafCallee:
    """One call of a leaf.

    Attributes:
        arguments: ``(args, kwargs)`` with tensors, which stand for what is handed to the call.
        inputs: For each tensor in ``arguments``, which input of the call it is.
        results: What it returned, with tensors.
        outputs: For each output of the call, which tensor of ``results`` it is.
        location: The user's line.
    """

    arguments: Any
    inputs: tuple[int, ...]
    results: Any
    outputs: tuple[int, ...]
    location: Location | None


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A value that is a module: itself, or a part of it."""

    path: str


@dataclass(slots=True)
class Lowered:
    """A module's graph, and how its calls relate to TorchScript's.

    Attributes:
        graph: The graph.
        order: For each input of the graph, which input of the TorchScript graph it is.
        results: What it returns.
        numbers: Which of its outputs are Python numbers.
        location: The user's line that called it.
    """

    graph: Graph
    order: tuple[int, ...]
    results: Any
    numbers: frozenset[int]
    location: Location | None = None


@dataclass
class Program:
    """What is common to all graphs of one conversion.

    Attributes:
        root: The user's module.
        frontend: The captured program.
        model: The model that grows.
        labels: Names unlabelled choices.
        leaves: Writes leaves as data.
        names: Finds variable names.
        prefix: What graph names begin with, for candidates that are captured on their own.
    """

    root: torch.nn.Module
    frontend: Frontend
    model: Model
    labels: LabelBook
    leaves: LeafBook
    names: NameBook
    capture_candidate: Callable[[Program, torch.nn.Module, str, LeafCallee], MemberOp]
    prefix: str = ""
    done: dict[str, Lowered] = field(default_factory=dict)
    members: dict[str, MemberOp] = field(default_factory=dict)

    def full(self, path: str) -> str:
        """A path in the user's outermost model."""
        return ".".join(part for part in (self.prefix, path) if part)

    def lower(self, path: str, method: str, numbers: frozenset[int] = frozenset()) -> Lowered:
        """The graph of a method of the module at ``path``; a module that is called again has one graph.

        Raises:
            ConversionError: Something in it cannot be captured, or two calls of the module do different things.
        """
        module = self.root.get_submodule(path)
        name = self.full(path) or type(module).__name__
        lowered = _GraphLowering(self, path, name, method, numbers).run()
        known = self.done.setdefault(path, lowered)
        if known is lowered:
            self.model.graphs[name] = lowered.graph
        elif not _same(known.graph, lowered.graph, self.model):
            raise ConversionError(
                f"{self.full(path) or type(module).__name__} is called more than once, and does different things",
                why="its arguments other than tensors differ, or only some of its results are used",
                fix=f"decorate {type(module).__name__} with @basic_unit",
                where=str(lowered.location) if lowered.location else None,
            )
        return Lowered(known.graph, lowered.order, lowered.results, lowered.numbers, lowered.location)


def _same(left: Graph, right: Graph, model: Model) -> bool:
    def digest(graph: Graph) -> str:
        return Model({**model.graphs, graph.name: graph}, graph.name).digest()

    return digest(left) == digest(right)


class _GraphLowering:
    """Lowers one TorchScript graph."""

    def __init__(self, program: Program, path: str, name: str, method: str, numbers: frozenset[int]) -> None:
        self.program = program
        self.path = path
        self.method = method
        module = program.root.get_submodule(path)
        container = "torch.nn.Sequential" if type(module) is torch.nn.Sequential else None
        self.graph = Graph(name, type(module).__name__, type=container)
        self.owner = self.graph
        self.env: dict[str, Any] = {}
        self.numbers: set[Value] = set()
        self.given_numbers = numbers
        self.location: Location | None = None
        self.called_from: Location | None = None
        self.marks: list[int] = []
        self.n_regions = 0

    # -- the walk -----------------------------------------------------------------------------------------------

    def run(self) -> Lowered:
        script = self.program.frontend.graph(self.path, self.method)
        inputs = list(script.inputs())
        self.env[inputs[0].debugName()] = ModuleRef(self.path)
        by_value: dict[Value, int] = {}
        for position, item in enumerate(inputs[1:]):
            value = self.graph.add_input(_readable(item.debugName()))
            by_value[value] = position
            self.env[item.debugName()] = value
            if position in self.given_numbers or str(item.type()) in ("int", "float", "bool"):
                self.numbers.add(value)
        self.walk(script.nodes())
        results = [self.env[item.debugName()] for item in script.outputs()]
        result = results[0] if len(results) == 1 else tuple(results)
        self.graph.set_result(self.settle(result))
        order = self._order_inputs(by_value)
        name_variables(self.graph, self.program.names)
        flat = result if isinstance(result, tuple) else (result,)
        numbers = frozenset(i for i, item in enumerate(flat) if self.is_number(item))
        return Lowered(self.graph, order, result, numbers, self.called_from)

    def walk(self, nodes: Any) -> None:
        for node in nodes:
            self.location = read_user_frame(node.sourceRange()) or self.location
            handler = HANDLERS.get(node.kind()) or (lower_operator if "::" in node.kind() else None)
            if handler is None:
                raise self.refuse(f"{node.kind()} is not known", "put the module into a @basic_unit")
            handler(self, node)

    def _order_inputs(self, by_value: Mapping[Value, int]) -> tuple[int, ...]:
        """Put inputs that the user's forward names first, in its order."""
        marked = [v for v in dict.fromkeys(self.marks) if v < len(self.graph.inputs)]
        order = [*marked, *(i for i in range(len(self.graph.inputs)) if i not in marked)]
        self.graph.inputs = [self.graph.inputs[i] for i in order]
        for index, value in enumerate(self.graph.inputs):
            value.index = index
        return tuple(by_value[value] for value in self.graph.inputs)

    # -- helpers for handlers -----------------------------------------------------------------------------------

    def refuse(self, what: str, fix: str) -> ConversionError:
        name = self.program.full(self.path) or type(self.program.root).__name__
        return ConversionError(f"{name}: {what}", where=str(self.location) if self.location else None, fix=fix)

    def get(self, item: Any) -> Any:
        return self.env[item.debugName()]

    def inputs(self, node: Any) -> list[Any]:
        return [self.env[item.debugName()] for item in node.inputs()]

    def bind(self, node: Any, item: Any) -> None:
        """Let the node's only output be ``item``."""
        self.env[node.outputsAt(0).debugName()] = item

    def is_number(self, item: Any) -> bool:
        return isinstance(item, (bool, int, float)) or (isinstance(item, Value) and item in self.numbers)

    def emit(self, op: Any, args: Any, kwargs: Any = None, *, name: str = "x", number: bool = False) -> Value:
        value = self.graph.add(op, args, kwargs, name=name, location=self.location).output
        if number:
            self.numbers.add(value)
        return value

    def call(self, function: str, *args: Any, name: str = "x", number: bool = False, **kwargs: Any) -> Value:
        return self.emit(Function(function), args, kwargs, name=name, number=number)

    def settle(self, item: Any) -> Any:
        """``item`` as an argument: a module among the values becomes an error."""
        if isinstance(item, ModuleRef):
            raise self.refuse(f"the module {item.path!r} is used as a value", "call it, or put it into a @basic_unit")
        if type(item) in (list, tuple):
            return type(item)(self.settle(part) for part in item)
        if isinstance(item, dict):
            return {key: self.settle(part) for key, part in item.items()}
        return item

    def device(self, default: str) -> Any:
        """The device of the graph's first tensor, so that generated code runs wherever its inputs are."""
        tensor = next((v for v in self.graph.inputs if v not in self.numbers), None)
        return default if tensor is None else self.call("python::device", tensor, name="device")

    def local(self, path: str) -> str:
        """``path`` relative to the module of this graph."""
        return path[len(self.path) + 1 :] if self.path else path

    def member(self, path: str, describe: Callable[[], MemberOp], origin: str | None = None) -> str:
        name = self.local(path)
        if name not in self.owner.members:
            self.owner.members[name] = Member(describe(), origin or name)
        return name


def _readable(name: str) -> str:
    base = name.split(".")[0]
    return base if base and not base[0].isdigit() else "x"


def name_variables(graph: Graph, names: NameBook) -> None:
    """Give values the names of the user's variables."""
    by_line: dict[Location, list[Any]] = {}
    for node in graph.nodes:
        if node.location is not None:
            by_line.setdefault(node.location, []).append(node)
    for location, nodes in by_line.items():
        targets = names.targets(location)
        last = nodes[-1]
        if len(targets) == 1 and len(last.outputs) == 1:
            last.outputs[0].variable = targets[0]
        elif len(targets) > 1 and len(last.outputs) == len(targets):
            for value, target in zip(last.outputs, targets, strict=True):
                value.variable = target
        elif len(targets) > 1:
            for node in nodes:
                if node.op == Function("aten::size") and len(node.args) == 2 and node.args[1] in range(len(targets)):
                    node.output.variable = targets[node.args[1]]


# -- handlers ---------------------------------------------------------------------------------------------------

Handler = Callable[[_GraphLowering, Any], None]
HANDLERS: dict[str, Handler] = {}


def handles(*kinds: str) -> Callable[[Handler], Handler]:
    """Register a handler for node kinds."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return register


@handles("prim::Constant")
def lower_constant(low: _GraphLowering, node: Any) -> None:
    low.bind(node, _constant(low, node))


def _constant(low: _GraphLowering, node: Any) -> Any:
    if not node.hasAttribute("value"):
        return None
    value = node.outputsAt(0).toIValue()
    kind = str(node.outputsAt(0).type())
    if isinstance(value, torch.Tensor):
        # a Python number in an expression is traced as a 0-dim tensor of Python's own width
        if value.dim() == 0 and value.dtype in (torch.int64, torch.float64, torch.bool):
            return value.item()
        name = f"{low.graph.class_name.lower()}_constant"
        return _tensor_attribute(low, name, value, "constant")
    if kind == "Device":
        return _DeviceConstant(str(value))
    if isinstance(value, (tuple, list)):
        return list(value) if isinstance(value, list) else value
    return value


class _DeviceConstant(str):
    """A device that the trace baked in."""

    __slots__ = ()


def _tensor_attribute(low: _GraphLowering, name: str, tensor: torch.Tensor, kind: str) -> Value:
    described = describe_tensor(tensor, low.program.full(f"{low.path}.{name}".strip(".")), kind)
    existing = next((key for key, m in low.owner.members.items() if m.op == described and m.origin is None), None)
    target = existing
    if target is None:
        target = name
        count = 1
        while target in low.owner.members:
            target, count = f"{name}_{count}", count + 1
        low.owner.members[target] = Member(described, None)
    return low.emit(Attribute(target), (), name=target)


@handles("prim::GetAttr")
def lower_get_attribute(low: _GraphLowering, node: Any) -> None:
    owner = low.get(node.inputsAt(0))
    name = node.s("name")
    path = f"{owner.path}.{name}" if owner.path else name
    holder = low.program.root.get_submodule(owner.path)
    thing = getattr(holder, name) if hasattr(holder, name) else holder.get_parameter(name)
    if isinstance(thing, torch.nn.Module):
        low.bind(node, ModuleRef(path))
    elif isinstance(thing, torch.Tensor):
        low.bind(node, _read_tensor(low, path, holder, name, thing))
    elif name == "training":
        low.bind(node, low.emit(Attribute("training"), (), name="training", number=True))
    else:
        low.bind(node, low.program.leaves.literal(thing, path))


def _read_tensor(low: _GraphLowering, path: str, holder: torch.nn.Module, name: str, tensor: torch.Tensor) -> Value:
    is_parameter, is_buffer = name in holder._parameters, name in holder._buffers
    kind = "parameter" if is_parameter else "buffer" if is_buffer else "constant"
    persistent = name not in holder._non_persistent_buffers_set
    full = low.program.full(path)
    target = low.member(path, lambda: describe_tensor(tensor, full, kind, persistent))
    return low.emit(Attribute(target), (), name=name)


@handles("prim::CallMethod")
def lower_call(low: _GraphLowering, node: Any) -> None:
    callee, *given = low.inputs(node)
    module = low.program.root.get_submodule(callee.path)
    if is_leaf(module):
        _lower_leaf_call(low, node, module, callee.path, given)
    else:
        _lower_cell_call(low, node, callee.path, given)


def _lower_leaf_call(low: _GraphLowering, node: Any, module: torch.nn.Module, path: str, given: list[Any]) -> None:
    callee = low.program.frontend.leaf_call(path, node.s("name"))
    low.location = callee.location or low.location
    order = iter(callee.inputs)

    def argument(item: Any) -> Any:
        return given[next(order)] if isinstance(item, torch.Tensor) else low.program.leaves.literal(item, path)

    args, kwargs = _map_tree(argument, callee.arguments)
    op: Any
    if isinstance(module, InputChoice):
        op, args, kwargs = _choose_inputs(low, module, path, args, kwargs)
    else:
        op = Call(low.member(path, lambda: _describe_leaf(low, module, path, callee)))
    name = _value_name(low.local(path))
    value = low.emit(op, low.settle(tuple(args)), low.settle(kwargs), name=name)
    flat = pytree.tree_flatten_with_path(callee.results)[0]
    tensors = [(key_path, leaf) for key_path, leaf in flat if isinstance(leaf, torch.Tensor)]
    outputs = tuple(_pick(low, value, tensors[index][0]) for index in callee.outputs)
    low.bind(node, outputs if node.outputsAt(0).type().kind() == "TupleType" else outputs[0])


def _map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Map the leaves of plain tuples, lists and dicts, in pytree's order."""
    if type(tree) in (tuple, list):
        return type(tree)(_map_tree(function, item) for item in tree)
    if isinstance(tree, dict):
        return {key: _map_tree(function, item) for key, item in tree.items()}
    return function(tree)


def _pick(low: _GraphLowering, value: Value, key_path: tuple[Any, ...]) -> Value:
    for key in key_path:
        step = getattr(key, "idx", getattr(key, "key", getattr(key, "name", None)))
        kind = "python::getattr" if hasattr(key, "name") else "python::getitem"
        value = low.call(kind, value, step, name=value.name)
    return value


def _value_name(path: str) -> str:
    """A name for the result of calling the member at ``path``: its last part that is a word."""
    return next((part for part in reversed(path.split(".")) if part.isidentifier()), "x")


def _describe_leaf(low: _GraphLowering, module: torch.nn.Module, path: str, callee: LeafCallee) -> MemberOp:
    if not isinstance(module, LayerChoiceModule):
        return low.program.leaves.describe(module, low.program.full(path))
    label = low.program.labels.name(module.label, low.program.full(path), str(id(module)))
    candidates = []
    for name in module.names:
        candidate, full = module[name], f"{path}.{name}"
        if is_leaf(candidate):
            op = _describe_leaf(low, candidate, full, callee)
        else:
            op = low.program.capture_candidate(low.program, candidate, full, callee)
        candidates.append((name, Member(op, f"{low.local(path)}.{name}")))
    return LayerChoice(label, tuple(candidates), module.prior)


def _choose_inputs(low: _GraphLowering, module: InputChoice, path: str, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    candidates = args[0] if args else next(iter(kwargs.values()))
    label = low.program.labels.name(module.label, low.program.full(path), str(id(module)))
    decision = module.decision(label, len(candidates))
    n_chosen = -1 if decision.n_chosen is None else decision.n_chosen
    return ChooseInputs(label, len(candidates), n_chosen, module.reduction, module.prior), [list(candidates)], {}


def _lower_cell_call(low: _GraphLowering, node: Any, path: str, given: list[Any]) -> None:
    numbers = frozenset(i for i, item in enumerate(given) if low.is_number(item))
    lowered = low.program.lower(path, node.s("name"), numbers)
    low.location = lowered.location or low.location
    target = low.member(path, lambda: Cell(lowered.graph.name))
    args = low.settle([given[i] for i in lowered.order])
    many = isinstance(lowered.results, tuple)
    outputs = low.graph.add(
        Call(target),
        args,
        name=_value_name(low.local(path)),
        n_outputs=len(lowered.results) if many else 1,
        location=low.location,
    ).outputs
    low.numbers.update(outputs[i] for i in lowered.numbers)
    low.bind(node, outputs if many else outputs[0])


@handles("retix::mark")
def lower_mark(low: _GraphLowering, node: Any) -> None:
    item, name, call = low.inputs(node)
    low.bind(node, item)
    if isinstance(item, Value) and item.producer is None and item.graph is low.graph:
        low.marks.append(item.index)
        low.graph.rename(item, name)
        low.called_from = low.program.frontend.cell_location(call)


@handles("prim::ListConstruct")
def lower_list(low: _GraphLowering, node: Any) -> None:
    low.bind(node, low.inputs(node))


@handles("prim::TupleConstruct")
def lower_tuple(low: _GraphLowering, node: Any) -> None:
    low.bind(node, tuple(low.inputs(node)))


@handles("prim::DictConstruct")
def lower_dict(low: _GraphLowering, node: Any) -> None:
    items = low.inputs(node)
    low.bind(node, dict(zip(items[::2], items[1::2], strict=True)))


@handles("prim::TupleUnpack", "prim::ListUnpack")
def lower_unpack(low: _GraphLowering, node: Any) -> None:
    item = low.get(node.inputsAt(0))
    outputs = list(node.outputs())
    parts: Any = item
    if isinstance(item, Value):
        parts = low.graph.add(
            Function("python::unpack"), (item,), n_outputs=len(outputs), name=item.name, location=low.location
        ).outputs
        if item in low.numbers or (item.producer and item.producer.op == Function("aten::size")):
            low.numbers.update(parts)
    for output, part in zip(outputs, parts, strict=True):
        low.env[output.debugName()] = part


@handles("prim::TupleIndex", "aten::__getitem__")
def lower_index(low: _GraphLowering, node: Any) -> None:
    item, index = low.inputs(node)
    if isinstance(item, (list, tuple, dict)) and not isinstance(index, Value):
        low.bind(node, item[index])
    else:
        low.bind(node, low.call("python::getitem", item, index, number=str(node.outputsAt(0).type()) == "int"))


@handles(
    "prim::NumToTensor",
    "aten::Int",
    "aten::Float",
    "aten::Bool",
    "aten::IntImplicit",
    "aten::FloatImplicit",
    "aten::ScalarImplicit",
    "prim::Int",
)
def lower_number(low: _GraphLowering, node: Any) -> None:
    item = low.get(node.inputsAt(0))
    if low.is_number(item):
        kind = {"aten::Float": float, "aten::Int": int, "aten::Bool": bool}.get(node.kind())
        if kind is not None and isinstance(item, (bool, int, float)):
            item = kind(item)
        elif kind is float or (kind is int and isinstance(item, Value) and _is_float(item)):
            item = low.call(f"python::{kind.__name__}", item, number=True)
        low.bind(node, item)
    else:
        function = {"aten::Float": "float", "aten::Bool": "bool"}.get(node.kind(), "int")
        low.bind(node, low.call(f"python::{function}", item, number=True))


def _is_float(value: Value) -> bool:
    return value.producer is not None and value.producer.op in (Function("python::truediv"), Function("python::float"))


@handles("aten::size")
def lower_size(low: _GraphLowering, node: Any) -> None:
    low.bind(node, low.emit(Function("aten::size"), low.inputs(node), name="size", number=True))


@handles("aten::detach", "aten::lift_fresh", "aten::to")
def lower_pass_through(low: _GraphLowering, node: Any) -> None:
    item = low.get(node.inputsAt(0))
    # torch.tensor(...) in forward is traced as a constant that is moved to where it is already
    is_constant = isinstance(item, Value) and item.producer is not None and isinstance(item.producer.op, Attribute)
    if (is_constant and low.owner.members[item.producer.op.target].origin is None) or (
        low.is_number(item) and node.kind() != "aten::to"
    ):  # type: ignore[union-attr]
        low.bind(node, item)
    else:
        lower_operator(low, node)


ARITHMETIC = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "floor_divide": "floordiv",
    "floordiv": "floordiv",
    "div": "truediv",
    "remainder": "mod",
    "neg": "neg",
    "pow": "pow",
    "eq": "eq",
    "ne": "ne",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "__and__": "and",
    "__or__": "or",
    "__not__": "not",
    "__is__": "is",
    "__isnot__": "isnot",
    "len": "len",
    "sqrt": "sqrt",
    "ceil": "ceil",
    "floor": "floor",
    "rsub": "rsub",
}
"""Torch operators on numbers, and Python's in their place."""

_FOLD: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "truediv": lambda a, b: a / b,
    "mod": lambda a, b: a % b,
    "neg": lambda a: -a,
    "sqrt": math.sqrt,
}

_NUMBER_ARITY = {"neg": 1, "not": 1, "len": 1, "sqrt": 1, "ceil": 1, "floor": 1}


def _lower_arithmetic(low: _GraphLowering, node: Any, name: str, args: list[Any]) -> bool:
    """Lower an operator on numbers alone to Python's; False if there is a tensor among the operands."""
    python = ARITHMETIC.get(name)
    operands = args[: _NUMBER_ARITY.get(python or "", 2)]
    comparable = python in ("is", "isnot", "eq", "ne") and not any(_is_tensor(low, a) for a in operands)
    if python is None or not (comparable or python == "len" or all(low.is_number(a) for a in operands)):
        return False
    if python == "div" and len(args) > 2:
        return False
    if python == "truediv" and len(args) > 2 and args[2] == "floor":
        python = "floordiv"
    if python == "rsub":
        python, operands = "sub", operands[::-1]
    if python in _FOLD and not any(isinstance(a, Value) for a in operands):
        low.bind(node, _FOLD[python](*operands))
    else:
        low.bind(node, low.call(f"python::{python}", *operands, number=True))
    return True


def _is_tensor(low: _GraphLowering, item: Any) -> bool:
    return isinstance(item, Value) and item not in low.numbers


def lower_operator(low: _GraphLowering, node: Any) -> None:
    """Any torch operator: positional arguments up to the first default, the rest by keyword; defaults are left out."""
    kind = node.kind()
    args = [low.settle(item) for item in low.inputs(node)]
    name = kind.split("::")[1]
    if _lower_arithmetic(low, node, name, args):
        return
    args = [low.device(item) if isinstance(item, _DeviceConstant) else item for item in args]
    positional, keywords = _arrange(node, args)
    outputs = list(node.outputs())
    made = low.graph.add(
        Function(kind), positional, keywords, name=name.strip("_"), n_outputs=len(outputs), location=low.location
    ).outputs
    for output, value in zip(outputs, made, strict=True):
        low.env[output.debugName()] = value
        if str(output.type()) in ("int", "float", "bool"):
            low.numbers.add(value)


def _arrange(node: Any, args: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    schema = find_schema(node)
    if schema is None:
        return args, {}
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    gap = False
    for argument, value in zip(schema.arguments, args, strict=False):
        value = _typed(argument, value)
        if argument.has_default_value() and _equals_default(value, argument.default_value):
            gap = True
        elif gap or argument.kwarg_only:
            keywords[argument.name] = value
        else:
            positional.append(value)
    return positional, keywords


_DTYPES = {
    0: torch.uint8,
    1: torch.int8,
    2: torch.int16,
    3: torch.int32,
    4: torch.int64,
    5: torch.float16,
    6: torch.float32,
    7: torch.float64,
    8: torch.complex32,
    9: torch.complex64,
    10: torch.complex128,
    11: torch.bool,
    15: torch.bfloat16,
}
_LAYOUTS = {0: torch.strided}
_MEMORY_FORMATS = {
    0: torch.contiguous_format,
    1: torch.preserve_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
}


def _typed(argument: Any, value: Any) -> Any:
    """TorchScript writes dtypes, layouts and memory formats as numbers; the schema tells which number is one."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    kind = str(argument.real_type)
    table: dict[int, Any] | None = None
    if "ScalarType" in kind:
        table = _DTYPES
    elif "Layout" in kind:
        table = _LAYOUTS
    elif "MemoryFormat" in kind:
        table = _MEMORY_FORMATS
    return Symbol(str(table[value])) if table is not None and value in table else value


def _equals_default(value: Any, default: Any) -> bool:
    if isinstance(value, (Value, Symbol)):
        return False
    if isinstance(default, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return value == default
    return type(value) is type(default) and value == default


def find_schema(node: Any) -> Any:
    """The schema of a torch operator's overload, or None."""
    try:
        text = node.schema()
    except RuntimeError:
        return None
    if text == "(no schema)":
        return None
    qualified = text.split("(")[0]
    namespace, _, rest = qualified.partition("::")
    name, _, overload = rest.partition(".")
    try:
        packet = getattr(getattr(torch.ops, namespace), name)
        return getattr(packet, overload or "default")._schema
    except AttributeError:
        return None


# -- structured control flow ------------------------------------------------------------------------------------


@handles("prim::If")
def lower_if(low: _GraphLowering, node: Any) -> None:
    condition = low.get(node.inputsAt(0))
    blocks = list(node.blocks())
    if not isinstance(condition, Value):
        block = blocks[0 if condition else 1]
        low.walk(block.nodes())
        for output, item in zip(node.outputs(), block.outputs(), strict=True):
            low.env[output.debugName()] = low.env[item.debugName()]
        return
    branches = [_lower_region(low, block, ()) for block in blocks]
    taken = list(dict.fromkeys(value for region in branches for value in region.captured))
    names = [_finish_region(region, taken) for region in branches]
    outputs = list(node.outputs())
    made = low.graph.add(
        If(*names), (condition, *taken), name="x", n_outputs=len(outputs), location=low.location
    ).outputs
    _bind_outputs(low, outputs, made)


@handles("prim::Loop")
def lower_loop(low: _GraphLowering, node: Any) -> None:
    trips, begin, *carried = low.inputs(node)
    (block,) = node.blocks()
    region = _lower_region(low, block, tuple(low.is_number(item) for item in carried))
    taken = region.captured
    name = _finish_region(region, taken)
    forever = isinstance(trips, int) and trips >= 2**62
    outputs = list(node.outputs())
    made = low.graph.add(
        Loop(name, len(carried)),
        (None if forever else trips, begin, *low.settle(carried), *taken),
        name="x",
        n_outputs=len(outputs),
        location=low.location,
    ).outputs
    _bind_outputs(low, outputs, made)


def _bind_outputs(low: _GraphLowering, outputs: list[Any], made: tuple[Value, ...]) -> None:
    for output, value in zip(outputs, made, strict=True):
        low.env[output.debugName()] = value
        if str(output.type()) in ("int", "float", "bool"):
            low.numbers.add(value)


class _Region(_GraphLowering):
    """Lowers a block; values of the graph around it come in as inputs."""

    def __init__(self, outer: _GraphLowering) -> None:
        super().__init__(outer.program, outer.path, outer.graph.name, outer.method, frozenset())
        self.owner = outer.owner
        outer.n_regions += 1
        name = f"{outer.graph.name}:{outer.n_regions}"
        self.graph = Graph(name, outer.owner.class_name, region_of=outer.owner.name)
        self.outer = outer
        self.env = _Scope(outer.env, self._enter)
        self.inner: dict[Value, Value] = {}
        self.location = outer.location
        self.result: tuple[Any, ...] = ()

    @property
    def captured(self) -> list[Value]:
        return list(self.inner)

    def _enter(self, item: Any) -> Any:
        if type(item) in (list, tuple):
            return type(item)(self._enter(part) for part in item)
        if isinstance(item, dict):
            return {key: self._enter(part) for key, part in item.items()}
        if not isinstance(item, Value) or item.graph is self.graph:
            return item
        if item not in self.inner:
            self.inner[item] = value = self.graph.add_input(item.name)
            if item in self.outer.numbers:
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


def _lower_region(low: _GraphLowering, block: Any, carried: tuple[bool, ...]) -> _Region:
    region = _Region(low)
    for index, item in enumerate(block.inputs()):
        value = region.graph.add_input("i" if index == 0 else _readable(item.debugName()))
        region.env[item.debugName()] = value
        if index == 0 or carried[index - 1]:
            region.numbers.add(value)
    region.walk(block.nodes())
    region.result = tuple(region.settle(region.get(item)) for item in block.outputs())
    return region


def _finish_region(region: _Region, taken: list[Value]) -> str:
    for value in taken:
        region._enter(value)
    fixed = [v for v in region.graph.inputs if v not in region.inner.values()]
    region.graph.inputs = fixed + [region.inner[value] for value in taken]
    for index, value in enumerate(region.graph.inputs):
        value.index = index
    region.graph.set_result(region.result)
    name_variables(region.graph, region.program.names)
    region.program.model.graphs[region.graph.name] = region.graph
    return region.graph.name


@handles("prim::RaiseException")
def lower_raise(low: _GraphLowering, node: Any) -> None:
    message = next((item for item in low.inputs(node) if isinstance(item, str)), "")
    low.graph.add(Function("python::raise"), (message,), n_outputs=0, location=low.location)


@handles("prim::Uninitialized")
def lower_uninitialized(low: _GraphLowering, node: Any) -> None:
    low.bind(node, None)


@handles("prim::unchecked_cast", "prim::unchecked_unwrap_optional", "aten::_unwrap_optional", "prim::Print")
def lower_alias(low: _GraphLowering, node: Any) -> None:
    if list(node.outputs()):
        low.bind(node, low.get(node.inputsAt(0)))


@handles("prim::device", "prim::dtype")
def lower_property(low: _GraphLowering, node: Any) -> None:
    low.bind(node, low.call(node.kind().replace("prim", "python"), low.get(node.inputsAt(0)), name=node.kind()[6:]))


def constant_value(low: _GraphLowering, literal: Any) -> Value:
    """A literal as a value of its own."""
    return low.emit(Constant(), (literal,))
