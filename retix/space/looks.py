"""Looking for samples of a space that something holds for."""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from retix.errors import SpaceError
from retix.space.decision import Choice, Decision
from retix.space.depth_first import DepthFirst
from retix.space.sample import Sample
from retix.space.search_space import SearchSpace

_FEW = 512
"""A space of so many samples is looked through whole."""

_STARTS = 4
_DRAWS = 64
_MOST_OPTIONS = 64
_MOST_LOOKS = 2_000
_LISTED = 100_000

_ROUNDS = 12
_PER_ROUND = 50
_ENOUGH = 2
_ELITE = 8
_KEPT = 0.3
_LEAST = 0.02

Judge: TypeAlias = Callable[[Sample], float]
"""How bad a sample is: 0 for one that is looked for, infinite for one that cannot be judged."""


class Looks:
    """Looks for the sample of a space that is least bad, and stops at one that is not bad at all.

    Args:
        space: The space.
        judge: How bad a sample is; infinite for one that cannot be measured.
        start: A sample to begin with.
    """

    def __init__(self, space: SearchSpace, judge: Judge, start: Sample | None = None) -> None:
        self._space = space
        self._judge = judge
        self._rng = random.Random(0)
        self._left = _MOST_LOOKS
        self._start = start
        self.best: Sample | None = None
        self._least = math.inf
        self.is_whole = False
        """Whether every sample of the space was looked at."""

    def find_best(self) -> float:
        """How bad the best one is; it stands in `best`."""
        size = self._space.size
        if size is not None and size <= _FEW:
            self.is_whole = True
            order = DepthFirst()
            self._look_through(iter(lambda: order.draw(self._space), None))
            return self._least
        self._look_through([self._start] if self._start is not None else self._draw(_DRAWS))
        if self.best is not None:
            self._descend(self.best)
        for start in self._draw(_STARTS - 1):
            if self._least == 0 or self._left <= 0:
                break
            self._descend(start)
        return self._least

    def _look_through(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            if self._look(sample) == 0:
                return

    def _draw(self, number: int) -> Iterator[Sample]:
        return (self._space.walk(lambda decision: decision.draw(self._rng)) for _ in range(number))

    def _look(self, sample: Sample) -> float:
        """How bad a sample is, which is remembered if none was better."""
        self._left -= 1
        badness = self._judge(sample) if self._space.permits(sample) else math.inf
        if badness < self._least:
            self.best, self._least = sample, badness
        return badness

    def _descend(self, start: Sample) -> None:
        """Change one decision at a time to its best answer, until no change makes the sample better."""
        current, badness = start, self._look(start)
        improves = True
        while improves and badness > 0:
            improves = False
            for label in list(current):
                if label not in current:
                    continue  # it depended on an answer that was changed
                for sample in self._vary(current, label):
                    if self._left <= 0:
                        return
                    found = self._look(sample)
                    if found < badness:
                        current, badness, improves = sample, found, True

    def _vary(self, sample: Sample, label: str) -> list[Sample]:
        """The sample with each other answer to one of its decisions; of very many answers some."""
        decisions: list[Decision] = []
        _walk_near(self._space, sample, decisions.append)
        decision = next(each for each in decisions if each.label == label)
        options = _choose_some(decision)
        return [_walk_near(self._space, {**sample, label: option}) for option in options]


def _walk_near(
    space: SearchSpace, answers: Sample | dict[str, Choice], meet: Callable[[Decision], None] = lambda _: None
) -> Sample:
    """The sample that keeps the answers that it can, and takes the first to every other decision."""

    def pick(decision: Decision) -> Choice:
        meet(decision)
        if decision.label in answers:
            try:
                return decision.check(answers[decision.label])
            except SpaceError:
                pass
        return decision.first()

    return space.walk(pick)


def _choose_some(decision: Decision) -> Sequence[Choice]:
    if decision.size <= _MOST_OPTIONS:
        return list(decision.options())
    if decision.size > _LISTED:
        return list(islice(decision.options(), _MOST_OPTIONS))
    options = list(decision.options())
    return [options[index * (len(options) - 1) // (_MOST_OPTIONS - 1)] for index in range(_MOST_OPTIONS)]


class Tilt:
    """Weights for the answers of decisions, such that random samples come near those that are looked for.

    They are found by the cross-entropy method (Rubinstein, 1999): of the samples that are drawn, the least bad say how
    often each answer is drawn in the next round. Every answer stays possible.

    Args:
        space: The space.
        judge: How bad a sample is.
        known: A sample that is looked for.
    """

    def __init__(self, space: SearchSpace, judge: Judge, known: Sample) -> None:
        self._space = space
        self._judge = judge
        self._known = known
        self._rng = random.Random(0)
        self._shares: dict[str, dict[str, float]] = {}
        self._tilted: dict[str, tuple[Decision, Decision]] = {}

    def learn(self) -> bool:
        """Learn the weights; returns whether any are needed: not if one random sample in 25 is good as it is."""
        for number in range(_ROUNDS):
            badness = {sample: self._judge(sample) for sample in (self._draw() for _ in range(_PER_ROUND))}
            if sum(each == 0 for each in badness.values()) >= _ENOUGH:
                return number > 0
            elite = sorted((sample for sample in badness if badness[sample] < math.inf), key=badness.__getitem__)
            self._follow([self._known, *elite[: _ELITE - 1]])
        return True

    def _draw(self) -> Sample:
        return self._space.walk(lambda decision: self.tilt(decision).draw(self._rng))

    def _follow(self, elite: Sequence[Sample]) -> None:
        """Let answers be drawn as often as a few samples have them, and somewhat as before."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for sample in elite:
            for label, choice in sample.items():
                counts[label][json.dumps(choice)] += 1
        for label, counter in counts.items():
            before = self._shares.get(label, {})
            now = {answer: (1 - _KEPT) * number / counter.total() for answer, number in counter.items()}
            answers = {**before, **now}
            self._shares[label] = {each: now.get(each, 0.0) + _KEPT * before.get(each, 0.0) for each in answers}
        self._tilted.clear()

    def tilt(self, decision: Decision) -> Decision:
        """The decision with the weights that were learned, where it has one answer of a few."""
        shares = self._shares.get(decision.label)
        if shares is None or decision.n_chosen is not None or len(decision.candidates) > _LISTED:
            return decision
        if decision.allowed is not None:
            return self._weigh(decision, shares)
        known = self._tilted.get(decision.label)
        if known is None or known[0] != decision:
            known = self._tilted[decision.label] = decision, self._weigh(decision, shares)
        return known[1]

    @staticmethod
    def _weigh(decision: Decision, shares: Mapping[str, float]) -> Decision:
        prior = decision.weights or (1.0,) * len(decision.candidates)
        least = _LEAST / len(decision.candidates)
        pairs = zip(decision.candidates, prior, strict=True)
        weights = (weight * (shares.get(json.dumps(choice), 0.0) + least) for choice, weight in pairs)
        return replace(decision, weights=tuple(weights))
