"""Mutators: rewrites of a model that ask for choices."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from retix.errors import GraphError, MutationError, RetixError, SpaceError
from retix.ir import Model, Mutation, remove_dead
from retix.space import Choice, Decision

Answer: TypeAlias = Callable[[Decision], Choice]
"""Answers a decision that a mutator asks; `retix.space.SearchSpace.walk` hands one to each strategy."""


class Mutator(ABC):
    """A rewrite of a model with choices in it.

    Subclasses override `mutate`: it edits the model it is given, which is a fork of the base model, and asks
    ``self.choice(candidates)`` or ``self.choose(candidates, n)``. How often and among what it asks may depend on the
    answers so far. A mutator keeps no state between two models: each is mutated by a copy of the mutator, so that one
    mutator may be applied by several threads at once, or within itself.

    Args:
        label: Begins the labels of its choices, ``label/0``, ``label/1``, …; by default the name of the class, with a
            number behind it where several such mutators are applied to one model.
    """

    def __init__(self, label: str | None = None) -> None:
        self.label = label or type(self).__name__
        self.has_default_label = label is None
        self._run: _Run | None = None

    @abstractmethod
    def mutate(self, model: Model) -> None:
        """Edit ``model`` in place."""

    def choice(self, candidates: Iterable[Any], *, label: str | None = None) -> Any:
        """Ask which of ``candidates`` to take, and return it.

        Args:
            candidates: At least one, of any type. Different JSON values stand for themselves in samples; anything else
                is told apart by its index.
            label: A label of its own, so that the decision is shared with others of that label.

        Raises:
            MutationError: It is called outside `mutate`.
            SpaceError: There are no candidates.
        """
        options = list(candidates)
        names = _json_names(options)
        answer = self._ask(Decision(self._next_label(label), names))
        # by their JSON, because 1, 1.0 and True are equal in Python
        return options[[json.dumps(name) for name in names].index(json.dumps(answer))]

    def choose(self, candidates: Iterable[Any], n_chosen: int | None, *, label: str | None = None) -> list[Any]:
        """Ask which ``n_chosen`` of ``candidates`` to take, in their order; None for any number of them."""
        options = list(candidates)
        n = -1 if n_chosen is None else n_chosen
        answer = self._ask(Decision(self._next_label(label), tuple(range(len(options))), n))
        return [options[index] for index in answer]

    def apply(self, model: Model, answer: Answer) -> Model:
        """A new model: ``model`` forked, mutated and verified, with what was chosen in its history.

        Raises:
            MutationError: `mutate` failed, or left a model that breaks the rules of the IR.
        """
        fork = model.fork()
        running = copy.copy(self)
        running._run = run = _Run(answer)
        try:
            running.mutate(fork)
            fork.verify()
            remove_dead(fork)
        except GraphError as error:
            raise MutationError(
                f"mutator {self.label!r} broke the graph: {error.what}",
                where=error.where,
                why=error.why,
                fix=error.fix,
            ) from error
        except RetixError:
            raise
        except Exception as error:
            raise MutationError(f"mutator {self.label!r} failed: {type(error).__name__}: {error}") from error
        fork.history = (*fork.history, Mutation(self.label, tuple(run.choices)))
        return fork

    def _ask(self, decision: Decision) -> Choice:
        if self._run is None:
            raise MutationError(
                f"mutator {self.label!r} asks for a choice outside mutate()", fix="call self.choice within mutate only"
            )
        return self._run.ask(decision)

    def _next_label(self, label: str | None) -> str:
        return label if label is not None else f"{self.label}/{len(self._run.choices) if self._run else 0}"


class _Run:
    """One application of a mutator."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.choices: list[tuple[str, Choice]] = []

    def ask(self, decision: Decision) -> Choice:
        choice = decision.check(self._answer(decision))
        self.choices.append((decision.label, choice))
        return choice


def _json_names(options: list[Any]) -> tuple[Choice, ...]:
    """The options themselves where they are different JSON values, else their indices."""
    try:
        return Decision("options", tuple(options)).candidates
    except SpaceError:
        if not options:
            raise
        return tuple(range(len(options)))


def answers(recorded: Mapping[str, Any]) -> Answer:
    """Answers decisions from ``recorded``, label to answer.

    Raises:
        SpaceError: A label is not among them (when asked).
    """

    def answer(decision: Decision) -> Choice:
        if decision.label not in recorded:
            raise SpaceError(
                f"the sample has no answer to the choice {decision.label!r}",
                fix=f"add {decision.label!r} with one of {list(decision.candidates)!r}",
            )
        return recorded[decision.label]

    return answer
