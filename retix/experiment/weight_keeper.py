"""Which trained weights stay on disk."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from pathlib import Path

from retix.trial import Trial, TrialState

WEIGHTS = "model.safetensors"


class WeightKeeper:
    """Deletes the weights of all but the best trials as results come in.

    Args:
        count: How many trials keep theirs.
        maximize: Whether a higher metric is better; of equals, the earlier trial is.
        directory: Gives a trial's directory.
    """

    def __init__(self, count: int, maximize: bool, directory: Callable[[int], Path]) -> None:
        self._count = count
        self._sign = -1.0 if maximize else 1.0
        self._directory = directory
        self._best: list[tuple[float, int]] = []

    @property
    def keeps_any(self) -> bool:
        """Whether workers need to write weights at all."""
        return self._count > 0

    def trial_ended(self, trial: Trial) -> None:
        """Keep the weights of a trial if it is among the best; delete those that it displaces, or its own."""
        if trial.state is TrialState.SUCCEEDED and trial.metric is not None:
            bisect.insort(self._best, (self._sign * trial.metric, trial.id))
            for _, displaced in self._best[self._count :]:
                self._delete(displaced)
            del self._best[self._count :]
        else:
            # A trial can be ended after it has written its weights and before it could say so.
            self._delete(trial.id)

    def _delete(self, trial_id: int) -> None:
        (self._directory(trial_id) / WEIGHTS).unlink(missing_ok=True)
