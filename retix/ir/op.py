"""The closed list of operation kinds. Ops are data; what they look like in Python is known to `codegen` alone.

What a node does (`Node.op`):

==============  =======================================================================================
`Call`          call a member of the graph: a leaf module, a cell, or a layer choice that is still open
`Function`      apply a torch operator (``aten::relu``) or a Python one (``python::add``)
`Attribute`     read a parameter or buffer of the graph, or ``training``
`Constant`      a literal as a value of its own
`ChooseInputs`  an input choice that is still open
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

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Literal: TypeAlias = Any


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
class Module:
    """A leaf module, or an object among its arguments, by the call that makes it.

    Attributes:
        type: The importable name of the class, or a key of `Model.sources`.
        args: Positional arguments.
        kwargs: Keyword arguments.
        state: The names of its parameters and buffers in the base model; empty if it has no counterpart there.
        frozen: Whether its parameters are not trained.
    """

    type: str
    args: tuple[Literal, ...] = ()
    kwargs: Mapping[str, Literal] = field(default_factory=dict)
    state: tuple[str, ...] = ()
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """An instance of another graph of the model."""

    graph: str


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """Candidates of which one will stay.

    Attributes:
        label: The decision's label.
        candidates: Name and member of each.
        weights: Prior weight of each candidate, or None.
    """

    label: str
    candidates: tuple[tuple[str, Member], ...]
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
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
class Call:
    """Call the member ``target``."""

    target: str


@dataclass(frozen=True, slots=True)
class Function:
    """Apply the operator ``name`` to the arguments: ``aten::…`` from torch, ``python::…`` from Python."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """Read the member ``target``, or ``training``."""

    target: str


@dataclass(frozen=True, slots=True)
class Constant:
    """The literal that is the node's only argument, as a value of its own."""


@dataclass(frozen=True, slots=True)
class ChooseInputs:
    """An input choice that is still open; its only argument is the list of candidates.

    Attributes:
        label: The decision's label.
        n_candidates: How many inputs there are to choose from.
        n_chosen: How many are taken; -1 for any number of them.
        reduction: ``sum``, ``mean``, ``concat`` or ``none``.
        weights: Prior weight of each input, or None.
    """

    label: str
    n_candidates: int
    n_chosen: int = 1
    reduction: str = "sum"
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class If:
    """Run one of two branch graphs: first argument the condition, the others their inputs."""

    then: str
    otherwise: str


@dataclass(frozen=True, slots=True)
class Loop:
    """Repeat the graph ``body``.

    Arguments: the trip count or None, whether to begin, then the carried values, then values that only go in. ``body``
    takes the iteration number, the carried values and the others; it returns whether to go on, and the carried values.
    """

    body: str
    n_carried: int


@dataclass(frozen=True, slots=True)
class Return:
    """What the graph returns: its only argument."""


NodeOp: TypeAlias = Call | Function | Attribute | Constant | ChooseInputs | If | Loop | Return
