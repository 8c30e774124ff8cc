"""A search space: what a strategy may ask of a set of decisions."""

from __future__ import annotations

import itertools
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from retix.errors import SpaceError
from retix.space.constraint import Constraint
from retix.space.counting import Counter
from retix.space.decision import Choice, Decision, same
from retix.space.guard import Guard
from retix.space.propositions import Course, Network
from retix.space.sample import Sample

Pick: TypeAlias = Callable[[Decision], Choice]
"""Answers one decision; `SearchSpace.walk` calls it for each live decision in order."""

_UNNAMED = object()
"""Stands for every answer that no condition names; None cannot, as it may be an answer."""


class SearchSpace(ABC):
    """A space that is explored by walking it.

    `walk` asks for one answer after the other and shows only decisions that are alive, so that a strategy
    needs no idea of conditions, and a space may even invent decisions on the way. Which decisions come, and
    in which order, depends on nothing but the answers given so far.
    """

    @abstractmethod
    def walk(self, pick: Pick) -> Sample:
        """Ask ``pick`` for an answer to every live decision and return them as a sample.

        Raises:
            SpaceError: ``pick`` returned something that does not answer its decision.
        """

    def fingerprint(self, sample: Sample) -> str:
        """A string that is equal for samples that make the same network."""
        return sample.key

    def permits(self, sample: Sample) -> bool:
        """Whether ``sample`` keeps the constraints of the space.

        A walk shows only answers that may lead to such a sample; where that takes too long to find out, it may yet end
        in one that does not, which is not to be proposed.
        """
        return True

    def measure(self, sample: Sample, name: str) -> float:
        """What is known of the model of ``sample`` without training it, by the name of a measure: ``parameters``, say.

        Raises:
            SpaceError: The space has no such measure.
        """
        raise SpaceError(
            f"{type(self).__name__} cannot measure {name!r}",
            why="it has samples, but no models",
            fix="search a ModelSpace, or override `measure`",
        )

    @property
    def size(self) -> int | None:
        """The exact number of samples, or None where it cannot be counted without walking them all."""
        return None

    def complete(self, answers: Mapping[str, Any]) -> Sample:
        """The sample in which ``answers`` are given and every other live decision takes its first answer."""
        return self.walk(lambda d: answers[d.label] if d.label in answers else d.first())


class DecisionSpace(SearchSpace):
    """The space of a fixed list of decisions.

    Args:
        decisions: In any order; equal labels are merged, and conditions are brought before what they govern.
        constraints: What samples have to keep.

    Raises:
        SpaceError: Two decisions of one label contradict each other, or a condition or constraint names an unknown
            label.
    """

    def __init__(self, decisions: Iterable[Decision], constraints: Iterable[Constraint] = ()) -> None:
        merged: dict[str, Decision] = {}
        for decision in decisions:
            known = merged.get(decision.label)
            merged[decision.label] = known.merged(decision) if known else decision
        self.decisions: tuple[Decision, ...] = tuple(_sort(merged))
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        check_known(self.constraints, merged)
        self._network = _make_network(self.decisions)
        self._guard = Guard(self._network, self.constraints)

    def walk(self, pick: Pick) -> Sample:
        """See `SearchSpace.walk`.

        Raises:
            SpaceError: ``pick`` returned something that does not answer its decision; or no sample at all keeps the
                constraints.
        """
        if self.constraints:
            return self._walk_guarded(pick)
        answers: dict[str, Choice] = {}
        for decision in self.decisions:
            if decision.alive(answers):
                answers[decision.label] = decision.check(pick(decision))
        return Sample(answers)

    def _walk_guarded(self, pick: Pick) -> Sample:
        course = Course(self._network)
        self._guard.check_satisfiable(course)
        while course.open:
            number = min(course.open)
            decision = self._guard.narrow(course, number)
            course.answer(number, decision.check(pick(decision)))
        return Sample(course.answers)

    def permits(self, sample: Sample) -> bool:
        return self._guard.admits(sample)

    def grid(self) -> Iterator[Sample]:
        """Yield every sample once, the last decision changing fastest."""
        return filter(self.permits, self._list_samples()) if self.constraints else self._list_samples()

    def _list_samples(self) -> Iterator[Sample]:
        answers: dict[str, Choice] = {}

        def go(index: int) -> Iterator[Sample]:
            if index == len(self.decisions):
                yield Sample(answers)
                return
            decision = self.decisions[index]
            if not decision.alive(answers):
                yield from go(index + 1)
                return
            for option in decision.options():
                answers[decision.label] = option
                yield from go(index + 1)
            del answers[decision.label]

        return go(0)

    @property
    def size(self) -> int | None:
        """The exact number of different samples; None where constraints make it too long to count."""
        if self.constraints:
            return Counter(self._network, self.constraints).count(Course(self._network))
        return math.prod(_count(group) for group in _independent_groups(self.decisions))

    def to_json(self) -> list[dict[str, Any]]:
        """The decisions as JSON values."""
        return [decision.to_json() for decision in self.decisions]

    @classmethod
    def from_json(cls, data: Iterable[Mapping[str, Any]]) -> DecisionSpace:
        """The space that ``to_json`` wrote."""
        return cls(Decision.from_json(item) for item in data)

    def __repr__(self) -> str:
        size = "an unknown number of" if self.size is None else f"{self.size:,}"
        return f"DecisionSpace({len(self.decisions)} decisions, {size} samples)"


def check_known(constraints: Iterable[Constraint], labels: Container[str]) -> None:
    """Refuse constraints that speak of what does not exist.

    Raises:
        SpaceError: One does.
    """
    for constraint in constraints:
        for label in constraint.labels:
            if label not in labels:
                raise SpaceError(
                    f"the constraint {constraint} speaks of the choice {label!r}, which the space does not have",
                    fix="give the choice in the model and the one in the constraint the same label",
                )


def _make_network(decisions: Iterable[Decision]) -> Network:
    network = Network()
    for decision in decisions:
        asked = network.question(decision).asked
        for condition in decision.when:
            network.imply(network.every(*(network.answer_is(label, answer) for label, answer in condition)), asked)
        if not decision.when:
            network.imply(network.start, asked)
    return network


def _parents(decision: Decision) -> set[str]:
    return {label for condition in decision.when for label, _ in condition}


def _sort(decisions: Mapping[str, Decision]) -> Iterator[Decision]:
    """Yield decisions so that conditions come before what they govern, otherwise in the order given."""
    done: set[str] = set()
    pending: set[str] = set()

    def visit(decision: Decision) -> Iterator[Decision]:
        if decision.label in done:
            return
        if decision.label in pending:
            raise SpaceError(f"the choice {decision.label!r} depends on itself")
        pending.add(decision.label)
        for label in sorted(_parents(decision)):
            if label not in decisions:
                raise SpaceError(f"the choice {decision.label!r} depends on {label!r}, which does not exist")
            yield from visit(decisions[label])
        done.add(decision.label)
        yield decision

    return itertools.chain.from_iterable(visit(decision) for decision in decisions.values())


def _independent_groups(decisions: Sequence[Decision]) -> list[list[Decision]]:
    """Split decisions into groups that no condition connects, each in the order given."""
    root = {d.label: d.label for d in decisions}

    def find(label: str) -> str:
        while root[label] != label:
            root[label] = root[root[label]]
            label = root[label]
        return label

    for decision in decisions:
        for parent in _parents(decision):
            root[find(decision.label)] = find(parent)
    groups: dict[str, list[Decision]] = {}
    for decision in decisions:
        groups.setdefault(find(decision.label), []).append(decision)
    return list(groups.values())


def _count(group: Sequence[Decision]) -> int:
    """Count the samples of decisions given in dependency order, branching only on what governs others.

    Answers that govern nothing are counted together, and once a branch has settled the conditions that
    connected its decisions, what is left falls apart into groups that are counted on their own.
    """
    governing = {label for d in group for label in _parents(d)}
    head, rest = group[0], group[1:]
    if not rest:
        return head.size
    if head.label not in governing:
        return head.size * math.prod(_count(g) for g in _independent_groups(rest))
    named = {json.dumps(v): v for d in group for cond in d.when for label, v in cond if label == head.label}
    values = {text: value for text, value in named.items() if _answers(head, value)}
    total = sum(_count_given(rest, head.label, value) for value in values.values())
    others = head.size - len(values)
    return total + (others * _count_given(rest, head.label, _UNNAMED) if others else 0)


def _answers(decision: Decision, value: Choice) -> bool:
    """Whether ``value`` answers ``decision``; a condition may name a value that it never takes."""
    try:
        decision.check(value)
    except SpaceError:
        return False
    return True


def _count_given(rest: Sequence[Decision], label: str, value: Choice) -> int:
    """Count ``rest`` once ``label`` is answered by ``value``."""
    left: list[Decision] = []
    dead: set[str] = set()
    for decision in rest:
        settled = _settle(decision, label, value, dead)
        if settled is None:
            dead.add(decision.label)
        else:
            left.append(settled)
    return math.prod(_count(g) for g in _independent_groups(left))


def _settle(decision: Decision, label: str, value: Choice, dead: set[str]) -> Decision | None:
    """The decision with its conditions on ``label`` resolved, or None if it cannot be alive any more."""
    if not decision.when:
        return decision
    open_conditions = []
    for condition in decision.when:
        refuted = any((k == label and not same(v, value)) or k in dead for k, v in condition)
        if not refuted:
            open_conditions.append(tuple(pair for pair in condition if pair[0] != label))
    if not open_conditions:
        return None
    when = () if () in open_conditions else tuple(open_conditions)
    return Decision(decision.label, decision.candidates, decision.n_chosen, when)
