"""Random models with choices nested in choices, and every model that they hold."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from retix import constraint
from tests.spaces.layers import Net
from tests.spaces.parts import (
    At,
    Cells,
    Doubled,
    Factor,
    Inputs,
    Layers,
    Leaf,
    Norm,
    Part,
    Repeated,
    Steps,
    Width,
)
from tests.spaces.symbol import INPUT, Answers, Term, UnknownError, list_models
from tests.spaces.values import SHARED, Value, number, shared

MOST = 150
"""How many models a space holds at most."""


@dataclass(frozen=True)
class Plan:
    """A random space: its parts, and a rule on its labels.

    Attributes:
        body: The parts.
        rule: What has to hold; None for no rule.
    """

    body: Part
    rule: Value | None

    def make(self) -> Net:
        """The base model."""
        return Net(self.body.build(), None if self.rule is None else constraint(self.rule.make()))

    def run(self, answers: Answers) -> Term:
        """What the model of some answers computes."""
        return self.body.run(INPUT, At("body", "body"), answers)

    def permits(self, answers: dict[str, Any]) -> bool:
        """Whether a whole sample keeps the rule; one that needs answers that are not there says nothing."""
        try:
            return self.rule is None or bool(self.rule.evaluate(Answers(answers), "rule"))
        except UnknownError:
            return True

    def list_models(self, most: int = MOST) -> list[tuple[dict[str, Any], Term]]:
        """Every model that keeps the rule, by its answers.

        Raises:
            OverflowError: There are more than ``most`` models.
        """
        return [found for found in list_models(self.run, most) if self.permits(found[0])]


class Maker:
    """Makes one plan; every layer has a number of its own, so that other answers are another network.

    Args:
        pick: Takes one of several options.
    """

    def __init__(self, pick: Callable[[tuple[Any, ...]], Any]) -> None:
        self._pick = pick
        self._count = 0

    def pick(self, *options: Any) -> Any:
        return self._pick(options)

    def number(self) -> int:
        self._count += 1
        return self._count

    def make_plan(self, depth: int) -> Plan:
        body = self.make_part(depth)
        labels = sorted(_value_labels(body))
        return Plan(body, self.make_rule(labels) if labels and self.pick(True, False) else None)

    def make_rule(self, labels: list[str]) -> Value:
        left, right = shared(self.pick(*labels)), shared(self.pick(*labels))
        kind = self.pick("differs", "less", "and", "or", "both", "either", "sum")
        if kind in ("differs", "less"):
            return Value(kind, (left, right))
        if kind == "sum":
            return Value("less", (Value("add", (left, right)), number(self.pick(4, 6))))
        return Value(kind, (Value("less", (left, number(2))), Value("differs", (right, number(1)))))

    def make_value(self) -> Value:
        one = shared(self.pick("v2", "v3"))
        kind = self.pick("own", "shared", "add", "max", "condition")
        if kind == "own":
            return Value("choice", (None, (1, 2)))
        if kind == "shared":
            return one
        if kind == "condition":
            test = Value("is", (shared("v2"), number(1)))
            return Value("condition", (test, one, Value("add", (shared("w2"), number(3)))))
        return Value(kind, (Value("times", (one, number(4))), shared("v3")))

    def make_leaf(self) -> Part:
        kind = self.pick("leaf", "leaf", "open", "norm")
        if kind == "norm":
            return Norm(self.number())
        return Leaf(self.number(), self.make_value() if kind == "open" else None)

    def make_part(self, depth: int) -> Part:
        if depth == 0:
            return self.make_leaf()
        small = ("leaf", "width", "factor") if depth < 3 else ()
        kind = self.pick(*("layers", "inputs", "repeat", "cell") * 2, "steps", "twice", *small)
        if kind == "leaf":
            return self.make_leaf()
        if kind == "width":
            return Width(self.pick(shared("w2"), Value("times", (shared("v2"), number(2)))))
        if kind == "factor":
            return Factor(self.make_value())
        make: Callable[[int], Part] = getattr(self, f"make_{kind}")
        return make(depth - 1)

    def make_twice(self, depth: int) -> Part:
        return Doubled(self.make_part(depth))

    def make_steps(self, depth: int) -> Part:
        steps = tuple(self.make_part(depth) for _ in range(self.pick(1, 2, 3)))
        return Steps(steps, self.pick(True, False))

    def make_layers(self, depth: int) -> Part:
        names = self.pick(("0", "1"), ("left", "right"), ("0", "1", "2"))
        candidates = tuple(self.make_part(depth) for _ in names)
        return Layers(candidates, self.pick(None, None, f"op_{'_'.join(names)}"), names)

    def make_inputs(self, depth: int) -> Part:
        count = self.pick(1, 2)
        branches = tuple(self.make_part(depth) for _ in range(count))
        sources = tuple(self.pick(*range(index + 1)) for index in range(count))
        n_chosen = self.pick(1, 2, -1)
        label = self.pick(None, None, f"in_{count}_{n_chosen}")
        return Inputs(branches, sources, n_chosen, self.pick("sum", "mean"), label)

    def make_repeat(self, depth: int) -> Part:
        least, most = self.pick((0, 1), (1, 2), (0, 2), (2, 2))
        length: Value | tuple[int, int] = (least, most)
        if self.pick(True, False, False):
            length, most = (shared("v2"), 2) if self.pick(True, False) else (Value("add", (shared("v2"), number(1))), 3)
        is_copied = self.pick(True, False)
        blocks = tuple(self.make_part(depth) for _ in range(1 if is_copied else most))
        return Repeated(blocks, is_copied, length, self.pick(None, f"depth_{least}_{most}"))

    def make_cell(self, depth: int) -> Part:
        ops = tuple(self.make_part(min(depth, 1)) for _ in range(self.pick(1, 2)))
        num_nodes, per_node, num_inputs = self.pick((1, 1, 1), (1, 1, 2), (2, 1, 1), (2, 1, 2), (1, 2, 2))
        label = self.pick(None, f"cell_{len(ops)}_{num_nodes}_{per_node}_{num_inputs}")
        return Cells(self.make_part(depth), ops, num_nodes, per_node, num_inputs, self.pick(True, False), label)


def _value_labels(body: Part) -> set[str]:
    values = [value for part in body.parts() for value in vars(part).values() if isinstance(value, Value)]
    return set().union(*(value.labels() for value in values)) & set(SHARED)


@st.composite
def plans(draw: st.DrawFn, depth: int = 4, most: int = MOST) -> tuple[Plan, list[tuple[dict[str, Any], Term]]]:
    """Random spaces, with their models."""
    maker = Maker(lambda options: draw(st.sampled_from(options)))
    plan = maker.make_plan(draw(st.integers(2, depth)))
    try:
        return plan, plan.list_models(most)
    except OverflowError:
        reject()


def make_plans(count: int, depth: int = 4, least: int = 4, most: int = MOST) -> list[Plan]:
    """The same random spaces in every process, with a number of models between two bounds."""
    found: list[Plan] = []
    seed = 0
    while len(found) < count:
        seed += 1
        plan = Maker(random.Random(seed).choice).make_plan(depth)
        try:
            if len(plan.list_models(most)) >= least:
                found.append(plan)
        except OverflowError:
            continue
    return found
