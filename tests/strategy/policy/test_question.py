"""Decisions, put to a policy as questions."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest

from retix.errors import SpaceError
from retix.space import Decision
from retix.strategy.policy import Question, Vocabulary

DECISIONS = [
    Decision("one", ("a", None, 1, 1.0, True)),
    Decision("one of few left", ("a", "b", "c"), allowed=("c", "a")),
    Decision("settled", ("a", "b"), allowed=("b",)),
    Decision("single", (7,)),
    Decision("small subset", ("a", "b", "c"), n_chosen=-1),
    Decision("pair", tuple(range(5)), n_chosen=2),
    Decision("large subset", tuple(range(8)), n_chosen=-1),
    Decision("half", tuple(range(10)), n_chosen=5),
    Decision("large, few left", tuple(range(8)), n_chosen=-1, allowed=((0, 3), (0, 4, 7), (5,))),
]


def make_vocabulary() -> tuple[Vocabulary, list[Question]]:
    """A vocabulary, and what it meets."""
    met: list[Question] = []
    return Vocabulary(met.append), met


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.label)
def test_answers_lead_there_and_back(decision: Decision) -> None:
    """Whatever is chosen gives an answer to the decision, and from the answer the same choices follow."""
    vocabulary, met = make_vocabulary()
    rng = random.Random(1)
    found = set()
    for _ in range(60):
        chosen: list[int] = []

        def choose(question: Question, allowed: Any, target: int | None, chosen: list[int] = chosen) -> int:
            assert target is None
            assert question in met
            chosen.append(rng.choice(allowed or range(question.size)))
            return chosen[-1]

        answer = decision.check(vocabulary.decide(decision, choose))
        found.add(json.dumps(answer))
        traced: list[int] = []

        def follow(question: Question, allowed: Any, target: int | None, traced: list[int] = traced) -> int:
            assert target is not None
            assert allowed is None or target in allowed
            traced.append(target)
            return target

        assert json.dumps(vocabulary.decide(decision, follow, {decision.label: answer})) == json.dumps(answer)
        assert traced == chosen
    assert len(found) >= min(decision.size, 25)


def test_questions_are_numbered_and_kept() -> None:
    """Each label and list of candidates is met once, answers are numbered throughout, and JSON keeps the order."""
    vocabulary, met = make_vocabulary()
    asked = [Decision("x", (1, 2)), Decision("y", (1, 2, 3), weights=(1, 2, 1)), Decision("x", (1, 2, 3, 4))]
    for decision in [*asked, *asked]:
        vocabulary.decide(decision, lambda question, allowed, target: 0)
    assert [(q.number, q.label, q.size, q.first, q.prior) for q in met] == [
        (0, "x", 2, 0, None),
        (1, "y", 3, 2, (1, 2, 1)),
        (2, "x", 4, 5, None),
    ]
    other, again = make_vocabulary()
    other.read(json.loads(json.dumps(vocabulary.to_json())))
    assert again == met == other.questions


def test_a_large_subset_is_asked_by_candidates() -> None:
    """Of many subsets each candidate is a question, and what would leave no answer is not allowed."""
    vocabulary, met = make_vocabulary()
    seen = []

    def refuse(question: Question, allowed: tuple[int, ...] | None, target: int | None) -> int:
        seen.append(allowed)
        return 0

    assert vocabulary.decide(Decision("s", tuple(range(7)), n_chosen=-1), refuse) == (6,)
    assert [question.label for question in met] == [f"s[{index}]" for index in range(7)]
    assert seen == [None] * 6
    assert vocabulary.decide(Decision("t", tuple(range(10)), n_chosen=4), lambda *_: 1) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("known", "message"), [({}, "'x' has no answer"), ({"x": 3}, "3 does not answer the choice 'x'")]
)
def test_foreign_answers_are_refused(known: dict[str, Any], message: str) -> None:
    """A sample of another space cannot be traced."""
    vocabulary, _ = make_vocabulary()
    with pytest.raises(SpaceError, match=message):
        vocabulary.decide(Decision("x", (1, 2)), lambda *_: 0, known)


def test_every_subset_can_be_reached() -> None:
    """By all combinations of answers, each subset comes exactly once."""
    vocabulary, _ = make_vocabulary()
    decision = Decision("s", tuple(range(7)), n_chosen=-1)
    found = []
    for bits in itertools.product((0, 1), repeat=7):
        answers = iter(bits)
        found.append(vocabulary.decide(decision, lambda question, allowed, target, a=answers: next(a)))
    assert len(set(found)) == decision.size == 127
