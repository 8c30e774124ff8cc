"""Patterns: small wirings of operators that are looked for in models, and rewritten.

::

    x = wildcard("x")
    conv = step("torch.nn.Conv2d", x, name="conv", where=lambda node: node.operation.parameters.get("groups", 1) == 1)
    pattern = Pattern(step(("torch.nn.ReLU", "aten::relu"), step("torch.nn.BatchNorm2d", conv)))

    rewrite(model, pattern, lambda match, site: site.add("torch.nn.SiLU", site.again(match["conv"], match["x"])))

One part of a pattern stands for one node: the same part twice is the same node, two parts are two nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import TYPE_CHECKING, Any, TypeAlias

from retix.errors import GraphError
from retix.ir.dead import remove_dead
from retix.ir.effect import Effects
from retix.ir.graph import Graph
from retix.ir.influence import overwrites, overwritten_by
from retix.ir.literal import format_literal
from retix.ir.model import Model
from retix.ir.node import Node, Value, find_values
from retix.ir.region import Region
from retix.ir.site import Site
from retix.ir.surface import is_of_type

if TYPE_CHECKING:
    from types import EllipsisType


@dataclass(frozen=True, slots=True, eq=False)
class Wildcard:
    """Any value; the same wildcard twice is the same value.

    Attributes:
        name: Under which the match has the value, or None.
    """

    name: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A node of some type; as an argument of another step, its only output. ``step[1]`` is another output of it.

    Attributes:
        types: Its type is one of these, however written; empty for any.
        inputs: Its positional arguments: wildcards, steps and their outputs, lists of such; a function of a literal,
            which says whether it will do; or a literal. ``...`` at the end stands for all further ones; without it,
            those that are left out have to be literals.
        arguments: Those of its keyword arguments that count, likewise.
        where: What else has to hold for the node.
        name: Under which the match has the node, or None.
        commutative: Whether the values may come in any order.
    """

    types: tuple[str, ...]
    inputs: tuple[Any, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    where: Callable[[Node], bool] | None = None
    name: str | None = None
    commutative: bool = False

    def __getitem__(self, index: int) -> Output:
        return Output(self, index)

    def __iter__(self) -> Iterator[Output]:
        raise TypeError("a step has as many outputs as its node: take them by number, step[0]")


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a step that has several.

    Attributes:
        step: The step.
        index: Which.
    """

    step: Step
    index: int


Part: TypeAlias = Wildcard | Step | Output


def wildcard(name: str | None = None) -> Wildcard:
    """Any value; it stays as it is when the match is replaced."""
    return Wildcard(name)


def step(
    types: str | tuple[str, ...] | EllipsisType,
    *inputs: Any,
    name: str | None = None,
    where: Callable[[Node], bool] | None = None,
    commutative: bool = False,
    **arguments: Any,
) -> Step:
    """A node of one of some types, ``...`` for any; see `Step`.

    Without ``inputs`` it may take anything.
    """
    wanted = () if types is Ellipsis else (types,) if isinstance(types, str) else types
    return Step(wanted, inputs or (...,), arguments, where, name, commutative)


class Pattern:
    """Steps and how they are wired.

    Args:
        outputs: What leaves the match: steps, or outputs of them. Values of other steps may be taken within it alone.

    Raises:
        GraphError: There is no output, or one that is no step.
    """

    def __init__(self, *outputs: Step | Output) -> None:
        if not outputs or not all(isinstance(item, (Step, Output)) for item in outputs):
            raise GraphError(f"a pattern is made of steps, not of {outputs!r}", fix="begin with retix.ir.step(...)")
        self.outputs = tuple(item if isinstance(item, Output) else item[0] for item in outputs)


@dataclass(frozen=True, slots=True)
class Match:
    """One place where a pattern fits; ``match["name"]`` is what a named part stands for.

    Attributes:
        graph: The graph.
        nodes: The nodes, in the order of the graph.
        outputs: The values that the outputs of the pattern stand for.
        captures: The nodes and values that named parts stand for.
    """

    graph: Graph
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    captures: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.captures[name]


Found: TypeAlias = dict[Any, Any]
"""Steps and wildcards, to what they stand for."""


def find_matches(within: Model | Graph, pattern: Pattern) -> list[Match]:
    """The places where a pattern fits, none of which have a node in common; those that come first count first.

    No match is where it could not be replaced: where others take a value from within it, or where something is changed
    in place, by one of its nodes or by one between them, other than what was new within the match. Graphs of a model
    that are shared with a fork stay shared, and their nodes refuse edits.
    """
    if isinstance(within, Graph):
        return _find_in(within, pattern, Effects(within.model))
    effects = Effects(within)
    return [match for graph in dict.values(within.graphs) for match in _find_in(graph, pattern, effects)]


def rewrite(model: Model, pattern: Pattern, function: Callable[[Match, Site], Any]) -> int:
    """Replace each match of a pattern, and say how many were.

    Args:
        model: The model, which is edited in place, verified, and rid of what is dead then.
        pattern: What is looked for; what comes out of a replacement is not looked at again.
        function: Called with each match and a `Site`; returns a value for each output of the pattern, or None to leave
            the match as it is.

    Raises:
        GraphError: A value is of another known shape or dtype than what it shall replace, or depends on it.
    """
    counts = 0
    effects = Effects(model)
    names = [name for name, graph in dict.items(model.graphs) if _find_in(graph, pattern, effects)]
    for name in names:
        moved: dict[Value, Value] = {}
        for match in _find_in(model.graph(name), pattern, Effects(model)):
            counts += _rewrite_one(match, function, moved)
    model.verify()
    remove_dead(model)
    return counts


def _rewrite_one(match: Match, function: Callable[[Match, Site], Any], moved: dict[Value, Value]) -> bool:
    """Whether the match was replaced; ``moved`` tells what took the place of values, and is told so."""
    # what an earlier match was replaced by may be what this one begins with
    captures = {name: moved.get(item, item) for name, item in match.captures.items()}
    current = replace(match, captures=captures)
    region = replace(Region.of(match.nodes), outputs=match.outputs)
    made = region.replace(lambda site, *_: function(current, site))
    if made is None:
        return False
    moved.update(zip(match.outputs, made.outputs, strict=True))
    return True


def _find_in(graph: Graph, pattern: Pattern, effects: Effects) -> list[Match]:
    """The matches in one graph, without common nodes."""
    taken: set[Node] = set()
    matches: list[Match] = []
    places = {node: place for place, node in enumerate(graph.nodes)}
    matcher = _Matcher(graph)
    for node in graph.nodes:
        for found in matcher.match_outputs(pattern, node):
            nodes = sorted((item for item in found.values() if isinstance(item, Node)), key=places.__getitem__)
            outputs = tuple(found[item.step].outputs[item.index] for item in pattern.outputs)
            if taken.isdisjoint(nodes) and _is_apart(nodes, outputs) and _is_quiet(nodes, places, effects):
                captures = {part.name: item for part, item in found.items() if part.name is not None}
                matches.append(Match(graph, tuple(nodes), outputs, captures))
                taken.update(nodes)
                break
    return matches


def _is_apart(nodes: list[Node], outputs: tuple[Value, ...]) -> bool:
    """Whether nobody else takes what is no output, and no node outside is between two of the match."""
    inside = set(nodes)
    for value in (value for node in nodes for value in node.outputs if value not in outputs):
        if any(user not in inside for user in value.uses):
            return False
    try:
        Region.of(nodes)
    except GraphError:
        return False
    return True


def _is_quiet(nodes: list[Node], places: Mapping[Node, int], effects: Effects) -> bool:
    """Whether replacing the nodes by something elsewhere in their span changes nothing that others see."""
    inside = set(nodes)
    first, last = places[nodes[0]], places[nodes[-1]]
    span = [node for node in places if first <= places[node] <= last]
    for node in span:
        if effects.of(node) and not (node in inside and _is_private(node, inside)):
            return False
    # what a node of the match made may also be overwritten further on
    return not any(
        effects.of(user) and value in overwritten_by(user) and user not in inside
        for node in nodes[:-1]
        for value in node.outputs
        for user in value.uses
    )


def _is_private(node: Node, inside: set[Node]) -> bool:
    """Whether all that the node overwrites was made by nodes of the match."""
    changed = overwritten_by(node) if overwrites(node.operation) else set()
    return bool(changed) and all(value.producer in inside for value in changed)


class _Matcher:
    """Fits parts of a pattern to the nodes of one graph, trying every way."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def match_outputs(self, pattern: Pattern, node: Node) -> Iterator[Found]:
        """The ways in which the first output is the node's."""
        yield from self._match_rest(pattern, 1, self._match_step(pattern.outputs[0].step, node, {}))

    def _match_rest(self, pattern: Pattern, index: int, ways: Iterator[Found]) -> Iterator[Found]:
        for found in ways:
            if any(output.index >= len(found[output.step].outputs) for output in pattern.outputs[:index]):
                continue
            if index == len(pattern.outputs):
                yield found
                continue
            part = pattern.outputs[index].step
            nodes = [found[part]] if part in found else list(self._graph.nodes)
            for node in nodes:
                yield from self._match_rest(pattern, index + 1, self._match_step(part, node, found))

    def _match_step(self, part: Step, node: Node, found: Found) -> Iterator[Found]:
        if part in found:
            yield from [found] if found[part] is node else []
            return
        fits = not part.types or any(is_of_type(node, name) for name in part.types)
        if not fits or node in found.values() or (part.where is not None and not part.where(node)):
            return
        for inputs in self._order_inputs(part):
            yield from self._match_arguments(part, inputs, node, {**found, part: node})

    def _order_inputs(self, part: Step) -> Iterator[tuple[Any, ...]]:
        if not part.commutative:
            yield part.inputs
            return
        places = [place for place, item in enumerate(part.inputs) if isinstance(item, (Wildcard, Step, Output))]
        for order in permutations(places):
            inputs = list(part.inputs)
            for place, source in zip(places, order, strict=True):
                inputs[place] = part.inputs[source]
            yield tuple(inputs)

    def _match_arguments(self, part: Step, inputs: tuple[Any, ...], node: Node, found: Found) -> Iterator[Found]:
        given, wanted = list(node.args), list(inputs)
        if wanted and wanted[-1] is Ellipsis:
            wanted.pop()
        elif any(find_values((given[len(wanted) :], [v for k, v in node.kwargs.items() if k not in part.arguments]))):
            return
        if len(given) < len(wanted) or not part.arguments.keys() <= node.kwargs.keys():
            return
        wanted += part.arguments.values()
        given = [*given[: len(wanted) - len(part.arguments)], *(node.kwargs[key] for key in part.arguments)]
        yield from self._match_all(wanted, given, found)

    def _match_all(self, wanted: list[Any], given: list[Any], found: Found) -> Iterator[Found]:
        if not wanted:
            yield found
            return
        for way in self._match_item(wanted[0], given[0], found):
            yield from self._match_all(wanted[1:], given[1:], way)

    def _match_item(self, wanted: Any, given: Any, found: Found) -> Iterator[Found]:
        if isinstance(wanted, Wildcard):
            if isinstance(given, Value) and found.get(wanted, given) is given:
                yield {**found, wanted: given}
        elif isinstance(wanted, (Step, Output)):
            output = wanted if isinstance(wanted, Output) else wanted[0]
            alone = isinstance(wanted, Output) or (isinstance(given, Value) and given.index == 0)
            if isinstance(given, Value) and given.producer is not None and given.index == output.index and alone:
                yield from self._match_step(output.step, given.producer, found)
        elif isinstance(wanted, (list, tuple)):
            if isinstance(given, (list, tuple)) and len(given) == len(wanted):
                yield from self._match_all(list(wanted), list(given), found)
        elif any(find_values(given)):
            return
        elif callable(wanted):
            if wanted(given):
                yield found
        elif format_literal(wanted) == format_literal(given):
            yield found
