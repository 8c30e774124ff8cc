"""What a graph says by itself about how it is written, found in one walk and kept on graphs that cannot change."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retix.ir import Call, Cell, Function, Graph, If, Loop, MemberOp, Module, Tensor, Value, overwrites

if TYPE_CHECKING:
    from retix.codegen.member import MemberNames
    from retix.codegen.parameter import Hole


class Key:
    """A description that is compared often: its hash is found once.

    Args:
        parts: What is described.
    """

    __slots__ = ("_hash", "_parts")

    def __init__(self, parts: tuple[Hashable, ...]) -> None:
        self._parts = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Key], tuple[tuple[Hashable, ...]]]:
        return Key, (self._parts,)  # strings have other hashes in other processes

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Key) and self._hash == other._hash and self._parts == other._parts


@dataclass(slots=True)
class Outline:
    """A graph without branches, as far as it can be described without the rest of the model.

    Attributes:
        likeness: Equal for graphs that do the same under the same names; see `retix.codegen.twin`.
        source: Tells graphs of equal likeness apart whose nodes stand for other lines of the user's, or whose values
            have other ranks.
        chain: Its members in order, if it is a plain ``Sequential``.
        cells: The graphs that its members are.
        types: The classes of its leaves.
        is_sound: Whether no leaf is made with a count that is no positive integer, as far as that was looked at.
        definitions: The statements that make its members, if they were written.
        state: Its parameters and buffers, if they were listed.
    """

    likeness: Key
    source: Key
    chain: list[str] | None
    cells: tuple[str, ...]
    types: tuple[str, ...]
    is_sound: bool = False
    definitions: Definitions | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Definitions:
    """The statements that make the members of a graph without cells.

    Attributes:
        names: How the members are reached.
        texts: The statements, with holes.
        holes: What fills the holes.
        owners: For each hole, the member that it is part of.
        asked: The imports that they need.
    """

    names: MemberNames
    texts: list[str]
    holes: list[Hole]
    owners: list[str]
    asked: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class State:
    """The parameters and buffers of a graph.

    Attributes:
        names: How the members are reached.
        is_root: Whether it is the outermost graph.
        entries: For each parameter, buffer and cell: its path here, its path in the base model, and the cell's graph.
    """

    names: MemberNames
    is_root: bool
    entries: list[tuple[str, str, str | None]]


def outline(graph: Graph) -> Outline | None:
    """The outline of a graph; None if it has branches, or is one."""
    known = graph.outline
    if isinstance(known, Outline):
        return known
    if graph.region_of is not None:
        return None
    steps: list[Hashable] = []
    lines: list[Hashable] = [None if value.shape is None else len(value.shape) for value in graph.inputs]
    for node in graph.nodes:
        op = node.op
        if type(op) is Call:
            steps += (Call, op.target)
        elif type(op) is Function:
            steps += (Function, op.name)
        elif isinstance(op, (If, Loop)):
            return None
        else:
            steps.append(op)
        steps.append(_describe_arguments(node.args))
        if node.kwargs:
            steps.append(repr(node.kwargs))
        for value in node.outputs:
            steps += (value.name, value.variable)
            lines.append(None if value.shape is None else len(value.shape))
        location = node.location
        if location is not None:
            lines += (location.file, location.line)
        else:
            lines.append(None)
    members = [(name, kind(member.op)) for name, member in graph.members.items()]
    inputs = [(value.name, value.variable, repr(value.default)) for value in graph.inputs]
    result = _describe_arguments(graph.result.args)
    types = dict.fromkeys([m.op.type for m in graph.members.values() if isinstance(m.op, Module)])
    found = Outline(
        Key((graph.type, tuple(members), tuple(inputs), tuple(steps), result)),
        Key(tuple(lines)),
        read_chain(graph),
        tuple([m.op.graph for m in graph.members.values() if isinstance(m.op, Cell)]),
        tuple(types),
    )
    if graph.frozen:
        graph.outline = found
    return found


def _describe_arguments(arguments: tuple[Any, ...]) -> Hashable:
    """What the text of the arguments depends on: ``repr`` tells 1, 1.0 and True apart, and 0.0 and -0.0."""
    if len(arguments) == 1 and type(arguments[0]) is Value:
        return (arguments[0].name,)
    if all(type(item) is Value for item in arguments):
        return tuple([item.name for item in arguments])
    return repr(arguments)


def kind(op: MemberOp) -> Hashable:
    """What the text of ``forward`` depends on of a member."""
    if isinstance(op, Module):
        return (op.type, True) if overwrites(op) else op.type
    if isinstance(op, Cell):
        return "cell"
    if isinstance(op, Tensor) and op.kind == "constant":
        return repr(op)  # a number that tracing made a tensor of is a number again in the text
    return "tensor"


def read_chain(graph: Graph) -> list[str] | None:
    """The members of a graph that is a plain ``Sequential``, in order, or None if it is none."""
    if graph.type != "torch.nn.Sequential" or len(graph.inputs) != 1:
        return None
    current, chain = graph.inputs[0], []
    for node in graph.nodes:
        if not isinstance(node.op, Call) or node.args != (current,) or node.kwargs or len(node.outputs) != 1:
            return None
        if len(current.uses) != 1 or node.op.target in chain:
            return None
        chain.append(node.op.target)
        current = node.output
    whole = graph.result.args[0] is current and set(chain) == set(graph.members)
    return chain if whole and not any(isinstance(graph.members[k].op, Tensor) for k in chain) else None
