"""The space of models that a base model and its mutators span."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from retix.errors import MutationError, SpaceError
from retix.ir import Model
from retix.mutation.inline import InlineMutator, find_decisions
from retix.mutation.mutator import Answer, Mutator, answers
from retix.space import Choice, Decision, Pick, Sample, SearchSpace


class MutationSpace(SearchSpace):
    """A base model, its inline choices, and mutators applied behind them in order.

    Decisions come up while the mutators run, so that they may depend on each other in any way.

    Args:
        base_model: The captured model, choices open; later edits of it do not reach the space.
        mutators: Applied after the inline choices. Where several have no label of their own and are of one class, a
            number is put behind the labels of all but the first, so that their choices are independent.

    Raises:
        SpaceError: Two choices of one label that are open in the base model contradict each other, even where no model
            holds both.
    """

    def __init__(self, base_model: Model, mutators: Sequence[Mutator] = ()) -> None:
        self.base_model = base_model.fork()
        self.mutators: tuple[Mutator, ...] = (InlineMutator(), *_with_labels(mutators))
        known: dict[str, Decision] = {}
        for decision in find_decisions(self.base_model):
            known[decision.label] = known.get(decision.label, decision).merged(decision)
        self._latest: tuple[Sample, Model | MutationError] | None = None

    def walk(self, pick: Pick) -> Sample:
        asked: dict[str, Decision] = {}
        picked: dict[str, Choice] = {}

        def answer(decision: Decision) -> Choice:
            known = asked.get(decision.label)
            if known is not None:
                known.merged(decision)  # refuses contradicting candidates
                return picked[decision.label]
            asked[decision.label] = decision
            picked[decision.label] = decision.check(pick(decision))
            return picked[decision.label]

        made: Model | MutationError
        try:
            made = self._apply(answer)
        except MutationError as error:
            made = error  # the sample ends here, and `build` says why
        sample = Sample(picked)
        self._latest = (sample, made)
        return sample

    def build(self, sample: Mapping[str, Any]) -> Model:
        """The model of ``sample``, verified; it may be edited.

        Raises:
            SpaceError: The sample lacks an answer, or holds one to a choice that this model does not have.
            MutationError: A mutator failed.
        """
        if self._latest is not None and self._latest[0] == sample:
            made = self._latest[1]
            if isinstance(made, MutationError):
                raise made
            return made.fork()
        model = self._apply(answers(sample))
        mutations = model.history[len(self.base_model.history) :]
        used = {label for mutation in mutations for label, _ in mutation.choices}
        unknown = sorted(set(sample) - used)
        if unknown:
            raise SpaceError(
                f"the sample answers {', '.join(map(repr, unknown))}, which this model does not ask",
                why="the label does not exist, or belongs to a candidate that was not chosen",
                fix="leave it out",
            )
        return model

    def fingerprint(self, sample: Sample) -> str:
        try:
            return self.build(sample).digest()
        except MutationError:
            return sample.key  # there is no network to tell apart by

    def _apply(self, answer: Answer) -> Model:
        model = self.base_model
        for mutator in self.mutators:
            model = mutator.apply(model, answer)
        return model


def _with_labels(mutators: Sequence[Mutator]) -> list[Mutator]:
    """The mutators, those that have only the name of their class for a label numbered."""
    labelled: list[Mutator] = []
    taken = {mutator.label for mutator in mutators if not mutator.has_default_label}
    for mutator in mutators:
        if mutator.has_default_label:
            number = 1
            numbered = copy.copy(mutator)
            while numbered.label in taken:
                numbered.label = f"{mutator.label}_{number}"
                number += 1
            taken.add(numbered.label)
            mutator = numbered
        labelled.append(mutator)
    return labelled
