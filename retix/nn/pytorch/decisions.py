"""The decisions of a model that is not captured: read off its modules."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce
from typing import Any, TypeAlias

import torch

from retix.nn.pytorch.input_choice import InputChoice
from retix.nn.pytorch.label import LabelBook, expressions_of
from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.mutable import Mutable
from retix.nn.pytorch.parameter_choice import Asked
from retix.recipe import asked_by
from retix.space import Applied, Chosen, Condition, Decision, Expression

When: TypeAlias = tuple[Condition, ...] | None
"""Under which answers something takes part: under any of several conjunctions, always (none of them), or never."""

MAX_COMBINATIONS = 1024
"""How many answers are tried to find when a condition holds; beyond, it counts as holding always."""


def construction_decisions(module: torch.nn.Module) -> list[Asked]:
    """What a `model_wrapper` model asked while it was made, in the order of asking, each decision once."""
    found: dict[str, Asked] = {}
    for asked in asked_by(module):
        found.setdefault(asked.decision.label, asked)
    return list(found.values())


def decisions_of(module: torch.nn.Module) -> list[Decision]:
    """Every decision of a model, in the order of its modules; those that it asked while it was made come first.

    A decision's ``when`` says under which answers it takes part: for what stands in a candidate of a layer choice, in a
    block of a repeat, or in a cell. What only the graph shows, such as a layer whose result no input choice takes, is
    not looked at.

    Raises:
        SpaceError: One label stands for two different choices.
    """
    return list(_collect(module).found.values())


def dependents_of(module: torch.nn.Module) -> list[tuple[str, str]]:
    """Where each decision of a model is used: its label, and the path of a choice, an argument or an attribute."""
    return list(dict.fromkeys(_collect(module).uses))


def _collect(module: torch.nn.Module) -> _Collector:
    collector = _Collector(LabelBook(module))
    for asked in construction_decisions(module):
        collector.add(asked.decision, ())
    collector.visit(module, "", ())
    return collector


class _Collector:
    def __init__(self, book: LabelBook) -> None:
        self._book = book
        self.found: dict[str, Decision] = {}
        self.uses: list[tuple[str, str]] = []

    def add(self, decision: Decision, when: When) -> None:
        if when is None:
            return
        label, weights = decision.label, decision.weights
        new = Decision(label, decision.candidates, decision.n_chosen, when, weights)
        known = self.found.get(label)
        merged = known.merged(new) if known else new
        self.found[label] = replace(merged, when=_absorb(merged.when))

    def visit(self, module: torch.nn.Module, path: str, when: When) -> None:
        if when is None:
            return
        if isinstance(module, (LayerChoice, InputChoice)):
            self.add(module.decision(self._book.of(module, path)), when)
            self.uses.append((self._book.of(module, path), path))
        for suffix, expression in expressions_of(module):
            named = self._book.named(expression, f"{path}{suffix}".lstrip("."))
            self._visit_expression(named, when)
            self.uses += [(decision.label, f"{path}{suffix}".lstrip(".")) for decision in named.decisions()]
        for name, child in module._modules.items():
            if child is not None:
                inner = f"{path}.{name}".lstrip(".")
                live = module.live_when(name) if isinstance(module, Mutable) else True
                self.visit(child, inner, _both(when, self._solve(self._book.named(live, path))))

    def _visit_expression(self, expression: Any, when: When) -> None:
        """Add what an expression looks up: behind a condition, only under the answers that lead there."""
        if when is None or not isinstance(expression, Expression):
            return
        decisions = list(expression.decisions())
        if all(d.label in self.found and not self.found[d.label].when for d in decisions):
            for decision in decisions:
                self.found[decision.label].merged(decision)  # refuses others under the same label
            return
        if isinstance(expression, Chosen):
            self.add(expression.decision, when)
        elif isinstance(expression, Applied):
            for argument, live in self._arguments(expression):
                self._visit_expression(argument, when if live is True else _both(when, self._solve(live)))

    @staticmethod
    def _arguments(expression: Applied) -> Iterator[tuple[Any, Any]]:
        """Yield each argument, after the condition under which it is looked at."""
        arguments = expression.arguments
        if expression.operator == "condition":
            yield arguments[0], True
            yield arguments[1], arguments[0]
            yield arguments[2], Applied("not", (arguments[0],))
        elif expression.operator == "and":
            for index, argument in enumerate(arguments):
                yield argument, True if index == 0 else arguments[0]
        else:
            yield from ((argument, True) for argument in arguments)

    def _solve(self, condition: Any) -> When:
        """The answers under which a condition holds."""
        if not isinstance(condition, Expression):
            return () if condition else None
        if isinstance(condition, Applied) and condition.operator == "and":
            return reduce(_both, map(self._solve, condition.arguments))
        decisions = {decision.label: decision for decision in condition.decisions()}
        if math.prod(decision.size for decision in decisions.values()) > MAX_COMBINATIONS:
            return ()
        options = itertools.product(*(decision.options() for decision in decisions.values()))
        looked = [_Looked(zip(decisions, answers, strict=True)) for answers in options]
        held = [answers for answers in looked if condition.evaluate(answers)]
        if len(held) == len(looked):
            return ()
        return tuple(dict.fromkeys(tuple(answers.found.items()) for answers in held)) or None


class _Looked(dict[str, Any]):
    """Answers that keep which of them were looked up: a condition depends on no others."""

    def __init__(self, answers: Iterable[tuple[str, Any]]) -> None:
        super().__init__(answers)
        self.found: dict[str, Any] = {}

    def __getitem__(self, label: str) -> Any:
        self.found[label] = super().__getitem__(label)
        return self.found[label]


def _absorb(when: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """``when`` without conjunctions that another one covers."""
    known = [set(conjunction) for conjunction in when]
    return tuple(c for c, mine in zip(when, known, strict=True) if not any(other < mine for other in known))


def _both(left: When, right: When) -> When:
    """When both hold."""
    if left is None or right is None:
        return None
    if not left or not right:
        return left or right
    joined = []
    for one, other in itertools.product(left, right):
        answers = dict(one)
        if all(answers.get(label, answer) == answer for label, answer in other):
            joined.append(tuple((answers | dict(other)).items()))
    return tuple(dict.fromkeys(joined)) or None
