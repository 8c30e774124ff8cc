"""What a drawing of a model shows, whichever language it is written in: boxes, nested frames, and arrows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from retix.ir.choice import Found, find_open_at, find_open_in
from retix.ir.graph import Graph
from retix.ir.literal import format_arguments, format_literal
from retix.ir.node import Node, Value, find_values
from retix.ir.op import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Constant,
    If,
    LayerChoice,
    Loop,
    MemberOp,
    Module,
    SelectInputs,
)

if TYPE_CHECKING:
    from retix.ir.model import Model

_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Box:
    """One thing to draw.

    Attributes:
        path: Unique within the drawing: the calls that lead to it.
        lines: Its text.
        kind: ``input``, ``output``, ``node``, ``choice`` (still open) or ``control``.
    """

    path: str
    lines: tuple[str, ...]
    kind: str


@dataclass(slots=True)
class Frame:
    """Things that belong together: a cell that is unfolded, or a branch.

    Attributes:
        path: Unique within the drawing.
        title: Its text.
        parts: What is in it, in order.
    """

    path: str
    title: str
    parts: list[Box | Frame] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Arrow:
    """A value that flows.

    Attributes:
        source: The path of a box.
        target: Likewise.
        label: The shape, where it is known, or empty.
        back: Whether it goes to the next turn of a loop.
    """

    source: str
    target: str
    label: str = ""
    back: bool = False


@dataclass(slots=True)
class Drawing:
    """A whole picture: the outermost frame, and all arrows in order."""

    frame: Frame
    arrows: list[Arrow]


_Source = tuple[str, str]
"""Where a value comes from: the path of a box, and the value's shape as text."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """A graph while it is drawn.

    Attributes:
        frame: Where it is drawn.
        known: Where each of its values comes from; several sources where branches meet.
        depth: How many more levels of cells are unfolded; None for all.
    """

    frame: Frame
    known: dict[Value, tuple[_Source, ...]]
    depth: int | None

    def trace(self, argument: Any) -> tuple[_Source, ...]:
        """Where the values in an argument come from."""
        return tuple(dict.fromkeys(source for value in find_values(argument) for source in self.known[value]))


def draw(model: Model, *, graph: str | None = None, depth: int | None = None) -> Drawing:
    """Lay out one graph of a model with all that it calls.

    Args:
        model: Its choices may be open.
        graph: The graph that is the outermost frame; the root by default.
        depth: How many levels of cells are unfolded; all by default.

    Raises:
        GraphError: There is no such graph.
    """
    name = model.root_name if graph is None else graph
    top = model.graphs[name] if name in model.graphs else model.graph(name)  # which says what there is
    scope = _Scope(Frame("", top.class_name), {}, depth)
    for value in top.inputs:
        scope.frame.parts.append(Box(value.name, (value.variable or value.name,), "input"))
        scope.known[value] = ((value.name, _format_shape(value)),)
    artist = _Artist(model)
    artist.fill(scope, top)
    scope.frame.parts.append(Box("return", ("return",), "output"))
    artist.connect(scope.trace(top.result.args), "return")
    return Drawing(scope.frame, list(dict.fromkeys(artist.arrows)))


class _Artist:
    """Fills frames; collects arrows."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.arrows: list[Arrow] = []

    def fill(self, scope: _Scope, graph: Graph) -> None:
        """Draw a graph's nodes."""
        members = self.model.graphs.get(graph.region_of or "", graph).members
        for node in graph.nodes:
            path = f"{scope.frame.path}/{node.name}"
            member = members[node.op.target].op if isinstance(node.op, Call) else None
            if isinstance(node.op, Call) and isinstance(member, Cell) and scope.depth != 0:
                self._unfold(scope, node, self.model.graphs[member.graph], f"{node.op.target}: ", path)
            elif isinstance(node.op, If):
                self._branch(scope, node, node.op, path)
            elif isinstance(node.op, Loop):
                self._repeat(scope, node, node.op, path)
            else:
                scope.frame.parts.append(_make_box(path, node, member))
                self.connect(scope.trace((node.args, node.kwargs)), path)
                _start_from(scope, node.outputs, path)

    def connect(self, sources: Iterable[_Source], target: str) -> None:
        """Draw arrows."""
        self.arrows += [Arrow(source, target, label) for source, label in sources]

    def _unfold(self, scope: _Scope, node: Node, graph: Graph, title: str, path: str) -> None:
        depth = None if scope.depth is None else scope.depth - 1
        inner = self._open(scope, Frame(path, f"{title}{graph.class_name}"), graph, node.args, depth)
        _end_at(scope, node, [(graph, inner)])

    def _branch(self, scope: _Scope, node: Node, op: If, path: str) -> None:
        scope.frame.parts.append(Box(path, ("if",), "control"))
        self.connect(scope.trace(node.args[0]), path)
        ends = []
        for title, name in (("then", op.then), ("else", op.otherwise)):
            graph = self.model.graphs[name]
            inner = self._open(scope, Frame(f"{path}:{title}", title), graph, node.args[1:], scope.depth)
            first = next(_boxes(inner.frame), None)
            self.arrows += [Arrow(path, first.path, title)] if first is not None else []
            ends.append((graph, inner))
        _end_at(scope, node, ends)

    def _open(self, scope: _Scope, frame: Frame, graph: Graph, args: tuple[Any, ...], depth: int | None) -> _Scope:
        """Draw a graph in a frame of its own, called with ``args``."""
        inner = _Scope(frame, dict(zip(graph.inputs, map(scope.trace, args), strict=True)), depth)
        self.fill(inner, graph)
        if frame.parts:
            scope.frame.parts.append(frame)
        return inner

    def _repeat(self, scope: _Scope, node: Node, op: Loop, path: str) -> None:
        """What goes in enters the head, which hands it to the body and takes the body's results back."""
        head = "while" if node.args[0] is None else f"repeat {_format_given(node.args[:1])}".rstrip()
        scope.frame.parts.append(Box(path, (head,), "control"))
        self.connect(scope.trace(node.args), path)
        graph = self.model.graphs[op.body]
        inner = _Scope(Frame(f"{path}:body", "body"), {}, scope.depth)
        scope.frame.parts.append(inner.frame)
        _start_from(inner, graph.inputs, path)
        self.fill(inner, graph)
        results = inner.trace(graph.result.args)
        self.arrows += [Arrow(source, path, label, True) for source, label in results if source != path]
        _start_from(scope, node.outputs, path)


def _start_from(scope: _Scope, values: Iterable[Value], path: str) -> None:
    scope.known.update({value: ((path, _format_shape(value)),) for value in values})


def _end_at(scope: _Scope, node: Node, ends: list[tuple[Graph, _Scope]]) -> None:
    """What a node with graphs inside computes comes from where the results of those graphs come from."""
    for index, value in enumerate(node.outputs):
        found: list[_Source] = []
        for graph, inner in ends:
            result = graph.result.args[0]
            is_each = isinstance(result, tuple) and len(result) == len(node.outputs)
            found += inner.trace(result[index] if is_each else result)
        scope.known[value] = tuple(dict.fromkeys(found))


def _boxes(frame: Frame) -> Iterator[Box]:
    for part in frame.parts:
        if isinstance(part, Box):
            yield part
        else:
            yield from _boxes(part)


def _make_box(path: str, node: Node, member: MemberOp | None) -> Box:
    choices = dict([*find_open_at(node), *(find_open_in(member) if member is not None else ())])
    lines = [*_describe_node(node, member), *map(_format_choice, choices.items())]
    return Box(path, tuple(map(_shorten, lines)), "choice" if choices else "node")


def _describe_node(node: Node, member: MemberOp | None) -> list[str]:
    match node.op:
        case Call(target):
            return [target, *_describe_member(member)]
        case ChooseInputs(_, n_candidates, n_chosen, reduction):
            return [f"{'any' if n_chosen == -1 else n_chosen} of {n_candidates} inputs, {reduction}"]
        case SelectInputs(conditions, reduction):
            return [f"inputs where {', '.join(map(format_literal, conditions))}, {reduction}"]
        case Attribute(target):
            return [f"self.{target}"]
        case Constant():
            return [f"constant {_format_given(node.args)}".rstrip()]
    given = _format_given(node.args, node.kwargs)
    return [f"{node.type.rpartition('::')[2]}{f'({given})' if given else ''}"]


def _describe_member(op: MemberOp | None) -> list[str]:
    match op:
        case Module(type, args, kwargs):
            return [f"{type.rpartition('.')[2]}({format_arguments(args, kwargs)})"]
        case LayerChoice(_, candidates):
            return [f"{name}: {', '.join(_describe_member(candidate.op))}" for name, candidate in candidates]
        case Cell(graph):
            return [f"cell {graph}"]
    return []


def _format_choice(choice: Found) -> str:
    label, candidates = choice
    return f"choice {label}: {' | '.join(map(str, candidates))}"


def _format_given(args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None) -> str:
    """The literals among arguments; values are arrows already."""
    plain = tuple(item for item in args if not any(True for _ in find_values(item)))
    named = {key: item for key, item in (kwargs or {}).items() if not any(True for _ in find_values(item))}
    return format_arguments(plain, named)


def _format_shape(value: Value) -> str:
    return "" if value.shape is None else "x".join(map(str, value.shape)) or "scalar"


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
