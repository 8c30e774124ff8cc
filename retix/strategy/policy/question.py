"""The questions that a policy answers, in the order in which it met them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from retix.errors import SpaceError
from retix.space import Choice, Decision

MOST_SUBSETS = 64
"""A decision with more subsets to choose among is asked candidate by candidate."""

_UNKNOWN: Any = object()

Choose: TypeAlias = Callable[["Question", tuple[int, ...] | None, int | None], int]
"""Answers a question by an index among the allowed ones (None: all); the last argument is the answer, if known."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a policy is asked, with a fixed number of answers.

    Attributes:
        number: Counts the questions from 0, in the order in which they were met.
        label: What the decision is called; of a subset asked by candidates, with the candidate's index.
        size: How many answers there are.
        first: How many answers all questions before it have, so that ``first + i`` numbers answer ``i`` uniquely.
        prior: How likely each answer is for a policy that has learned nothing; None for equally.
    """

    number: int
    label: str
    size: int
    first: int
    prior: tuple[float, ...] | None = None


class Vocabulary:
    """All questions that were met.

    A question is known by its label and its candidates: where a space invents decisions, one label may come with other
    candidates, and that is another question.

    Args:
        meet: Called with each new question, before it is asked.
    """

    def __init__(self, meet: Callable[[Question], None]) -> None:
        self._meet = meet
        self._by_key: dict[str, Question] = {}
        self.questions: list[Question] = []

    def decide(self, decision: Decision, choose: Choose, known: Mapping[str, Choice] | None = None) -> Choice:
        """The answer to ``decision`` that follows from what ``choose`` answers.

        Args:
            decision: What the space asks.
            choose: Answers; it is not called where only one answer is left.
            known: The answers by label, if they are known; then ``choose`` is told what to answer.

        Raises:
            SpaceError: ``known`` does not answer the decision.
        """
        given = _UNKNOWN if known is None else _look_up(decision, known)
        options = decision.candidates
        if decision.n_chosen is not None:
            whole = replace(decision, allowed=None)
            if whole.size > MOST_SUBSETS:
                return self._decide_subset(decision, choose, given)
            options = tuple(whole.options())
        allowed = None if decision.allowed is None else tuple(_index_all(decision.allowed, options))
        target = None if given is _UNKNOWN else next(_index_all([given], options))
        return options[_choose(self._find(decision, len(options)), choose, allowed, target)]

    def _decide_subset(self, decision: Decision, choose: Choose, given: Choice) -> Choice:
        """Ask of each candidate whether it is taken: 0 for no, 1 for yes."""
        taken: list[int] = []
        for index in range(len(decision.candidates)):
            allowed = tuple(bit for bit in (0, 1) if _leads_on(decision, taken + [index] * bit, index + 1))
            question = self._find(decision, 2, f"[{index}]")
            target = None if given is _UNKNOWN else int(index in given)
            taken += [index] * _choose(question, choose, None if len(allowed) == 2 else allowed, target)
        return tuple(taken)

    def _find(self, decision: Decision, size: int, part: str = "") -> Question:
        key = json.dumps([decision.label + part, decision.n_chosen, decision.candidates])
        if key not in self._by_key:
            prior = decision.weights if not part else None
            self._add(key, decision.label + part, size, prior)
        return self._by_key[key]

    def _add(self, key: str, label: str, size: int, prior: tuple[float, ...] | None) -> None:
        last = self.questions[-1] if self.questions else None
        question = Question(len(self.questions), label, size, last.first + last.size if last else 0, prior)
        self._by_key[key] = question
        self.questions.append(question)
        self._meet(question)

    def to_json(self) -> list[list[Any]]:
        """The questions in their order, as JSON values."""
        return [[key, q.label, q.size, q.prior] for key, q in self._by_key.items()]

    def read(self, data: Iterable[Sequence[Any]]) -> None:
        """Meet what ``to_json`` wrote, in the same order; the vocabulary is empty before."""
        for key, label, size, prior in data:
            self._add(key, label, size, None if prior is None else tuple(prior))


def _index_all(answers: Iterable[Choice], options: Sequence[Choice]) -> Iterator[int]:
    """The indices of ``answers`` among ``options``, rising; as JSON, because to Python 1, 1.0 and True are one."""
    texts = {json.dumps(answer) for answer in answers}
    return (index for index, option in enumerate(options) if json.dumps(option) in texts)


def _look_up(decision: Decision, known: Mapping[str, Choice]) -> Choice:
    if decision.label not in known:
        raise SpaceError(
            f"the choice {decision.label!r} has no answer in a sample that was told",
            why="the sample is of another space",
            fix="tell a strategy of trials in the space that it searches",
        )
    return decision.check(known[decision.label])


def _choose(question: Question, choose: Choose, allowed: tuple[int, ...] | None, target: int | None) -> int:
    if allowed is None:
        return 0 if question.size == 1 else choose(question, None, target)
    return allowed[0] if len(allowed) == 1 else choose(question, allowed, target)


def _leads_on(decision: Decision, taken: Sequence[int], seen: int) -> bool:
    """Whether a subset that takes these of the first ``seen`` candidates can be completed to an answer."""
    if decision.allowed is not None:
        return any([i for i in answer if i < seen] == list(taken) for answer in decision.allowed)
    left = len(decision.candidates) - seen
    if decision.n_chosen == -1:
        return bool(taken) or left > 0
    assert decision.n_chosen is not None  # for the type checker: this is a decision on subsets
    return len(taken) <= decision.n_chosen <= len(taken) + left
