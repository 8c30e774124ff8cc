"""The contract between an engine and the code that trains a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from retix.errors import EvaluationError
from retix.evaluator.report import PrintingReporter, RememberingReporter, reporting
from retix.recipe import Recipe, recipe_of, trace

if TYPE_CHECKING:
    # For annotations alone: a worker pays for torch only if the evaluator uses it.
    from torch import nn


class Evaluator(ABC):
    """Trains models and reports how good they are.

    An evaluator is the arguments it was made with, and nothing else: it is sent to workers as its class and arguments,
    two are equal if they were made alike, and `evaluate` leaves no trace in it, so that one evaluator serves any number
    of models in one process. Subclasses write `evaluate`; their constructor's arguments are remembered by themselves.

    Attributes:
        optimize_mode: Whether a higher or a lower default metric is better, where the evaluator knows.
    """

    optimize_mode: Literal["maximize", "minimize"] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        trace(cls)

    @abstractmethod
    def evaluate(self, model_cls: Callable[[], nn.Module]) -> Any:
        """Make a model, train it, and report by `report_intermediate_result` and `report_final_result`.

        Args:
            model_cls: Makes a new model; a class, or any callable without arguments.
        """

    def check(self) -> None:
        """Refuse what would fail for every model, such as data that is missing; asked before a search begins.

        Raises:
            EvaluationError: Something is missing.
        """
        return

    def example_inputs(self) -> tuple[Any, ...] | None:
        """Inputs that a model can be called with, ``model(*inputs)``, or None if this evaluator knows none.

        Taking them disturbs neither the data loaders nor the state of a random number generator.
        """
        return None

    def sample_batches(self, count: int) -> list[Any]:
        """Up to ``count`` batches of training data, for measures that look at data without training.

        A batch is ``(inputs, target)``, or inputs alone. None are given if this evaluator knows none. Taking them
        disturbs neither the data loaders nor the state of a random number generator.
        """
        return []

    @property
    def loss_function(self) -> Callable[[Any, Any], Any] | None:
        """The loss of outputs and targets that models are trained with, where this evaluator knows it."""
        return None

    def _execute(self, model_cls: Callable[[], nn.Module] | nn.Module) -> dict[str, float]:
        """Evaluate one model here and now, printing what it reports: the entry for debugging.

        Args:
            model_cls: The model's class, or a model, which is then trained itself.

        Returns:
            The final result.

        Raises:
            EvaluationError: There was no final result.
        """
        is_model = not isinstance(model_cls, type) and hasattr(model_cls, "state_dict")
        make = cast("Callable[[], nn.Module]", (lambda: model_cls) if is_model else model_cls)
        reporter = RememberingReporter(PrintingReporter())
        with reporting(reporter):
            self.evaluate(make)
        if reporter.result is None:
            raise EvaluationError(
                f"{type(self).__name__} ended without a final result",
                fix="call report_final_result at the end of the evaluation",
            )
        return dict(reporter.result)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = recipe_of(self), recipe_of(other)
        if mine is None or theirs is None:
            return self is other
        return _are_alike(mine, theirs)

    def __hash__(self) -> int:
        # Arguments need not be hashable; evaluators are few.
        return hash(type(self))


def _are_alike(mine: Any, theirs: Any) -> bool:
    """Whether two arguments were made alike, or else are equal; tensors and arrays are if all their elements are."""
    mine, theirs = recipe_of(mine) or mine, recipe_of(theirs) or theirs
    if mine is theirs:
        return True
    if type(mine) is not type(theirs):
        return False
    if isinstance(mine, Recipe):
        return mine.target is theirs.target and _are_alike(_read_arguments(mine), _read_arguments(theirs))
    if isinstance(mine, (list, tuple)):
        return len(mine) == len(theirs) and all(_are_alike(a, b) for a, b in zip(mine, theirs, strict=True))
    if isinstance(mine, Mapping):
        return mine.keys() == theirs.keys() and all(_are_alike(mine[key], theirs[key]) for key in mine)
    if getattr(mine, "shape", None) != getattr(theirs, "shape", None):
        return False
    equal = mine == theirs
    return bool(equal.all() if hasattr(equal, "all") else equal)


def _read_arguments(recipe: Recipe) -> dict[str, Any]:
    try:
        return recipe.bound()
    except ValueError:  # a class written in C may have no signature
        return {"args": recipe.args, "kwargs": recipe.kwargs}
