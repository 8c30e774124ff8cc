"""Mutators: rewrites of a model that ask for choices."""

from __future__ import annotations

import copy
import json
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, TypeAlias

from retix.errors import GraphError, MutationError, RetixError, SpaceError
from retix.ir import Model, ModelStatus, Mutation, Trace, open_graphs, remove_dead
from retix.mutation.sampler import Questioner, Recorder, Sampler
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
        sampler: Who answers where `apply` is given no answers; see `bind_sampler`. A string here is the label.
        label: Begins the labels of its choices, ``label/0``, ``label/1``, …; by default the name of the class, with a
            number behind it where several such mutators are applied to one model.
    """

    looks_up_graphs: ClassVar[bool] = True
    """Whether ``model.graphs[name]`` gives an editable graph within `mutate`; false saves copies of graphs that are
    only read."""

    def __init__(self, sampler: Sampler | str | None = None, label: str | None = None) -> None:
        if isinstance(sampler, str):
            sampler, label = None, sampler
        self.label = label or type(self).__name__
        self.has_default_label = label is None
        self.sampler = sampler
        self._run: _Run | None = None

    @abstractmethod
    def mutate(self, model: Model) -> None:
        """Edit ``model`` in place.

        Raises:
            InvalidMutation: The answers make no valid model; strategies leave such a sample out.
        """

    def bind_sampler(self, sampler: Sampler) -> Mutator:
        """Let ``sampler`` answer from now on, where `apply` is given no answers, and return the mutator."""
        self.sampler = sampler
        return self

    def choice(
        self, candidates: Iterable[Any], *, label: str | None = None, weights: Sequence[float] | None = None
    ) -> Any:
        """Ask which of ``candidates`` to take, and return it.

        Args:
            candidates: At least one, of any type. Different JSON values stand for themselves in samples; anything else
                is told apart by its index.
            label: A label of its own, so that the decision is shared with others of that label.
            weights: Prior weight of each candidate, for strategies that draw at random.

        Raises:
            MutationError: It is called outside `mutate`.
            SpaceError: There are no candidates, or as many weights as candidates.
        """
        options = list(candidates)
        if not options:
            raise self._refuse_empty(label)
        names = _json_names(options)
        prior = tuple(weights) if weights is not None else None
        answer = self._ask(Decision(self._next_label(label), names, weights=prior), options)
        # by their JSON, because 1, 1.0 and True are equal in Python
        taken = options[[json.dumps(name) for name in names].index(json.dumps(answer))]
        self._note(taken)
        return taken

    def choose(
        self,
        candidates: Iterable[Any],
        n_chosen: int | None,
        *,
        label: str | None = None,
        weights: Sequence[float] | None = None,
    ) -> list[Any]:
        """Ask which ``n_chosen`` of ``candidates`` to take, in their order; None for any number of them."""
        options = list(candidates)
        n = -1 if n_chosen is None else n_chosen
        prior = tuple(weights) if weights is not None else None
        decision = Decision(self._next_label(label), tuple(range(len(options))), n, weights=prior)
        taken = [options[index] for index in self._ask(decision, options)]
        self._note(taken)
        return taken

    def apply(self, model: Model, answer: Answer | Sampler | None = None) -> Model:
        """A new model: ``model`` forked, mutated and verified, with what was chosen in its history.

        Args:
            model: The model before; it stays as it is.
            answer: Who answers; by default the sampler that was bound.

        Raises:
            InvalidMutation: `mutate` says that there is no such model.
            MutationError: `mutate` failed, or left a model that breaks the rules of the IR; or nobody answers.
        """
        fork = model.fork()
        questioner = self._question(answer, fork)
        running = copy.copy(self)
        running._run = run = _Run(questioner if questioner is not None else answer)
        if questioner is not None:
            questioner.sampler.mutation_start(self, fork)
        running._rewrite(fork)
        if questioner is not None:
            questioner.sampler.mutation_end(self, fork)
        trace = Trace(self, model, fork)
        fork.history = (*fork.history, Mutation(self.label, tuple(run.choices), tuple(run.taken), trace))
        fork.status = ModelStatus.Frozen
        return fork

    def dry_run(self, model: Model) -> tuple[list[list[Any]], Model]:
        """What each choice is among when the first candidate is always taken, and the model that comes out."""
        recorder = Recorder()
        made = self.apply(model, recorder)
        return recorder.recorded_candidates, made

    def _question(self, answer: Answer | Sampler | None, model: Model) -> Questioner | None:
        sampler = self.sampler if answer is None else answer
        if isinstance(sampler, Sampler):
            return Questioner(sampler, self, model)
        if answer is None:
            raise MutationError(
                f"nobody answers the choices of mutator {self.label!r}",
                fix="bind a sampler first, mutator.bind_sampler(sampler), or give one to apply",
            )
        return None

    def _rewrite(self, model: Model) -> None:
        """Mutate ``model``, and say whose fault it is where that fails."""
        try:
            if self.looks_up_graphs:
                with open_graphs(model):
                    self.mutate(model)
            else:
                self.mutate(model)
            self._finish(model)
        except GraphError as error:
            raise MutationError(
                f"mutator {self.label!r} broke the graph: {error.what}",
                where=error.where or self._find_line(error.__traceback__),
                why=error.why,
                fix=error.fix or "mend the edit in mutate; print(model) there shows the graph as it is",
            ) from error
        except RetixError:
            raise
        except Exception as error:
            raise MutationError(
                f"mutator {self.label!r} failed: {type(error).__name__}: {error}",
                where=self._find_line(error.__traceback__),
            ) from error

    def _finish(self, model: Model) -> None:
        """What follows `mutate`: the rules are checked, and dead nodes go."""
        model.verify()
        remove_dead(model)

    def _find_line(self, at: TracebackType | None) -> str:
        """The line of ``mutate`` where an error came up; where it came up later, the line where ``mutate`` begins."""
        code = type(self).mutate.__code__
        lines = [line for frame, line in traceback.walk_tb(at) if frame.f_code is code]
        return f"{code.co_filename}:{lines[-1] if lines else code.co_firstlineno}, in {type(self).__name__}.mutate"

    def _refuse_empty(self, label: str | None) -> SpaceError:
        code = type(self).mutate.__code__
        lines = [f"{code.co_filename}:{line}" for frame, line in traceback.walk_stack(None) if frame.f_code is code]
        return SpaceError(
            f"the choice {self._next_label(label)!r} has no candidates",
            where=f"{lines[0]}, in {type(self).__name__}.mutate" if lines else None,
            fix="give it at least one candidate, or raise retix.InvalidMutation where there is nothing to choose from",
        )

    def _ask(self, decision: Decision, options: Sequence[Any] | None = None) -> Choice:
        if self._run is None:
            raise MutationError(
                f"mutator {self.label!r} asks for a choice outside mutate()", fix="call self.choice within mutate only"
            )
        return self._run.ask(decision, options)

    def _note(self, taken: Any) -> None:
        """Put the candidates themselves in the record, in place of what stands for them."""
        if self._run is not None:
            self._run.taken[-1] = taken

    def _next_label(self, label: str | None) -> str:
        return label if label is not None else f"{self.label}/{len(self._run.choices) if self._run else 0}"


class _Run:
    """One application of a mutator."""

    def __init__(self, answer: Answer | Questioner | Sampler | None) -> None:
        self._answer = answer
        self._known: dict[str, Choice] = {}
        self.choices: list[tuple[str, Choice]] = []
        self.taken: list[Any] = []

    def ask(self, decision: Decision, options: Sequence[Any] | None) -> Choice:
        choice = decision.check(self._find(decision, options))
        self.choices.append((decision.label, choice))
        self.taken.append(choice)
        return choice

    def _find(self, decision: Decision, options: Sequence[Any] | None) -> Choice:
        if not isinstance(self._answer, Questioner):
            assert callable(self._answer), "a sampler is asked by a questioner"
            return self._answer(decision)
        # whoever answers decisions knows that one label is one of them; a sampler knows no labels
        if decision.label not in self._known:
            self._known[decision.label] = self._answer.answer(decision, options)
        return self._known[decision.label]


def _json_names(options: list[Any]) -> tuple[Choice, ...]:
    """The options themselves where they are different JSON values, else their indices."""
    try:
        return Decision("options", tuple(options)).candidates
    except SpaceError:
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


def replay(base: Model, mutators: Iterable[Mutator], history: Iterable[Mutation]) -> Model:
    """Make a model again from what was chosen on the way to it.

    Args:
        base: The model that the first mutation was applied to, or one whose history ``history`` begins with.
        mutators: Those that were applied, in any order, each found by its label. One without a label of its own also
            answers to the numbers that are put behind it where several are applied; see `MutationSpace`.
        history: `Model.history` of the model to be made, perhaps read from JSON.

    Returns:
        The model; it is ``base`` itself where nothing is left to do.

    Raises:
        MutationError: There is no mutator of a label, or one failed.
        SpaceError: A mutator asks other choices than those recorded.
    """
    records = list(history)
    if tuple(records[: len(base.history)]) == tuple(base.history):
        records = records[len(base.history) :]
    known = {mutator.label: mutator for mutator in mutators}
    model = base
    for record in records:
        model = _find_mutator(known, record.label).apply(model, answers(dict(record.choices)))
    return model


def _find_mutator(known: Mapping[str, Mutator], label: str) -> Mutator:
    if label in known:
        return known[label]
    stem, _, number = label.rpartition("_")
    if number.isdigit() and stem in known and known[stem].has_default_label:
        numbered = copy.copy(known[stem])
        numbered.label = label
        return numbered
    raise MutationError(
        f"the history has a mutation by {label!r}, and there is no mutator of that label",
        fix=f"give it too; there are {', '.join(map(repr, known)) or 'none'}",
    )
