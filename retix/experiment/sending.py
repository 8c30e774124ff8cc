"""What leaves the driver: evaluators for the workers."""

from __future__ import annotations

from retix.model_space import ModelSpace
from retix.recipe import dumps
from retix.space import Sample


class EvaluatorSender:
    """Serialises the evaluator of each sample; once for all where it has no choices of its own.

    Args:
        space: The space, with an evaluator.

    Raises:
        RecipeError: The evaluator cannot be sent to workers.
    """

    def __init__(self, space: ModelSpace) -> None:
        self._space = space
        self._common = dumps(space.evaluator)

    def __call__(self, sample: Sample) -> bytes:
        """The evaluator of ``sample``, as `retix.recipe.dumps` writes it.

        Raises:
            SpaceError: An answer is missing.
            EvaluationError: The evaluator cannot be made with these values.
        """
        return dumps(self._space.fill_evaluator(sample)) if self._space.has_open_evaluator else self._common
