"""What a strategy of the user's own gets: a model, and mutators that make others of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from retix.evaluator import Evaluator, OpenEvaluator
from retix.ir import Model
from retix.model_space import ModelSpace
from retix.mutation import Mutator, split_choices
from retix.space import Decision


class DecisionMutator(Mutator):
    """Asks one decision and leaves the model as it is; the answer stands in the model's history.

    Args:
        decision: What to ask.
    """

    def __init__(self, decision: Decision) -> None:
        super().__init__(label=decision.label)
        self.decision = decision

    @property
    def candidates(self) -> tuple[Any, ...]:
        """What there is to choose from."""
        return self.decision.candidates

    def mutate(self, model: Model) -> None:
        self._ask(self.decision)


class EvaluatorMutator(Mutator):
    """Fills the choices among the arguments of the model's evaluator with the answers in the model's history."""

    def __init__(self) -> None:
        super().__init__(label="evaluator")
        self.label = None  # type: ignore[assignment]  # NNI's scripts tell mutators that ask nothing by it

    def mutate(self, model: Model) -> None:
        answers = {label: answer for mutation in model.history for label, answer in mutation.choices}
        model.evaluator = OpenEvaluator(model.evaluator).fill(answers)


def make_user_models(space: ModelSpace) -> tuple[Model, list[Mutator]]:
    """The base model of a space and the mutators that make its models, in the order in which they are to be applied.

    In a space without graphs, the model holds no graph, and each mutator asks one decision.

    Raises:
        ConfigError: The constructor of the base model makes choices, so that there is no single graph.
    """
    if space.engine == "py":
        model = Model()
        mutators: list[Mutator] = [DecisionMutator(item.decision) for item in space.decisions]
    else:
        model = space.base_model.fork()
        mutators = [*split_choices(model), *space.mutation_space.mutators[1:]]
    model.evaluator = space.evaluator
    return model, [*mutators, *evaluator_mutators(space.evaluator, {mutator.label for mutator in mutators})]


def evaluator_mutators(evaluator: Evaluator | None, known: Collection[str] = ()) -> list[Mutator]:
    """One mutator for each choice among the arguments of an evaluator, and one that fills them in.

    Args:
        evaluator: The evaluator.
        known: The labels of choices that other mutators make.

    Returns:
        The mutators; none if the evaluator has no choices.
    """
    arguments = {} if evaluator is None else OpenEvaluator(evaluator).arguments
    found = {decision.label: decision for value in arguments.values() for decision in value.decisions()}
    if not found:
        return []
    return [*(DecisionMutator(found[label]) for label in found if label not in known), EvaluatorMutator()]
