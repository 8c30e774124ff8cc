"""Where the trials of a study are held. Needs Optuna."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

NAME = "retix"


class Storage(InMemoryStorage):
    """One study in memory, in which trials that have ended may change.

    Optuna's own storage in memory, of which this keeps what samplers never call, seals trials that have ended and
    copies what it is given. Here a trial that early stopping has paused counts as pruned until it goes on.

    Args:
        objectives: How many there are; all are costs.
        notes: What samplers note of the study; it is changed in place.
    """

    def __init__(self, objectives: int, notes: dict[str, Any]) -> None:
        super().__init__()
        self._directions = [StudyDirection.MINIMIZE] * objectives
        self._notes = notes
        self._all: list[FrozenTrial] = []
        self._draft: FrozenTrial | None = None

    def __len__(self) -> int:
        return len(self._all)

    def draft(self, trial: FrozenTrial) -> None:
        """Take up a trial that samplers are asked about, and which they do not see among the others yet."""
        self._draft = trial

    def put(self, trial: FrozenTrial) -> None:
        """Add a trial, or put it in the place of the one with its number."""
        self._draft = None
        self._all[trial.number : trial.number + 1] = [trial]

    def get_study_id_from_name(self, study_name: str) -> int:
        return 0

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._directions

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._notes

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._notes[key] = value

    def get_trial(self, trial_id: int) -> FrozenTrial:
        if self._draft is not None and trial_id == self._draft.number:
            return self._draft
        return self._all[trial_id]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return [trial for trial in self._all if states is None or trial.state in states]

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        # Texts are what other processes are told of a trial that is being proposed; here there are none.
        if not isinstance(value, str):
            self.get_trial(trial_id).system_attrs[key] = value
