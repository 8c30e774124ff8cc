"""How an experiment stands, at one glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retix.store import ExperimentInfo, StoreReader, describe_experiment, describe_trial
from retix.trial import Trial, TrialState

_BUDGET = ("max_trial_number", "max_experiment_duration", "trial_concurrency")


@dataclass(frozen=True, slots=True)
class Status:
    """How an experiment stands.

    Attributes:
        info: The experiment.
        counts: Its number of trials in each state.
        best: Its best trial, if any has succeeded.
    """

    info: ExperimentInfo
    counts: Mapping[TrialState, int]
    best: Trial | None

    @property
    def total(self) -> int:
        """The number of trials."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """The number of trials in a final state."""
        return sum(count for state, count in self.counts.items() if state.is_final)

    @property
    def budget(self) -> dict[str, Any]:
        """What the settings allow, by the names that they have there; None where they say nothing."""
        return {name: self.info.config.get(name) for name in _BUDGET}

    def to_json(self) -> dict[str, Any]:
        """The status as JSON values."""
        whole = describe_experiment(self.info)
        return {
            **{key: whole[key] for key in ("id", "name", "state", "optimize_mode", "created", "ended")},
            "counts": {str(state): count for state, count in self.counts.items()},
            "best": self.best and describe_trial(self.best),
            "budget": {name: whole["config"].get(name) for name in _BUDGET},
        }


def read_status(reader: StoreReader) -> Status:
    """How the experiment stands now.

    Raises:
        StoreError: The experiment cannot be read.
    """
    return Status(reader.info(), reader.counts(), next(iter(reader.best(1)), None))
