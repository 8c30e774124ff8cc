"""Graphs with choices, prepared so that each sample's graph is put together from what matters in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retix.ir import (
    Cell,
    ChooseInputs,
    Constant,
    Draft,
    Function,
    Graph,
    If,
    LayerChoice,
    Member,
    MemberOp,
    Node,
    Open,
    SelectInputs,
    Value,
    find_values,
    map_values,
    overwrites,
)
from retix.mutation.filling import Filling, MemberFilling
from retix.mutation.liveness import Liveness
from retix.mutation.open_choices import find_open
from retix.mutation.reduction import reduce_inputs
from retix.space import Choice, Course, Expression, Proposition

_REMEMBERED = 256
_ABSENT = object()


@dataclass(slots=True)
class Step:
    """A node, prepared.

    Attributes:
        node: The node.
        matters: True if it is part of the network.
        values: The values that it takes, each once.
        is_simple: Whether its arguments are nothing but values that all matter with it.
        filling: Its arguments, where some are open.
        choice: For a choice of inputs: its op.
        branch: For an `If` whose condition is a choice: its op.
        conditions: Of `SelectInputs` and of such an `If`: the expressions or booleans.
    """

    node: Node
    matters: Proposition
    values: tuple[Value, ...]
    is_simple: bool
    filling: Filling | None = None
    choice: ChooseInputs | SelectInputs | None = None
    branch: If | None = None
    conditions: tuple[Expression | bool, ...] = ()


class Template:
    """One graph with choices.

    Args:
        graph: The graph, or branch.
        liveness: Says what of it matters when.
    """

    def __init__(self, graph: Graph, liveness: Liveness) -> None:
        self.graph = graph
        self.liveness = liveness
        self.runs = liveness.runs[graph.name]
        self.steps = [self._prepare(node) for node in graph.nodes]
        self.result = Filling(graph.result.args, liveness)
        self.members = [
            (name, liveness.members[(graph.name, name)], MemberFilling(member, liveness))
            for name, member in graph.members.items()
            if (graph.name, name) in liveness.members
        ]
        self.branches = [name for name, part in liveness.model.graphs.items() if part.region_of == graph.name]
        self._labels = tuple(dict.fromkeys(self._find_labels()))
        self._structural = tuple(dict.fromkeys(self._find_structural()))
        self._foreign = tuple(self._find_foreign())
        self._in_place: frozenset[str] = frozenset()
        self._verified: set[Any] = set()
        self._made: dict[Any, Graph] = {}

    def _prepare(self, node: Node) -> Step:
        matters = self.liveness.nodes[node]
        values = tuple(dict.fromkeys(find_values((node.args, node.kwargs))))
        is_simple = (
            not node.kwargs
            and all(isinstance(argument, Value) for argument in node.args)
            and all(self.liveness.takers.get((node, value)) == [matters] for value in values)
        )
        filling = Filling((node.args, node.kwargs), self.liveness) if any(find_open((node.args, node.kwargs))) else None
        step = Step(node, matters, values, is_simple, filling)
        if isinstance(node.op, (ChooseInputs, SelectInputs)):
            step.choice = node.op
            step.conditions = self._read(node.op.conditions) if isinstance(node.op, SelectInputs) else ()
        elif isinstance(node.op, If) and isinstance(node.args[0], (Open, bool)):
            step.branch, step.conditions = node.op, self._read((node.args[0],))
        return step

    def _read(self, conditions: Sequence[Open | bool]) -> tuple[Expression | bool, ...]:
        return tuple(self.liveness.read(item) if isinstance(item, Open) else item for item in conditions)

    def _find_structural(self) -> Iterator[str]:
        """The decisions that decide about more than what leaves and arguments are."""
        for step in self.steps:
            if isinstance(step.choice, ChooseInputs):
                yield step.choice.label
            for condition in step.conditions:
                if isinstance(condition, Expression):
                    yield from (decision.label for decision in condition.decisions())
        members = self.liveness.scope(self.graph).members
        for member in members.values():
            yield from _structural_labels(member.op)

    def _find_labels(self) -> Iterator[str]:
        yield from self._find_structural()
        yield from self.result.labels
        for step in self.steps:
            if step.filling is not None:
                yield from step.filling.labels
        for _, _, filling in self.members:
            yield from filling.labels()

    def _find_foreign(self) -> Iterator[Proposition]:
        """What depends on choices in other graphs: which of its arguments each cell uses."""
        for name in dict.fromkeys(self.graph.branches()):
            yield from self.liveness.inputs.get(name, ())
        for part in self.branches:
            yield from self.liveness.inputs.get(part, ())

    def link(self, templates: Mapping[str, Template]) -> None:
        """Take in what depends on the graph's branches."""
        parts = [self, *(templates[name] for name in self.branches if name in templates)]
        self._structural = tuple(dict.fromkeys(label for part in parts for label in part._structural))
        self._foreign = tuple(dict.fromkeys(p for part in parts for p in part._foreign))
        self._in_place = frozenset(
            name
            for part in parts
            for step in part.steps
            if step.branch
            for name in (step.branch.then, step.branch.otherwise)
        )

    def forget(self) -> None:
        """Forget the graphs that were made: they break a rule."""
        self._verified.clear()
        self._made.clear()

    def build(self, course: Course, templates: Mapping[str, Template], made: dict[str, Graph]) -> bool:
        """Put the graph and its branches into ``made``; return whether it has to be verified.

        Raises:
            SpaceError: Arithmetic on choices fails.
        """
        answers, left = course.answers, course.left
        foreign = tuple([left[p] <= 0 for p in self._foreign])
        key: Any = None
        if not self.branches:
            key = (repr([answers.get(label, _ABSENT) for label in self._labels]), foreign)
            known = self._made.get(key)
            if known is not None:
                made[self.graph.name] = known
                return False
        news: list[Any] = []
        members = {name: filling.fill(answers, news) for name, p, filling in self.members if left[p] <= 0}
        graph = _Assembly(self, course, templates, news, members, None).assemble()
        made[self.graph.name] = graph
        for name in self.branches:
            if left[self.liveness.runs[name]] <= 0 and name not in self._in_place:
                made[name] = _Assembly(templates[name], course, templates, news, {}, graph).assemble()
        if key is not None and len(self._made) < _REMEMBERED:
            graph.freeze()
            self._made[key] = graph
        structure = (repr([answers.get(label, _ABSENT) for label in self._structural]), foreign)
        if structure in self._verified:
            return bool(news)
        self._verified.add(structure)
        return True


def _structural_labels(op: MemberOp) -> Iterator[str]:
    if isinstance(op, LayerChoice):
        leaves = [candidate.op for _, candidate in op.candidates]
        if any(isinstance(leaf, (Cell, LayerChoice)) or overwrites(leaf) for leaf in leaves):
            yield op.label
        for leaf in leaves:
            yield from _structural_labels(leaf)


class _Assembly:
    """One graph being put together."""

    def __init__(
        self,
        template: Template,
        course: Course,
        templates: Mapping[str, Template],
        news: list[Any],
        members: dict[str, Member],
        owner: Graph | None,
    ) -> None:
        self.template = template
        self.left = course.left
        self.answers: Mapping[str, Choice] = course.answers
        self.templates = templates
        self.news = news
        self.draft = Draft(template.graph, members, owner)
        self.values = self.draft.values

    def assemble(self) -> Graph:
        """The graph."""
        self._run(self.template.steps, in_place=False)
        return self.draft.finish(self._map(self.template.result.fill(self.answers, self.news)))

    def _run(self, steps: list[Step], *, in_place: bool) -> None:
        left, values, draft = self.left, self.values, self.draft
        for step in steps:
            if left[step.matters] > 0:
                continue
            node = step.node
            if step.is_simple and not in_place:
                draft.take(
                    node, tuple([values[value] for value in node.args]), {}, [values[value] for value in step.values]
                )
            elif step.choice is not None:
                self._choose(step, step.choice)
            elif step.branch is not None:
                self._write_branch(step, step.branch)
            else:
                args, kwargs = self._arguments(step)
                if in_place:
                    draft.insert(node, args, kwargs)
                else:
                    draft.take(node, args, kwargs, find_values((args, kwargs)))

    def _arguments(self, step: Step) -> tuple[tuple[Any, ...], dict[str, Any]]:
        node, values = step.node, self.values
        args, kwargs = node.args, node.kwargs
        if step.filling is not None:
            args, kwargs = step.filling.fill(self.answers, self.news)
        if all(value in values for value in step.values):
            return self._map(args), self._map(kwargs) if kwargs else {}
        # what nobody uses is given as None
        kept = [a if all(value in values for value in find_values(a)) else None for a in args]
        return tuple([self._map(a) for a in kept]), {key: self._map(item) for key, item in kwargs.items()}

    def _map(self, argument: Any) -> Any:
        return map_values(argument, self.values.__getitem__)

    def _choose(self, step: Step, op: ChooseInputs | SelectInputs) -> None:
        node = step.node
        items = node.args[0]
        if step.filling is not None:
            items = step.filling.fill(self.answers, self.news)[0][0]
        if isinstance(op, ChooseInputs):
            chosen = [items[index] for index in self.answers[op.label]]
        else:
            held = [self._holds(condition) for condition in step.conditions]
            chosen = [item for item, holds in zip(items, held, strict=True) if holds]

        def add(made: Constant | Function, args: tuple[Any, ...], name: str) -> Value:
            return self.draft.add(made, args, name, node.location)

        result = reduce_inputs(add, node, [self._map(item) for item in chosen], op.reduction)
        output = node.outputs[0]
        result.variable = result.variable or output.variable
        self.values[output] = result

    def _holds(self, condition: Expression | bool) -> bool:
        return bool(condition.evaluate(self.answers)) if isinstance(condition, Expression) else condition

    def _write_branch(self, step: Step, op: If) -> None:
        """Write the branch that is taken in the place of an `If`."""
        node = step.node
        branch = self.templates[op.then if self._holds(step.conditions[0]) else op.otherwise]
        args, _ = self._arguments(step)
        for value, argument in zip(branch.graph.inputs, args[1:], strict=True):
            self.values[value] = argument
        self._run(branch.steps, in_place=True)
        (result,) = branch.result.fill(self.answers, self.news)
        for value, item in zip(node.outputs, result if isinstance(result, tuple) else (result,), strict=True):
            if all(inner in self.values for inner in find_values(item)):
                given = self._map(item)
                if not isinstance(given, Value):
                    given = self.draft.add(Constant(), (given,), value.name, node.location)
                given.variable = given.variable or value.variable
                self.values[value] = given
