from __future__ import annotations

import pytest

from retix.store import ExperimentState


@pytest.mark.parametrize("state", ExperimentState)
def test_only_what_a_driver_knows_is_recorded(state: ExperimentState) -> None:
    """The two states that readers find out are the ones that no driver may record."""
    assert state.is_recorded == (state not in (ExperimentState.INTERRUPTED, ExperimentState.UNREADABLE))


@pytest.mark.parametrize("state", ExperimentState)
def test_a_paused_experiment_is_active(state: ExperimentState) -> None:
    """A driver is at work on what runs and on what is paused, and on nothing else."""
    assert state.is_active == (state in (ExperimentState.RUNNING, ExperimentState.PAUSED))
