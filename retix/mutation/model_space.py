"""The space of models that a base model and its mutators span."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from retix.errors import MutationError, SpaceError
from retix.ir import Model
from retix.mutation.inline import InlineMutator
from retix.mutation.mutator import Answer, Mutator, answers
from retix.mutation.open_choices import find_decisions
from retix.space import (
    ALWAYS,
    Choice,
    Constraint,
    Counter,
    Decision,
    Explainer,
    Formula,
    Pick,
    Sample,
    SearchSpace,
    check_known,
)


@dataclass(frozen=True, slots=True)
class SpaceDecision:
    """A decision of a space: what there is to choose from, and what it is for.

    Attributes:
        decision: The decision itself.
        dependents: What uses it: members and nodes, by graph, with the line of the user's code where it is known; or
            the name of something beside the network, such as ``evaluator.learning_rate``.
        condition: When it is alive, a formula over other decisions; None if it always is.
    """

    decision: Decision
    dependents: tuple[str, ...]
    condition: Formula | None

    @property
    def label(self) -> str:
        """Its name."""
        return self.decision.label

    @property
    def candidates(self) -> tuple[Choice, ...]:
        """What there is to choose from."""
        return self.decision.candidates

    @property
    def n_chosen(self) -> int | None:
        """How many candidates are taken; see `retix.space.Decision`."""
        return self.decision.n_chosen

    @property
    def weights(self) -> tuple[float, ...] | None:
        """Prior weights of the candidates."""
        return self.decision.weights

    @property
    def size(self) -> int:
        """The number of different answers."""
        return self.decision.size

    def __str__(self) -> str:
        many = "" if self.n_chosen is None else "any number of " if self.n_chosen == -1 else f"{self.n_chosen} of "
        alive = "" if self.condition is None else f", alive when: {self.condition}"
        return f"{self.label}: {many}{list(self.candidates)!r}{alive}"


class MutationSpace(SearchSpace):
    """A base model, its inline choices, and mutators applied behind them in order.

    Decisions come up while the mutators run, so that they may depend on each other in any way.

    Args:
        base_model: The captured model, choices open; later edits of it do not reach the space.
        mutators: Applied after the inline choices. Where several have no label of their own and are of one class, a
            number is put behind the labels of all but the first, so that their choices are independent.
        constraints: What samples have to keep, beside the constraints of the base model.
        extras: Values beside the network that hold expressions, by name: their decisions are part of the space.

    Raises:
        SpaceError: Two choices of one label that are open in the base model contradict each other, even where no model
            holds both; or a constraint speaks of a choice that does not exist.
        GraphError: The base model breaks a rule of the IR.
    """

    def __init__(
        self,
        base_model: Model,
        mutators: Sequence[Mutator] = (),
        *,
        constraints: Iterable[Constraint] = (),
        extras: Mapping[str, Any] | None = None,
    ) -> None:
        self.base_model = base_model.fork()
        inline = InlineMutator()
        self.mutators: tuple[Mutator, ...] = (inline, *_with_labels(mutators))
        known: dict[str, Decision] = {}
        for decision in find_decisions(self.base_model):
            known[decision.label] = known.get(decision.label, decision).merged(decision)
        self.extras: dict[str, Any] = dict(extras or {})
        self.constraints: tuple[Constraint, ...] = (*map(_read, base_model.constraints), *constraints)
        self._plan = inline.plan(self.base_model)
        self._plan.add_extras(self.extras)
        self._plan.constrain(self.constraints)
        if len(self.mutators) == 1:
            check_known(self.constraints, self._plan.liveness.network.number_of)
        self._latest: tuple[Sample, Model | MutationError] | None = None

    def __reduce__(self) -> tuple[Callable[..., MutationSpace], tuple[Any, ...]]:
        """Copies and pickles are made anew, of what makes a space."""
        own = self.constraints[len(self.base_model.constraints) :]
        make = partial(MutationSpace, constraints=own, extras=self.extras)
        return make, (self.base_model, self.mutators[1:])

    @cached_property
    def decisions(self) -> tuple[SpaceDecision, ...]:
        """Every decision of the base model and the extras that a sample may answer, in the order of forward.

        What mutators of one's own ask is not known before they run.
        """
        network = self._plan.liveness.network
        explainer = Explainer(network, self._plan.begin().left)
        found = []
        for question in network.questions:
            condition = explainer.explain(question.asked)
            dependents = tuple(self._plan.liveness.places.get(question.decision.label, ()))
            found.append(SpaceDecision(question.decision, dependents, None if condition == ALWAYS else condition))
        return tuple(found)

    @cached_property
    def _size(self) -> int | None:
        if len(self.mutators) > 1:
            return None
        return Counter(self._plan.liveness.network, self.constraints).count(self._plan.begin())

    @property
    def size(self) -> int | None:
        """The exact number of samples: decisions count while they are alive, and constraints are kept.

        None where mutators of one's own decide as they go, and where counting would take too long.
        """
        return self._size

    def walk(self, pick: Pick) -> Sample:
        """See `SearchSpace.walk`.

        Raises:
            SpaceError: ``pick`` returned something that does not answer its decision; or no sample at all keeps the
                constraints.
        """
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
        self._plan.ask_extras(picked, answer)
        sample = Sample(picked)
        self._latest = (sample, made)
        return sample

    def build(self, sample: Mapping[str, Any]) -> Model:
        """The model of ``sample``, verified; it may be edited.

        Raises:
            SpaceError: The sample lacks an answer, or holds one to a choice that this model does not have; or it breaks
                a constraint.
            MutationError: A mutator failed.
        """
        latest = self._latest  # read once: another thread may walk meanwhile
        if latest is not None and latest[0] == sample:
            made = latest[1]
            if isinstance(made, MutationError):
                raise made
            return made.fork()
        model = self._apply_sample(sample)
        mutations = model.history[len(self.base_model.history) :]
        used: dict[str, Choice] = {label: choice for mutation in mutations for label, choice in mutation.choices}
        recorded = answers(sample)

        def answer(decision: Decision) -> Choice:
            used[decision.label] = decision.check(recorded(decision))
            return used[decision.label]

        self._plan.ask_extras(dict(used), answer)
        unknown = sorted(set(sample) - set(used))
        if unknown:
            raise SpaceError(
                f"the sample answers {', '.join(map(repr, unknown))}, which this model does not ask",
                why="the label does not exist, or belongs to a part of the model that these answers leave out",
                fix="leave it out",
            )
        broken = [constraint for constraint in self.constraints if not constraint.admits(used)]
        if broken:
            raise SpaceError(
                f"the sample breaks the constraint {broken[0]}",
                where=broken[0].place,
                why=", ".join(f"{label} = {used[label]!r}" for label in broken[0].labels if label in used),
                fix="choose other answers",
            )
        return model

    def fingerprint(self, sample: Sample) -> str:
        try:
            network = self.build(sample).digest()
        except MutationError:
            return sample.key  # there is no network to tell apart by
        beside = {label: sample[label] for label in self._plan.extra_labels if label in sample}
        return f"{network} {json.dumps(beside, sort_keys=True)}" if beside else network

    def permits(self, sample: Sample) -> bool:
        return all(constraint.admits(sample) for constraint in self.constraints)

    def _apply_sample(self, sample: Mapping[str, Any]) -> Model:
        """Apply the mutators; an answer that is missing or does not fit is told with the line that uses it."""
        recorded = answers(sample)
        try:
            return self._apply(recorded)
        except SpaceError as error:
            asked: list[str] = []

            def answer(decision: Decision) -> Choice:
                asked.append(decision.label)
                return decision.check(recorded(decision))

            try:
                return self._apply(answer)
            except SpaceError as again:
                line = self._plan.liveness.lines.get(asked[-1]) if asked else None
                raise type(error)(again.what, where=again.where or line, why=again.why, fix=again.fix) from None

    def _apply(self, answer: Answer) -> Model:
        model = self.base_model
        for mutator in self.mutators:
            model = mutator.apply(model, answer)
        return model


def _read(constraint: Any) -> Constraint:
    return constraint if isinstance(constraint, Constraint) else Constraint.from_json(constraint)


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
