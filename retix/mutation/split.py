"""Inline choices one by one, each a mutator of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from retix.errors import InvalidMutation
from retix.ir import (
    ChooseInputs,
    Constant,
    Function,
    Graph,
    LayerChoice,
    Member,
    Model,
    Node,
    Open,
    SelectInputs,
    Value,
    is_open,
)
from retix.mutation.filling import fill, to_literal
from retix.mutation.mutator import Mutator
from retix.mutation.open_choices import find_decisions, find_open
from retix.mutation.reduction import reduce_inputs
from retix.space import Choice, Constraint, Decision, Expression, KnownAnswers, UnansweredError, expression_from_json


class LabelMutator(Mutator):
    """Asks one decision of a model with open choices, and puts its answer in wherever it is used.

    What depends on other decisions too is put in by whoever answers the last of them, so that the mutators of a model
    may come in any order. Unlike `InlineMutator`, it also asks where the decision has come to matter no more.

    Args:
        decision: The decision; its label is that of the mutator.
    """

    looks_up_graphs: ClassVar[bool] = False

    def __init__(self, decision: Decision) -> None:
        super().__init__(label=decision.label)
        self.decision = decision

    @property
    def candidates(self) -> list[Any]:
        """What there is to choose from: names of layers, positions of inputs, or values."""
        return list(self.decision.candidates)

    def mutate(self, model: Model) -> None:
        answer = self._ask(self.decision)
        put_in(model, {**find_answers(model), self.decision.label: answer})


class FillMutator(Mutator):
    """Asks nothing, and puts in what the answers so far decide. As with NNI's, its label is None."""

    looks_up_graphs: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__(label="fill")
        self.label = None  # type: ignore[assignment]  # NNI's scripts tell such mutators by it

    candidates: ClassVar[tuple[Any, ...]] = ()

    def mutate(self, model: Model) -> None:
        put_in(model, find_answers(model))


class RuleMutator(Mutator):
    """Asks nothing, and says that there is no such model where the answers so far break a rule. Its label is None.

    Args:
        constraints: The rules.
    """

    looks_up_graphs: ClassVar[bool] = False
    candidates: ClassVar[tuple[Any, ...]] = ()

    def __init__(self, constraints: Iterable[Constraint]) -> None:
        super().__init__(label="rules")
        self.label = None  # type: ignore[assignment]  # NNI's scripts tell such mutators by it
        self.constraints = tuple(constraints)

    def mutate(self, model: Model) -> None:
        given = find_answers(model)
        for rule in self.constraints:
            if not rule.admits(given):
                raise InvalidMutation(f"the answers break a rule of the model: {rule}", where=rule.place)

    def dry_run(self, model: Model) -> tuple[list[list[Any]], Model]:
        return [], model  # first answers need not make a model


def split_choices(model: Model) -> list[Mutator]:
    """A mutator for each decision that is open in the model, as NNI's users apply them one after the other.

    Returns:
        One `LabelMutator` for each label, in the order in which the graphs use them; behind them a `FillMutator` if
        there are inputs that expressions select (repeated blocks are), and one if there are values among arguments or
        in such expressions. They have nothing left to do, and keep the number of mutators what NNI's scripts expect.
        Last a `RuleMutator`, if the model has constraints.

    Raises:
        SpaceError: Two choices of one label contradict each other.
    """
    decisions: dict[str, Decision] = {}
    for decision in find_decisions(model):
        decisions[decision.label] = decisions.get(decision.label, decision).merged(decision)
    mutators: list[Mutator] = [LabelMutator(decision) for decision in decisions.values()]
    nodes = [node for graph in model.graphs.values() for node in graph.nodes]
    selects = any(isinstance(node.op, SelectInputs) and any(find_open(node.op.conditions)) for node in nodes)
    if selects:
        mutators.append(FillMutator())
    if selects or any(_has_values(member.op) for graph in model.graphs.values() for member in graph.members.values()):
        mutators.append(FillMutator())
    if model.constraints:
        rules = [rule if isinstance(rule, Constraint) else Constraint.from_json(rule) for rule in model.constraints]
        mutators.append(RuleMutator(rules))
    return mutators


def _has_values(op: Any) -> bool:
    if isinstance(op, LayerChoice):
        return any(_has_values(candidate.op) for _, candidate in op.candidates)
    return any(find_open(op))


def find_answers(model: Model) -> dict[str, Choice]:
    """What mutators answered on the way to the model."""
    return {label: answer for mutation in model.history for label, answer in mutation.choices}


def put_in(model: Model, answers: Mapping[str, Choice]) -> None:
    """Replace in place what ``answers`` decide, and leave open what they do not.

    Raises:
        SpaceError: Arithmetic on choices fails.
    """
    putting = _Putting(answers)
    for name in list(model.graphs):
        if is_open(model.graphs[name]):
            putting.put_into(model.graph(name))


class _Putting:
    """Answers being put in."""

    def __init__(self, answers: Mapping[str, Choice]) -> None:
        self.answers = KnownAnswers(answers)

    def put_into(self, graph: Graph) -> None:
        for name, member in graph.members.items():
            settled = self._settle(member)
            if settled is not member:
                graph.members[name] = settled
        for node in list(graph.nodes):
            if any(find_open((node.args, node.kwargs))):
                node.set_arguments(*self._fill((node.args, node.kwargs)))
            if isinstance(node.op, ChooseInputs) and dict.__contains__(self.answers, node.op.label):
                chosen = [node.args[0][index] for index in self.answers[node.op.label]]
                _reduce(graph, node, chosen, node.op.reduction)
            elif isinstance(node.op, SelectInputs):
                self._select(graph, node, node.op)
        if any(find_open(graph.result.args)):
            graph.result.set_arguments(*self._fill((graph.result.args, {})))

    def _settle(self, member: Member) -> Member:
        op = member.op
        if isinstance(op, LayerChoice):
            if dict.__contains__(self.answers, op.label):
                return self._settle(dict(op.candidates)[self.answers[op.label]])
            candidates = tuple((name, self._settle(candidate)) for name, candidate in op.candidates)
            return replace(member, op=replace(op, candidates=candidates))
        return replace(member, op=self._fill(op)) if any(find_open(op)) else member

    def _select(self, graph: Graph, node: Node, op: SelectInputs) -> None:
        conditions = tuple(_as_bool(self._fill(condition)) for condition in op.conditions)
        if any(isinstance(condition, Open) for condition in conditions):
            node.update_operation(replace(op, conditions=conditions))
            return
        taken = [item for item, holds in zip(node.args[0], conditions, strict=True) if holds]
        _reduce(graph, node, taken, op.reduction)

    def _fill(self, argument: Any) -> Any:
        return fill(argument, self._value_of)

    def _value_of(self, item: Open) -> Any:
        """The value of an open argument; itself, where an answer is missing."""
        try:
            expression: Expression = expression_from_json(item.expression)
            return to_literal(expression.evaluate(self.answers))
        except UnansweredError:
            return item


def _as_bool(condition: Any) -> Open | bool:
    return condition if isinstance(condition, Open) else bool(condition)


def _reduce(graph: Graph, node: Node, items: list[Any], reduction: str) -> None:
    """Put what becomes of the chosen inputs in the place of a node."""
    result = reduce_inputs(lambda op, args, name: _add(graph, node, op, args, name), node, items, reduction)
    result.variable = result.variable or node.output.variable
    graph.erase(node, result)


def _add(graph: Graph, node: Node, op: Constant | Function, args: tuple[Any, ...], name: str) -> Value:
    return graph.add(op, args, name=name, before=node, location=node.location).output
