"""How many samples a space has, without listing them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from retix.space.constraint import Constraint, Counts, look_ahead
from retix.space.decision import Choice, Decision
from retix.space.propositions import Course, Network, Proposition, Question

_MOST_OPTIONS = 4096


class UncountableError(Exception):
    """Counting would take too long."""


@dataclass(frozen=True, slots=True)
class Part:
    """Decisions that others depend on, or that rules tie together; independent of all others.

    Attributes:
        pending: The decisions that matter already.
        propositions: What is not known and decides about further decisions.
        rules: The constraints that are not settled.
        possible: The decisions that may come to matter.
    """

    pending: tuple[int, ...]
    propositions: frozenset[Proposition]
    rules: tuple[int, ...]
    possible: frozenset[int]


class Counter:
    """Counts the samples of a network under constraints.

    It branches on decisions that others depend on, and only as far as their answers differ in what they lead to; what
    does not hang together is counted apart, and what was counted once is known.

    Args:
        network: The decisions.
        constraints: What samples have to keep.
        fuel: How many branches are looked at before it gives up.
    """

    def __init__(self, network: Network, constraints: Sequence[Constraint] = (), fuel: int = 10_000) -> None:
        self._network = network
        self._constraints = tuple(constraints)
        self._fuel = fuel
        self._known: dict[Hashable, int] = {}

    def count(self, course: Course) -> int | None:
        """How many ways there are to finish a walk; None where that cannot be found out in reasonable time."""
        try:
            return self._count(course, course.open, range(len(self._constraints)))
        except (UncountableError, RecursionError):
            return None

    def _count(self, course: Course, pending: Iterable[int], rules: Iterable[int]) -> int:
        unsettled = []
        for rule in rules:
            truth = self._constraints[rule].truth(course.answers)
            if truth is False:
                return 0
            if truth is None:
                unsettled.append(rule)
        total = 1
        for part in split(self._network, self._constraints, course, tuple(pending), unsettled):
            total *= self._count_part(course, part)
            if not total:
                break
        return total

    def _count_part(self, course: Course, part: Part) -> int:
        if not part.possible and not part.rules:
            return math.prod(self._network.questions[number].decision.size for number in part.pending)
        key = self._key(course, part)
        known = self._known.get(key)
        if known is None:
            found = self._count_values(course, part)
            known = self._known[key] = found if found is not None else self._branch(course, part)
        return known

    def _key(self, course: Course, part: Part) -> Hashable:
        labels = {label for rule in part.rules for label in self._constraints[rule].labels}
        for number in (*part.pending, *part.possible):
            labels.update(label for test in self._network.questions[number].joint_tests for label in test.labels)
        given = {label: course.answers[label] for label in labels if dict.__contains__(course.answers, label)}
        return frozenset(part.pending), part.propositions, part.rules, json.dumps(given, sort_keys=True)

    def _count_values(self, course: Course, part: Part) -> int | None:
        """Count by the values that a rule's expressions take, where no decision occurs twice."""
        if part.possible or len(part.rules) != 1:
            return None
        rule = self._constraints[part.rules[0]]
        asked = {self._network.questions[number].decision.label for number in part.pending}
        outlook = look_ahead(rule, course.answers, list_options)
        if outlook.labels != asked or not outlook.is_exact or outlook.counts is None:
            return None
        return sum(ways for value, ways in outlook.counts.items() if value)

    def _branch(self, course: Course, part: Part) -> int:
        number = self._choose(part)
        others = [other for other in part.pending if other != number]
        total = 0
        for answer, ways in self._classes(number, part):
            self._fuel -= 1
            if self._fuel < 0:
                raise UncountableError
            below = course.copy()
            below.open = [*others, number]
            below.answer(number, answer)
            total += ways * self._count(below, below.open, part.rules)
        return total

    def _choose(self, part: Part) -> int:
        """The decision to branch on: one that others depend on, else one of a rule; the last that was met."""
        governing = [n for n in part.pending if not part.propositions.isdisjoint(_atoms(self._network.questions[n]))]
        return max(governing or part.pending)

    def _classes(self, number: int, part: Part) -> Iterator[tuple[Choice, int]]:
        """An answer for each group of answers that lead to the same, and how many there are."""
        question = self._network.questions[number]
        label = question.decision.label
        ruled = any(label in self._constraints[rule].labels for rule in part.rules)
        by_index_alone = not (question.by_answer or question.tests or question.joint_tests)
        if not ruled and by_index_alone and question.decision.n_chosen is not None:
            yield from _group_subsets(question, part.propositions)
            return
        if question.decision.size > _MOST_OPTIONS:
            raise UncountableError
        groups: dict[Hashable, tuple[Choice, int]] = {}
        for index, answer in enumerate(question.decision.options()):
            is_told = ruled or question.joint_tests
            key = index if is_told else frozenset(part.propositions.intersection(question.fired_by(answer)))
            groups[key] = (answer, groups.get(key, (answer, 0))[1] + 1)
        yield from groups.values()


def list_options(decision: Decision) -> Counts | None:
    """Every answer to a decision, once; None where there are too many."""
    if decision.size > _MOST_OPTIONS:
        return None
    found: Counts = {}
    for option in decision.options():
        found[option] = found.get(option, 0) + 1
    return found


def _group_subsets(question: Question, relevant: frozenset[Proposition]) -> Iterator[tuple[Choice, int]]:
    """Subsets of the candidates that matter, each with the number of ways to fill it up with the others."""
    decision = question.decision
    n = len(decision.candidates)
    matters = [index for index, proposition in sorted(question.by_index.items()) if proposition in relevant]
    others = [index for index in range(n) if index not in matters]
    if 2 ** len(matters) > _MOST_OPTIONS * 16:
        raise UncountableError
    for size in range(len(matters) + 1):
        for chosen in itertools.combinations(matters, size):
            if decision.n_chosen == -1:
                fill = min(len(others), 0 if chosen else 1)
                ways = 2 ** len(others) - (0 if chosen else 1)
            else:
                fill = (decision.n_chosen or 0) - size
                ways = math.comb(len(others), fill) if 0 <= fill <= len(others) else 0
            if ways > 0:
                yield tuple(sorted((*chosen, *others[:fill]))), ways


def _atoms(question: Question) -> Iterator[Proposition]:
    """What the answer to a decision may make true at once."""
    yield from question.by_answer.values()
    yield from question.by_index.values()
    for test in (*question.tests, *question.joint_tests):
        yield test.holds
        yield test.fails


def find_possible(
    network: Network, course: Course, pending: Iterable[int], wanted: Collection[int] = ()
) -> tuple[set[Proposition], list[int]]:
    """What may become true yet, and the decisions that may come to matter.

    Args:
        network: The network.
        course: How far the walk has come.
        pending: The decisions whose answers count.
        wanted: If given, the search ends once all of these decisions were found to matter.
    """
    missing = set(wanted)
    left = course.left.copy()
    reached: set[Proposition] = set()
    fresh: list[int] = []
    stack: list[Proposition] = []

    def open_up(number: int) -> None:
        for atom in _atoms(network.questions[number]):
            if left[atom] > 0:
                left[atom] = 0
                stack.append(atom)

    for number in pending:
        open_up(number)
    while stack:
        cause = stack.pop()
        reached.add(cause)
        if cause in network.asks:
            fresh.append(network.asks[cause])
            if missing:
                missing.discard(fresh[-1])
                if not missing:
                    break
            open_up(fresh[-1])
        for effect in network.effects[cause]:
            left[effect] -= 1
            if left[effect] == 0:
                stack.append(effect)
    return reached, fresh


def split(
    network: Network,
    constraints: Sequence[Constraint],
    course: Course,
    pending: tuple[int, ...],
    rules: Sequence[int],
) -> list[Part]:
    """Take apart what does not hang together of the decisions that a walk still has to come to."""
    reached, fresh = find_possible(network, course, pending)
    relevant: set[Proposition] = set()
    stack = [network.questions[number].asked for number in fresh]
    while stack:
        proposition = stack.pop()
        if proposition in reached and proposition not in relevant:
            relevant.add(proposition)
            stack += network.causes[proposition]
    number_of = {network.questions[n].decision.label: n for n in (*pending, *fresh)}
    groups = _Groups()
    for number in (*pending, *fresh):
        groups.join(("decision", number), ("decision", number))
        for atom in _atoms(network.questions[number]):
            if atom in relevant:
                groups.join(("decision", number), ("proposition", atom))
    for number in fresh:
        groups.join(("decision", number), ("proposition", network.questions[number].asked))
    for proposition in relevant:
        for cause in network.causes[proposition]:
            if cause in relevant:
                groups.join(("proposition", proposition), ("proposition", cause))
    kept = []
    for rule in rules:
        tied = [number_of[label] for label in constraints[rule].labels if label in number_of]
        if tied:
            kept.append(rule)
            for number in tied:
                groups.join(("rule", rule), ("decision", number))
    return [_make_part(group, set(pending)) for group in groups.lists()]


def _make_part(group: Iterable[tuple[str, int]], pending: set[int]) -> Part:
    of_kind: dict[str, list[int]] = {"decision": [], "proposition": [], "rule": []}
    for kind, number in group:
        of_kind[kind].append(number)
    decisions = sorted(of_kind["decision"])
    return Part(
        tuple(number for number in decisions if number in pending),
        frozenset(of_kind["proposition"]),
        tuple(sorted(of_kind["rule"])),
        frozenset(number for number in decisions if number not in pending),
    )


class _Groups:
    """Things that hang together."""

    def __init__(self) -> None:
        self._above: dict[tuple[str, int], tuple[str, int]] = {}

    def _find(self, item: tuple[str, int]) -> tuple[str, int]:
        above = self._above
        above.setdefault(item, item)
        while above[item] != item:
            above[item] = above[above[item]]
            item = above[item]
        return item

    def join(self, left: tuple[str, int], right: tuple[str, int]) -> None:
        """Put two things into one group."""
        self._above[self._find(left)] = self._find(right)

    def lists(self) -> Iterator[list[tuple[str, int]]]:
        """Yield the groups."""
        found: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for item in self._above:
            found.setdefault(self._find(item), []).append(item)
        yield from found.values()
