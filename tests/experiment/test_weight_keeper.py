"""Whose weights stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from retix.experiment.weight_keeper import WEIGHTS, WeightKeeper
from retix.space import Sample
from retix.trial import Trial, TrialState


def end_trials(root: Path, count: int, maximize: bool, *metrics: float | None) -> list[int]:
    """Whose weights are left when trials with these metrics have ended; None is one that was stopped."""

    def directory(id: int) -> Path:
        return root / str(id)

    keeper = WeightKeeper(count, maximize, directory)
    for id, metric in enumerate(metrics, 1):
        directory(id).mkdir()
        (directory(id) / WEIGHTS).touch()
        if metric is None:
            keeper.trial_ended(Trial(id, Sample(), TrialState.STOPPED))
        else:
            keeper.trial_ended(Trial(id, Sample(), TrialState.SUCCEEDED, {"default": metric}))
    return [id for id in range(1, len(metrics) + 1) if (directory(id) / WEIGHTS).exists()]


@pytest.mark.parametrize(
    ("count", "maximize", "kept"), [(2, True, [2, 4]), (2, False, [1, 3]), (1, True, [2]), (9, True, [1, 2, 3, 4])]
)
def test_the_best_are_kept(tmp_path: Path, count: int, maximize: bool, kept: list[int]) -> None:
    """Both ways of being better are understood, and of equals the earlier is kept."""
    assert end_trials(tmp_path, count, maximize, 0.1, 0.9, 0.5, 0.9) == kept


def test_only_results_keep_weights(tmp_path: Path) -> None:
    """A trial that was stopped keeps nothing, whatever it had written."""
    assert end_trials(tmp_path, 5, True, None, 0.5, None) == [2]


def test_a_trial_that_never_had_a_directory_is_no_problem(tmp_path: Path) -> None:
    """A model that could not be built leaves nothing to delete, and no directory is made for it."""
    keeper = WeightKeeper(1, True, lambda id: tmp_path / str(id))
    keeper.trial_ended(Trial(1, Sample(), TrialState.FAILED))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("count", "keeps"), [(0, False), (1, True)])
def test_workers_learn_whether_to_write_weights(count: int, keeps: bool) -> None:
    """Where nobody keeps any, none need be written."""
    assert WeightKeeper(count, True, lambda id: Path(str(id))).keeps_any is keeps
