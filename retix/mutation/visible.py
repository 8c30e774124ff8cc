"""Effects under choices: nodes that matter although nobody takes their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from retix.ir import (
    Call,
    Cell,
    ChooseInputs,
    If,
    LayerChoice,
    Loop,
    MemberOp,
    Node,
    NodeOp,
    SelectInputs,
    Value,
    find_values,
    overwrites,
    overwritten_by,
    passes_on,
)
from retix.space import Proposition

if TYPE_CHECKING:
    from retix.mutation.liveness import Liveness


class Visibility:
    """Says when what nodes change in place can be seen: by whoever calls the graph, or by another node that matters.

    It follows `retix.ir.effect`, with choices open: memory is followed back through whatever may have made it.

    Args:
        liveness: Whose graphs are compiled already.
    """

    def __init__(self, liveness: Liveness) -> None:
        self.liveness = liveness
        self.network = liveness.network
        self._seen: dict[tuple[Value, Node], Proposition] = {}

    def compile(self) -> None:
        """Let nodes matter for their effects."""
        for name, proposition in self.liveness.runs.items():
            if name in self.liveness.inputs:
                for node in list(self.liveness.model.graphs[name].nodes):
                    self._compile_node(node, proposition)

    def _compile_node(self, node: Node, runs: Proposition) -> None:
        here = self.liveness.nodes[node]
        operation = self._operation(node)
        if isinstance(operation, (If, Loop)):
            branches = (operation.body,) if isinstance(operation, Loop) else (operation.then, operation.otherwise)
            if any(map(self.liveness.effects.of_graph, branches)):
                self.network.imply(runs, here)
            return
        for path, leaf in _find_leaves(operation):
            when = runs
            for label, name in path:
                when = self.network.every(when, self.network.answer_is(label, name))
            if isinstance(leaf, Cell):
                if self.liveness.effects.of_graph(leaf.graph):
                    self._ask(path, runs)
                    self.network.imply(when, here)
            elif overwrites(leaf):
                changed = overwritten_by(node)
                seen = self.network.any(*(self._seen_of(value, node) for value in changed)) if changed else runs
                self._ask(path, self.network.every(runs, seen))
                self.network.imply(self.network.every(when, seen), here)

    def _ask(self, path: Iterable[tuple[str, str]], when: Proposition) -> None:
        """Ask the decisions on which an effect hangs, one after the other."""
        for label, name in path:
            self.network.imply(when, self.network.questions[self.network.number_of[label]].asked)
            when = self.network.every(when, self.network.answer_is(label, name))

    def _operation(self, node: Node) -> MemberOp | NodeOp | None:
        if not isinstance(node.op, Call):
            return node.op
        member = self.liveness.scope(node.graph).members.get(node.op.target)
        return member.op if member is not None else None

    def _seen_of(self, value: Value, by: Node) -> Proposition:
        """Somebody that matters, apart from ``by``, can see the memory of ``value``."""
        known = self._seen.get((value, by))
        if known is not None:
            return known
        self._seen[(value, by)] = seen = self.network.any()
        if value.producer is None:
            self.network.imply(self.network.start, seen)
            return seen
        for user in value.uses:
            if user is not by:
                for taken in self.liveness.takers.get((user, value), ()):
                    self.network.imply(taken, seen)
        for when, source in self._sources(value.producer):
            if source is None:
                self.network.imply(when, seen)
            else:
                self.network.imply(self.network.every(when, self._seen_of(source, value.producer)), seen)
        return seen

    def _sources(self, node: Node) -> Iterator[tuple[Proposition, Value | None]]:
        """Whose memory the outputs of a node may be: when, and the value, or None where that is not known."""
        operation = self._operation(node)
        if isinstance(operation, (ChooseInputs, SelectInputs)):
            for value in dict.fromkeys(find_values(node.args)):
                for taken in self.liveness.takers.get((node, value), ()):
                    yield taken, value
            return
        if isinstance(operation, LayerChoice):
            here = self.network.start
            probe = self.liveness.runs[node.graph.name]
            for path, leaf in _find_leaves(operation):
                sources = passes_on(node, leaf)
                if sources == ():
                    continue
                self._ask(path, probe)
                when = here
                for label, name in path:
                    when = self.network.every(when, self.network.answer_is(label, name))
                for source in (None,) if sources is None else sources:
                    yield when, source
            return
        sources = passes_on(node, operation)
        for source in (None,) if sources is None else sources:
            yield self.network.start, source


Path: TypeAlias = tuple[tuple[str, str], ...]


def _find_leaves(
    operation: MemberOp | NodeOp | None, path: Path = ()
) -> Iterator[tuple[Path, MemberOp | NodeOp | None]]:
    """What an operation may turn out to be, with the answers that lead there."""
    if isinstance(operation, LayerChoice):
        for name, candidate in operation.candidates:
            yield from _find_leaves(candidate.op, (*path, (operation.label, name)))
    else:
        yield path, operation
