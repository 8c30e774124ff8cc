"""What holds of a model as its choices are made: a network of propositions that only ever become true."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from retix.space.decision import Choice, Decision
from retix.space.evaluation import Evaluation, prepare
from retix.space.expression import Chosen, Expression

Proposition: TypeAlias = int
"""The number of a proposition of one network."""


_REMEMBERED = 4096


class UnansweredError(Exception):
    """An expression looked up a decision that has no answer yet."""


class KnownAnswers(dict[str, Choice]):
    """Answers so far; looking up one that is not there ends the evaluation."""

    def __contains__(self, label: object) -> bool:
        return True

    def __missing__(self, label: str) -> Choice:
        raise UnansweredError(label)


def find_truth(expression: Expression, answers: KnownAnswers) -> bool | None:
    """Whether an expression holds, None where that needs further answers."""
    try:
        return bool(expression.evaluate(answers))
    except UnansweredError:
        return None


def judge(expression: Expression, evaluation: Evaluation, answers: KnownAnswers) -> bool | None:
    """The same for an expression that was prepared; the answers were checked before.

    Raises:
        SpaceError: The arithmetic fails on these answers.
    """
    try:
        return bool(evaluation(answers))
    except UnansweredError:
        return None
    except Exception:  # the expression itself says what failed
        return find_truth(expression, answers)


@dataclass(slots=True)
class Test:
    """An expression of which it matters whether it holds.

    Attributes:
        expression: The expression.
        holds: True once it is known to hold.
        fails: True once it is known not to.
        labels: The decisions that it depends on.
        evaluation: The expression, prepared.
    """

    expression: Expression
    holds: Proposition
    fails: Proposition
    labels: tuple[str, ...]
    evaluation: Evaluation


@dataclass
class Question:
    """A decision of the network.

    Attributes:
        decision: The decision.
        asked: True once the answer matters.
        by_answer: The propositions that a certain answer makes true, by its `key`.
        by_index: The propositions that become true if a candidate is among those chosen.
        tests: The tests that depend on this decision alone.
        joint_tests: The tests that depend on others as well.
    """

    decision: Decision
    asked: Proposition
    by_answer: dict[Choice, Proposition] = field(default_factory=dict)
    by_index: dict[int, Proposition] = field(default_factory=dict)
    tests: list[Test] = field(default_factory=list)
    joint_tests: list[Test] = field(default_factory=list)
    _fired: dict[Choice, tuple[Proposition, ...]] = field(default_factory=dict)

    def fired_by(self, answer: Choice) -> tuple[Proposition, ...]:
        """What an answer makes true, apart from tests of several decisions.

        Raises:
            SpaceError: A test fails on the answer.
        """
        key = self.key(answer)
        fired = self._fired.get(key)
        if fired is None:
            found = [p for index, p in self.by_index.items() if index in answer] if self.by_index else []
            if key in self.by_answer:
                found.append(self.by_answer[key])
            answers = KnownAnswers({self.decision.label: answer})
            found += [t.holds if t.expression.evaluate(answers) else t.fails for t in self.tests]
            fired = tuple(found)
            if len(self._fired) < _REMEMBERED:
                self._fired[key] = fired
        return fired

    def key(self, answer: Choice) -> Choice:
        """An answer in a form in which Python tells the candidates apart."""
        return answer if self.is_plain else json.dumps(answer)

    @cached_property
    def is_plain(self) -> bool:
        """Whether Python tells the candidates apart, unlike 1, 1.0 and True."""
        candidates = self.decision.candidates
        return self.decision.n_chosen is not None or len(set(candidates)) == len(candidates)


class Network:
    """Propositions that become true if one, or if all, of others are.

    Attributes:
        counts: How many of its causes each waits for: one, or all.
        effects: What each is a cause of.
        questions: The decisions, in the order in which they are asked when several matter.
        start: What is true from the beginning.
    """

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.effects: list[list[Proposition]] = []
        self.causes: list[tuple[Proposition, ...] | list[Proposition]] = []
        self.questions: list[Question] = []
        self.number_of: dict[str, int] = {}
        self.asks: dict[Proposition, int] = {}
        self.tests: dict[str, Test] = {}
        self.told: dict[Proposition, tuple[int, Choice] | Test] = {}
        self._edges: set[tuple[Proposition, Proposition]] = set()
        self._conjunctions: dict[frozenset[Proposition], Proposition] = {}
        self.start = self.any()

    def any(self, *causes: Proposition) -> Proposition:
        """A proposition that becomes true once any of its causes is; more can be given by `imply`."""
        number = len(self.counts)
        self.counts.append(1)
        self.effects.append([])
        self.causes.append([])
        for cause in causes:
            self.imply(cause, number)
        return number

    def every(self, *causes: Proposition) -> Proposition:
        """The proposition that becomes true once all of its causes are."""
        wanted = frozenset(causes) - {self.start}
        if not wanted:
            return self.start
        if len(wanted) == 1:
            return next(iter(wanted))
        found = self._conjunctions.get(wanted)
        if found is None:
            found = self._conjunctions[wanted] = len(self.counts)
            self.counts.append(len(wanted))
            self.effects.append([])
            self.causes.append(tuple(sorted(wanted)))
            for cause in wanted:
                self.effects[cause].append(found)
        return found

    def is_conjunction(self, proposition: Proposition) -> bool:
        """Whether it waits for all of its causes."""
        return isinstance(self.causes[proposition], tuple)

    def imply(self, cause: Proposition, effect: Proposition) -> None:
        """Let ``effect``, made by `any`, become true with ``cause``."""
        causes = self.causes[effect]
        assert isinstance(causes, list), "a conjunction has its causes already"
        if cause != effect and (cause, effect) not in self._edges:
            self._edges.add((cause, effect))
            self.effects[cause].append(effect)
            causes.append(cause)

    def question(self, decision: Decision) -> Question:
        """The question of a decision, whose label may be known already.

        Raises:
            SpaceError: The label stands for another choice.
        """
        number = self.number_of.get(decision.label)
        if number is None:
            number = self.number_of[decision.label] = len(self.questions)
            question = Question(decision, self.any())
            self.asks[question.asked] = number
            self.questions.append(question)
            return question
        question = self.questions[number]
        question.decision = question.decision.merged(decision)  # refuses contradicting candidates
        return question

    def answer_is(self, label: str, answer: Choice) -> Proposition:
        """The proposition that a decision is answered so."""
        question = self.questions[self.number_of[label]]
        return self._tell(question.by_answer, question.key(answer), label, (answer,))

    def includes(self, label: str, index: int) -> Proposition:
        """The proposition that a candidate is among those chosen."""
        question = self.questions[self.number_of[label]]
        return self._tell(question.by_index, index, label, index)

    def _tell(self, table: dict[Any, Proposition], key: Any, label: str, told: Any) -> Proposition:
        found = table.get(key)
        if found is None:
            found = table[key] = self.any()
            self.told[found] = (self.number_of[label], told)
        return found

    def test(self, expression: Expression, key: str) -> Test:
        """The test of an expression; equal keys are one."""
        found = self.tests.get(key)
        if found is None:
            labels = tuple(dict.fromkeys(decision.label for decision in expression.decisions()))
            found = self.tests[key] = Test(expression, self.any(), self.any(), labels, prepare(expression))
            self.told[found.holds] = self.told[found.fails] = found
            for label in labels:
                question = self.questions[self.number_of[label]]
                (question.tests if len(labels) == 1 else question.joint_tests).append(found)
        return found

    def need(self, expression: Any, when: Proposition, key: Callable[[Expression], str]) -> None:
        """Ask what an expression looks up once ``when`` is true; what it looks up late only if it gets there."""
        if not isinstance(expression, Expression):
            return
        if isinstance(expression, Chosen):
            self.imply(when, self.question(expression.decision).asked)
            return
        arguments: Iterable[Any] | None = getattr(expression, "arguments", None)
        if arguments is None:
            for decision in expression.decisions():
                self.imply(when, self.question(decision).asked)
            return
        operator = getattr(expression, "operator", None)
        arguments = tuple(arguments)
        if operator == "condition":
            for branch, holds in zip(arguments[1:], (True, False), strict=False):
                self.need(branch, self.every(when, self.truth(arguments[0], holds, when, key)), key)
        elif operator in ("and", "or"):
            for argument in arguments[:-1]:
                self.need(argument, when, key)
                when = self.every(when, self.truth(argument, operator == "and", when, key))
            self.need(arguments[-1], when, key)
        else:
            for argument in arguments:
                self.need_nested(argument, when, key)

    def need_nested(self, value: Any, when: Proposition, key: Callable[[Expression], str]) -> None:
        """Ask what the expressions in ``value`` look up, also inside lists, tuples and dicts."""
        if isinstance(value, Expression):
            self.need(value, when, key)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.need_nested(item, when, key)
        elif isinstance(value, dict):
            for item in value.values():
                self.need_nested(item, when, key)

    def truth(self, value: Any, holds: bool, when: Proposition, key: Callable[[Expression], str]) -> Proposition:
        """The proposition that an expression, or a plain value, holds or fails; what it looks up is asked."""
        if not isinstance(value, Expression):
            return self.start if bool(value) == holds else self.never
        self.need(value, when, key)
        test = self.test(value, key(value))
        return test.holds if holds else test.fails

    @property
    def never(self) -> Proposition:
        """A proposition that nothing makes true."""
        return self.any()


class Course:
    """How far a walk through a network has come.

    Attributes:
        left: How many causes each proposition still waits for; it is true from 0 down.
        answers: What was answered.
        open: The numbers of decisions that matter and have no answer.
    """

    __slots__ = ("answers", "left", "network", "open")

    def __init__(self, network: Network) -> None:
        self.network = network
        self.left = network.counts.copy()
        self.answers = KnownAnswers()
        self.open: list[int] = []
        self.fire([network.start])

    def copy(self) -> Course:
        """A course that goes on from here on its own."""
        twin = Course.__new__(Course)
        twin.network, twin.left, twin.open = self.network, self.left.copy(), self.open.copy()
        twin.answers = KnownAnswers(self.answers)
        return twin

    def holds(self, proposition: Proposition) -> bool:
        """Whether it is true by now."""
        return self.left[proposition] <= 0

    def answer(self, number: int, answer: Choice) -> None:
        """Take the answer to a decision."""
        question = self.network.questions[number]
        self.open.remove(number)
        self.answers[question.decision.label] = answer
        fired = question.fired_by(answer)
        if question.joint_tests:
            self.fire([*fired, *self._judge(question.joint_tests)])
        else:
            self.fire(fired)

    def _judge(self, tests: Iterable[Test]) -> Iterable[Proposition]:
        for test in tests:
            if self.left[test.holds] > 0 and self.left[test.fails] > 0:
                truth = judge(test.expression, test.evaluation, self.answers)
                if truth is not None:
                    yield test.holds if truth else test.fails

    def fire(self, atoms: Iterable[Proposition]) -> None:
        """Make propositions true that wait for nothing else, and all that follows."""
        left, effects, asks = self.left, self.network.effects, self.network.asks
        stack = []
        for atom in atoms:
            if left[atom] > 0:
                left[atom] = 0
                stack.append(atom)
        while stack:
            cause = stack.pop()
            if cause in asks:
                self.open.append(asks[cause])
            for effect in effects[cause]:
                left[effect] -= 1
                if left[effect] == 0:
                    stack.append(effect)
