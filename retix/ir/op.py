"""The closed list of operation kinds. Ops are data; what they look like in Python is known to `codegen` alone.

What a node does (`Node.op`):

==============  =======================================================================================
`Call`          call a member of the graph: a leaf module, a cell, or a layer choice that is still open
`Function`      apply a torch operator (``aten::relu``) or a Python one (``python::add``)
`Attribute`     read a parameter or buffer of the graph, or ``training``
`Constant`      a literal as a value of its own
`ChooseInputs`  an input choice that is still open
`SelectInputs`  take those of its inputs whose condition holds; conditions may depend on open choices
`If`, `Loop`    structured control flow; their branches are graphs of the model
`Return`        what the graph returns; exactly one, at the end
==============  =======================================================================================

What a member is (`Member.op`):

==============  =======================================================================================
`Module`        a leaf: a torch layer or a basic unit, with the arguments that make it
`Cell`          an instance of another graph of the model
`LayerChoice`   candidates of which one will stay
`Tensor`        a parameter or buffer, with what it starts from
==============  =======================================================================================

Arguments are literals: ``None``, booleans, numbers, strings, ``...``, slices, lists, tuples, dicts, `Symbol`, `Open`,
`Module` (an object made by a recorded constructor), and, in nodes, `Value`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from retix.ir.type_name import bind_parameters, find_canonical_type

Literal: TypeAlias = Any


class Operation:
    """What every op has in common, read in NNI's words.

    ``type``, too: the class of a leaf, the name of an operator, or else NNI's name for the kind.
    """

    __slots__ = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make it, by name; empty for what is not made by a call. A copy."""
        return {}

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Where NNI keeps what has no other place; see `Node.operation`."""
        return {}

    def to_init_code(self, field: str) -> str | None:
        """A line that makes the member ``field``, or None if there is nothing to make."""
        return None

    def to_forward_code(self, field: str, output: str, inputs: Sequence[str], inputs_value: Sequence[Any] = ()) -> str:
        """A line that computes ``output`` from ``inputs``, by the member ``field`` or by an operator.

        Whole models are written by `retix.codegen`, which knows idioms; this is for looking at one operation.
        """
        return f"{output} = self.{field}({', '.join(inputs)})"

    @staticmethod
    def new(
        type_name: str,
        parameters: Mapping[str, Any] | None = None,
        cell_name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> MemberOp | NodeOp:
        """An op by the name of its type.

        Args:
            type_name: The class of a leaf, however written, such as ``torch.nn.Conv2d`` or
                ``__torch__.torch.nn.modules.conv.Conv2d``; an operator, such as ``aten::relu``; or ``_cell``.
            parameters: The keyword arguments that make a leaf.
            cell_name: For a cell: the graph that it is an instance of.
            attributes: Taken for the sake of NNI's scripts; an operation has none here.
        """
        name = find_canonical_type(type_name)
        given = dict(parameters or {})
        if name == "cell":
            return Cell(cell_name or str(given.get("cell", "")))
        if name == "constant":
            return Constant()
        if name == "attribute":
            return Attribute(str(given.get("name", given.get("value", ""))))
        return Function(name) if "::" in name else Module(name, (), given)


@dataclass(frozen=True, slots=True)
class Symbol:
    """An importable name used as a value, such as ``torch.float32`` or a class."""

    name: str


@dataclass(frozen=True, slots=True)
class Open:
    """An argument that is a choice still to be made.

    Attributes:
        expression: The expression over decisions, as `retix.space.Expression.to_json` writes it.
    """

    expression: Any


@dataclass(frozen=True, slots=True)
class Module(Operation):
    """A leaf module, or an object among its arguments, by the call that makes it.

    Attributes:
        type: The importable name of the class, or a key of `Model.sources`.
        args: Positional arguments.
        kwargs: Keyword arguments.
        state: The names of its parameters and buffers in the base model; empty if it has no counterpart there.
        frozen: Whether its parameters are not trained.
        attributes: What a node adds that it is read from; neither compared nor written.
    """

    type: str
    args: tuple[Literal, ...] = ()
    kwargs: Mapping[str, Literal] = field(default_factory=dict)
    state: tuple[str, ...] = ()
    frozen: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def parameters(self) -> dict[str, Any]:
        return bind_parameters(self.type, self.args, self.kwargs)

    def to_init_code(self, field: str) -> str:
        given = [repr(item) for item in self.args] + [f"{key}={item!r}" for key, item in self.kwargs.items()]
        return f"self.{field} = {self.type}({', '.join(given)})"


@dataclass(frozen=True, slots=True)
class Cell(Operation):
    """An instance of another graph of the model.

    Attributes:
        graph: The name of the graph.
        attributes: See `Module`.
    """

    type: ClassVar[str] = "_cell"

    graph: str
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def cell_name(self) -> str:
        """The name of the graph."""
        return self.graph


@dataclass(frozen=True, slots=True)
class LayerChoice(Operation):
    """Candidates of which one will stay.

    Attributes:
        label: The decision's label.
        candidates: Name and member of each.
        weights: Prior weight of each candidate, or None.
        attributes: See `Module`.
    """

    type: ClassVar[str] = "__torch__.retix.nn.pytorch.LayerChoice"

    label: str
    candidates: tuple[tuple[str, Member], ...]
    weights: tuple[float, ...] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Tensor(Operation):
    """A parameter or buffer that the graph itself owns.

    Attributes:
        shape: Its sizes.
        dtype: Such as ``torch.float32``.
        init: How it starts, an expression of one call: name of a torch function and its arguments; see
            `retix.converter`.
        kind: ``parameter``, ``buffer``, or ``constant`` (a tensor attribute that is neither).
        requires_grad: Whether a parameter is trained.
        persistent: Whether a buffer is part of the state.
    """

    type: ClassVar[str] = "Tensor"

    shape: tuple[int, ...]
    dtype: str
    init: Module
    kind: str = "parameter"
    requires_grad: bool = True
    persistent: bool = True


MemberOp: TypeAlias = Module | Cell | LayerChoice | Tensor


@dataclass(frozen=True, slots=True)
class Member:
    """A named part of a graph's module.

    Attributes:
        op: What it is.
        origin: Its path in the base model, relative to that of its graph; None if it has no counterpart there.
    """

    op: MemberOp
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Call(Operation):
    """Call the member ``target``."""

    type: ClassVar[str] = "call"

    target: str


@dataclass(frozen=True, slots=True)
class Function(Operation):
    """Apply the operator ``name`` to the arguments: ``aten::…`` from torch, ``python::…`` from Python."""

    name: str

    @property
    def type(self) -> str:
        """The operator's name."""
        return self.name

    def to_forward_code(self, field: str, output: str, inputs: Sequence[str], inputs_value: Sequence[Any] = ()) -> str:
        package, _, name = self.name.partition("::")
        return f"{output} = {'torch' if package == 'aten' else package}.{name}({', '.join(inputs)})"


@dataclass(frozen=True, slots=True)
class Attribute(Operation):
    """Read the member ``target``, or ``training``."""

    type: ClassVar[str] = "prim::GetAttr"

    target: str


@dataclass(frozen=True, slots=True)
class Constant(Operation):
    """The literal that is the node's only argument, as a value of its own."""

    type: ClassVar[str] = "prim::Constant"


@dataclass(frozen=True, slots=True)
class ChooseInputs(Operation):
    """An input choice that is still open; its only argument is the list of candidates.

    Attributes:
        label: The decision's label.
        n_candidates: How many inputs there are to choose from.
        n_chosen: How many are taken; -1 for any number of them.
        reduction: ``sum``, ``mean``, ``concat`` or ``none``.
        weights: Prior weight of each input, or None.
    """

    type: ClassVar[str] = "__torch__.retix.nn.pytorch.InputChoice"

    label: str
    n_candidates: int
    n_chosen: int = 1
    reduction: str = "sum"
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class SelectInputs(Operation):
    """Take the inputs whose condition holds; its only argument is the list of values, one for each condition.

    Attributes:
        conditions: For each input, whether it is taken: a boolean, or an expression that says so.
        reduction: What becomes of them: ``sum``, ``mean``, ``concat`` (along dimension 1), ``none`` (a list), or
            ``one`` (exactly one is taken, and is the result).
    """

    type: ClassVar[str] = "__torch__.retix.nn.pytorch.SelectInputs"

    conditions: tuple[Open | bool, ...]
    reduction: str = "sum"


@dataclass(frozen=True, slots=True)
class If(Operation):
    """Run one of two branch graphs: first argument the condition, the others their inputs."""

    type: ClassVar[str] = "prim::If"

    then: str
    otherwise: str


@dataclass(frozen=True, slots=True)
class Loop(Operation):
    """Repeat the graph ``body``.

    Arguments: the trip count or None, whether to begin, then the carried values, then values that only go in. ``body``
    takes the iteration number, the carried values and the others; it returns whether to go on, and the carried values.
    """

    type: ClassVar[str] = "prim::Loop"

    body: str
    n_carried: int


@dataclass(frozen=True, slots=True)
class Return(Operation):
    """What the graph returns: its only argument."""

    type: ClassVar[str] = "_outputs"


NodeOp: TypeAlias = Call | Function | Attribute | Constant | ChooseInputs | SelectInputs | If | Loop | Return
