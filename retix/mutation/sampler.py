"""Samplers: who answers the choices of a mutator, as users write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retix.errors import MutationError
from retix.space import Choice, Decision

if TYPE_CHECKING:
    from retix.ir import Model
    from retix.mutation.mutator import Mutator


class Sampler:
    """Answers the choices of mutators; bound to one by `Mutator.bind_sampler`, or handed to `Mutator.apply`."""

    def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
        """One of ``candidates``, as it stands there.

        Args:
            candidates: What there is to choose from.
            mutator: Who asks.
            model: The model that it is about to change.
            index: How many choices were asked before this one.
        """
        raise NotImplementedError

    def mutation_start(self, mutator: Mutator, model: Model) -> None:
        """Called before the mutator begins."""

    def mutation_end(self, mutator: Mutator, model: Model) -> None:
        """Called when the mutator is through."""


class Recorder(Sampler):
    """Takes the first of the candidates, and notes them.

    Attributes:
        recorded_candidates: What each choice was among, in order.
    """

    def __init__(self) -> None:
        self.recorded_candidates: list[list[Any]] = []

    def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
        self.recorded_candidates.append(candidates)
        return candidates[0]


class Questioner:
    """Turns the decisions of one application of a mutator into questions to a sampler.

    A choice of ``k`` inputs is ``k`` questions, each among those that are left; one of any number is a question with
    the candidates False and True for each, and one more among all if none was taken.
    """

    def __init__(self, sampler: Sampler, mutator: Mutator, model: Model) -> None:
        self.sampler = sampler
        self._mutator = mutator
        self._model = model
        self._asked = 0

    def answer(self, decision: Decision, options: Sequence[Any] | None = None) -> Choice:
        """The answer to a decision.

        Args:
            decision: What is asked.
            options: What its candidates stand for; by default they stand for themselves.

        Raises:
            MutationError: The sampler returned what is no candidate.
        """
        shown = list(decision.candidates if options is None else options)
        places = list(range(len(shown)))
        if decision.n_chosen is None:
            return decision.candidates[self._ask(shown, places, decision)]
        if decision.n_chosen == -1:
            taken = [place for place in places if self._ask([False, True], [0, 1], decision)]
            return tuple(taken or [self._ask(shown, places, decision)])
        taken = []
        for _ in range(decision.n_chosen):
            taken.append(self._ask([shown[place] for place in places], places, decision))
            places.remove(taken[-1])
        return tuple(sorted(taken))

    def _ask(self, shown: list[Any], places: list[int], decision: Decision) -> int:
        """One question: the place that belongs to what the sampler takes of ``shown``."""
        taken = self.sampler.choice(list(shown), self._mutator, self._model, self._asked)
        self._asked += 1
        # the same object first, then what is equal and of the same type: 1, 1.0 and True are equal in Python
        for fits in (_is_same, _is_equal_of_type, _is_equal):
            for place, item in zip(places, shown, strict=True):
                if fits(item, taken):
                    return place
        raise MutationError(
            f"the sampler {type(self.sampler).__name__} answered the choice {decision.label!r} with {taken!r}",
            why=f"it is none of the candidates {shown!r}",
            fix="return one of the candidates that `choice` is given",
        )


def _is_same(item: Any, taken: Any) -> bool:
    return item is taken


def _is_equal_of_type(item: Any, taken: Any) -> bool:
    return type(item) is type(taken) and bool(item == taken)


def _is_equal(item: Any, taken: Any) -> bool:
    return bool(item == taken)
