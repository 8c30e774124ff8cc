"""Which answers changes have led to so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from retix.space import Choice, Sample, freeze
from retix.strategy.neighbourhood import Move, same

_Name: TypeAlias = tuple[str, str, Choice]
"""A label, the type of an answer, and the answer: to Python, 1, 1.0 and True are equal."""


class Tries:
    """Counts how often a change has led to each answer.

    A change that made one model worse mostly makes the next one worse, too. So a search that tries first what it has
    tried least comes sooner to the changes that help: on the table of `retix.benchmark`, it needs a fifth fewer trials.
    """

    def __init__(self) -> None:
        self._counts: Counter[_Name] = Counter()

    def note(self, parent: Sample, child: Sample) -> None:
        """Count the answers of ``child`` to decisions that ``parent`` has answered otherwise."""
        for name in _list_changes(parent, child):
            self._counts[name] += 1

    def praise(self, parent: Sample, child: Sample) -> None:
        """Forget the tries of what ``child`` has changed, as it is better; the way back counts as tried."""
        for name in _list_changes(parent, child):
            self._counts[name] = 0
        self.note(child, parent)

    def sort(self, moves: Iterable[Move]) -> list[Move]:
        """The least tried first; those tried alike keep their order."""
        return sorted(moves, key=lambda move: self._counts[_name(*move)])

    def state(self) -> list[Any]:
        """The counts as JSON values."""
        return [[label, answer, count] for (label, _, answer), count in self._counts.items()]

    def load_state(self, state: Iterable[Sequence[Any]]) -> None:
        """Go on with the counts that `state` returned."""
        self._counts = Counter({_name(label, freeze(answer)): count for label, answer, count in state})


def _list_changes(parent: Sample, child: Sample) -> Iterator[_Name]:
    shared = (label for label in child if label in parent)
    return (_name(label, child[label]) for label in shared if not same(child[label], parent[label]))


def _name(label: str, answer: Choice) -> _Name:
    return label, type(answer).__name__, answer
