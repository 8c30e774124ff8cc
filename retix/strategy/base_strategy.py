"""The strategies that NNI's users write themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any


class BaseStrategy(ABC):
    """A strategy as one function that runs from the beginning of a search to its end.

    NNI's contract, for strategies written for it: `run` makes models by applying mutators, hands them to
    ``retix.submit_models``, and waits for results by ``retix.wait_models`` or by looking at ``model.status`` and
    ``model.metric``. It runs in a thread of its own. A new strategy is better written as a `retix.strategy.Strategy`,
    which can be resumed and has no need to wait.
    """

    @abstractmethod
    def run(self, base_model: Any, applied_mutators: Sequence[Any]) -> None:
        """Search, and return when nothing is left to try or ``retix.budget_exhausted()``.

        Args:
            base_model: The captured model (`retix.ir.Model`), choices open.
            applied_mutators: One mutator for each label of the model's choices, then those of the experiment, to be
                applied in this order.
        """

    def export_top_models(self, top_k: int) -> list[Any]:
        """The best models by the strategy's own judgement; by default, the experiment ranks them by their metric."""
        raise NotImplementedError(f"{type(self).__name__} leaves ranking to the experiment")
