"""An evaluator that trains nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from retix.errors import EvaluationError
from retix.evaluator import Evaluator, report_final_result
from retix.evaluator.loader import read_batches, read_first_input
from retix.measures.catalogue import find_measure
from retix.measures.data import Data, read_data
from retix.measures.measure import Measure
from retix.measures.subject import Subject

if TYPE_CHECKING:
    # For annotations alone.
    from torch import nn


class ProxyEvaluator(Evaluator):
    """Scores models by measures instead of training them, in milliseconds.

    The first measure is the result; with several, all are reported by their names besides.

    Args:
        measures: Names of measures, or measures, such as ``'naswot'`` or ``['synflow', 'parameters']``.
        train_dataloaders: Batches ``(x, y)`` to look at; the first two are read.
        criterion: The loss of outputs and targets; by default cross entropy for classes, else the mean squared error.
        seed: What the weights of each model are drawn from.

    Raises:
        ConfigError: There is no such measure.
        EvaluationError: No measure is given.
    """

    def __init__(
        self,
        measures: str | Measure | Sequence[str | Measure] = "naswot",
        train_dataloaders: Any = None,
        criterion: Callable[[Any, Any], Any] | None = None,
        seed: int = 0,
    ) -> None:
        given: Iterable[str | Measure] = [measures] if isinstance(measures, (str, Measure)) else measures
        self.measures = tuple(map(find_measure, given))
        if not self.measures:
            raise EvaluationError("the ProxyEvaluator has no measure", fix="give one: ProxyEvaluator('naswot', ...)")
        self.optimize_mode = self.measures[0].mode
        self.train_dataloaders = train_dataloaders
        self.criterion = criterion() if isinstance(criterion, type) else criterion
        self.seed = seed

    def check(self) -> None:
        if self.train_dataloaders is None:
            raise EvaluationError(
                "the ProxyEvaluator has no train_dataloaders",
                why="models are looked at with real data",
                fix="pass train_dataloaders=DataLoader(...)",
            )

    def evaluate(self, model_cls: Callable[[], nn.Module]) -> dict[str, float]:
        self.check()
        name = getattr(model_cls, "__name__", "the model")
        subject = Subject(model_cls, self._read, name=name, seed=self.seed)
        found = {measure.name: measure(subject) for measure in self.measures}
        metrics = {"default": found[self.measures[0].name], **found}
        report_final_result(metrics)
        return metrics

    def sample_batches(self, count: int) -> list[Any]:
        return read_batches(self.train_dataloaders, count)

    @property
    def loss_function(self) -> Callable[[Any, Any], Any] | None:
        return self.criterion

    def example_inputs(self) -> tuple[Any, ...] | None:
        """The input part of the first batch, cut to two samples, or None without such a batch."""
        return read_first_input(self.train_dataloaders)

    def _read(self) -> Data:
        return read_data(self, None)
