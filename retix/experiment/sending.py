"""What leaves the driver: evaluators for the workers, and the space for the record."""

from __future__ import annotations

import json
from contextlib import suppress

from retix.errors import RetixError
from retix.model_space import ModelSpace
from retix.recipe import dumps
from retix.space import Sample

MODEL_FILE = "model.json"
"""The captured base model, choices open; missing where models are built by Python."""

SPACE_FILE = "space.json"
"""The space, as `ModelSpace.to_json` writes it; missing where it cannot be made again from JSON."""


def describe_space(space: ModelSpace) -> dict[str, bytes]:
    """The files that record a space, by name."""
    files: dict[str, bytes] = {}
    if space.engine == "graph":
        files[MODEL_FILE] = json.dumps(space.base_model.to_json()).encode()
    # Of a class in a notebook, say, there is no JSON; the sources of the trials are recorded all the same.
    with suppress(RetixError):
        files[SPACE_FILE] = json.dumps(space.to_json()).encode()
    return files


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
