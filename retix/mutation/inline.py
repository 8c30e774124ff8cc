"""Choices written in the model itself, as ordinary mutators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from retix.errors import SpaceError
from retix.ir import (
    Call,
    Cell,
    ChooseInputs,
    Constant,
    Function,
    Graph,
    If,
    LayerChoice,
    Loop,
    Member,
    MemberOp,
    Model,
    Module,
    Node,
    Open,
    Value,
    is_open,
)
from retix.mutation.mutator import Mutator
from retix.space import Choice, Decision, Expression, expression_from_json


class InlineMutator(Mutator):
    """Makes every choice that is open in the model, in the order in which its graphs use them.

    One label is one decision and is asked once. What only a candidate that was not chosen contains is never asked, so
    conditional decisions come out by themselves.
    """

    def __init__(self) -> None:
        super().__init__("inline")
        # What was read of an op, by the op's identity; the op is held so that the identity stays its own. The same ops
        # come with every model of a space.
        self._expressions: dict[int, tuple[Open, Expression]] = {}
        self._decisions: dict[int, tuple[LayerChoice | ChooseInputs, Decision]] = {}

    def parse(self, item: Open) -> Expression:
        """The expression of an open argument."""
        if id(item) not in self._expressions:
            self._expressions[id(item)] = (item, expression_from_json(item.expression))
        return self._expressions[id(item)][1]

    def read(self, op: LayerChoice | ChooseInputs) -> Decision:
        """The decision of an open choice."""
        if id(op) not in self._decisions:
            self._decisions[id(op)] = (op, _decision_of(op))
        return self._decisions[id(op)][1]

    def mutate(self, model: Model) -> None:
        _Resolver(self, model).resolve(model.root_name)

    def ask(self, decision: Decision) -> Choice:
        """Ask a decision that has its label already."""
        return self._ask(decision)


class _Resolver:
    """Makes the choices of one model."""

    def __init__(self, mutator: InlineMutator, model: Model) -> None:
        self.mutator = mutator
        self.model = model
        self.asked: dict[str, Decision] = {}
        self.answers: dict[str, Choice] = {}
        self.done: set[str] = set()

    def ask(self, decision: Decision) -> Choice:
        known = self.asked.get(decision.label)
        if known is not None:
            known.merged(decision)  # refuses contradicting candidates
        else:
            self.asked[decision.label] = decision
            self.answers[decision.label] = self.mutator.ask(decision)
        return self.answers[decision.label]

    def resolve(self, name: str) -> None:
        """Make the choices of a graph and of those that it uses, in the order of its nodes."""
        if name in self.done:
            return
        self.done.add(name)
        shared = self.model.graphs[name]
        owner_name = shared.region_of or name
        owner = self.model.graphs[owner_name]
        if not is_open(shared) and not is_open(owner):
            for node in shared.nodes:
                self._resolve_run(node, owner)
            return
        graph = self.model.graph(name) if is_open(shared) else shared
        for node in list(graph.nodes):
            if any(_find_open((node.args, node.kwargs))):
                node.set_arguments(*self._fill((node.args, node.kwargs)))
            if isinstance(node.op, Call):
                self._resolve_member(owner_name, node.op.target)
            elif isinstance(node.op, ChooseInputs):
                self._resolve_inputs(graph, node, node.op)
            else:
                self._resolve_run(node, owner)

    def _resolve_run(self, node: Node, owner: Graph) -> None:
        """Make the choices of what a node without open choices runs."""
        member = owner.members.get(node.op.target) if isinstance(node.op, Call) else None
        if member is not None and isinstance(member.op, Cell):
            self.resolve(member.op.graph)
        for branch in _branches(node):
            self.resolve(branch)

    def _resolve_member(self, owner_name: str, target: str) -> None:
        owner = self.model.graphs[owner_name]
        member = owner.members.get(target)
        if member is None:
            return
        settled = self._settle(member)
        if settled is not member:
            self.model.graph(owner_name).members[target] = settled
        if isinstance(settled.op, Cell):
            self.resolve(settled.op.graph)

    def _settle(self, member: Member) -> Member:
        """The member with its choices made; the same object if it has none."""
        op = member.op
        if isinstance(op, LayerChoice):
            return self._settle(dict(op.candidates)[self.ask(self.mutator.read(op))])
        if isinstance(op, Module) and any(_find_open(op)):
            return replace(member, op=self._settle_module(op))
        return member

    def _settle_module(self, module: Module) -> Module:
        try:
            filled: Module = self._fill(module)
            return filled
        except SpaceError as error:
            raise SpaceError(f"{module.type}: {error.what}", where=error.where, why=error.why, fix=error.fix) from error

    def _fill(self, argument: Any) -> Any:
        """The argument with its choices made."""
        for item in _find_open(argument):
            for decision in self.mutator.parse(item).decisions():
                self.ask(decision)
        return self._filled(argument)

    def _filled(self, argument: Any) -> Any:
        if isinstance(argument, Open):
            return self.mutator.parse(argument).evaluate(self.answers)
        if isinstance(argument, Module):
            kwargs = {key: self._filled(item) for key, item in argument.kwargs.items()}
            return replace(argument, args=self._filled(argument.args), kwargs=kwargs)
        if isinstance(argument, (list, tuple)):
            return type(argument)(self._filled(item) for item in argument)
        if isinstance(argument, dict):
            return {key: self._filled(item) for key, item in argument.items()}
        return argument

    def _resolve_inputs(self, graph: Graph, node: Node, op: ChooseInputs) -> None:
        chosen = self.ask(self.mutator.read(op))
        candidates: list[Value] = [node.args[0][index] for index in chosen]
        result = _reduce(graph, node, candidates, op.reduction)
        result.variable = result.variable or node.output.variable
        graph.erase(node, result)


def _reduce(graph: Graph, node: Node, values: list[Value], reduction: str) -> Value:
    """What becomes of the chosen inputs, computed before ``node``."""

    def add(op: Any, *args: Any, name: str) -> Value:
        return graph.add(op, args, name=name, before=node, location=node.location).output

    if reduction == "none":
        return add(Constant(), list(values), name="inputs")
    if len(values) == 1:
        return values[0]
    if reduction == "concat":
        return add(Function("aten::cat"), list(values), 1, name="cat")
    total = values[0]
    for value in values[1:]:
        total = add(Function("aten::add"), total, value, name="add")
    return total if reduction == "sum" else add(Function("aten::div"), total, len(values), name="mean")


def find_decisions(model: Model) -> Iterator[Decision]:
    """Yield every decision that is open in the model, also in candidates that may never be chosen, as often as it is.

    Raises:
        SpaceError: One has no candidates, or a prior that does not fit them.
    """
    for graph in model.graphs.values():
        for member in graph.members.values():
            yield from _decisions_of(member.op)
        for node in graph.nodes:
            if isinstance(node.op, ChooseInputs):
                yield _decision_of(node.op)
            yield from _decisions_in((node.args, node.kwargs))


def _decisions_of(op: MemberOp) -> Iterator[Decision]:
    if isinstance(op, LayerChoice):
        yield _decision_of(op)
        for _, candidate in op.candidates:
            yield from _decisions_of(candidate.op)
    elif isinstance(op, Module):
        yield from _decisions_in(op)


def _decisions_in(argument: Any) -> Iterator[Decision]:
    for item in _find_open(argument):
        yield from expression_from_json(item.expression).decisions()


def _decision_of(op: LayerChoice | ChooseInputs) -> Decision:
    if isinstance(op, LayerChoice):
        return Decision(op.label, tuple(name for name, _ in op.candidates), weights=op.weights)
    return Decision(op.label, tuple(range(op.n_candidates)), op.n_chosen, weights=op.weights)


def _find_open(argument: Any) -> Iterator[Open]:
    if isinstance(argument, Open):
        yield argument
    elif isinstance(argument, Module):
        yield from _find_open((argument.args, dict(argument.kwargs)))
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _find_open(item)
    elif isinstance(argument, dict):
        yield from _find_open(list(argument.values()))


def _branches(node: Node) -> tuple[str, ...]:
    match node.op:
        case If(then, otherwise):
            return then, otherwise
        case Loop(body):
            return (body,)
    return ()
