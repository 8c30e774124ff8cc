"""Why a search ends."""

from __future__ import annotations

from enum import StrEnum


class EndReason(StrEnum):
    """Why a search ended."""

    BUDGET = "max_trial_number is reached"
    DURATION = "max_experiment_duration is over"
    EXHAUSTED = "the strategy has nothing left to propose"
    REPEATING = "the strategy keeps proposing networks that were tried before or cannot be built"
    FAILURES = "too many trials in a row failed in the same way"
    STOPPED = "it was stopped"
