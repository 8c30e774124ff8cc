"""The best trials of a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retix.errors import StoreError
from retix.objective import Limit, Objective, Objectives
from retix.space import Sample
from retix.store import Store, StoreReader, find_best, find_front, read_objectives
from retix.trial import Trial, TrialState
from tests.store.conftest import create

BOTH: dict[str, Any] = {"objectives": [{"name": "default", "mode": "maximize"}, {"name": "size", "mode": "minimize"}]}


def fill(store: Store, metrics: list[dict[str, float]], state: TrialState = TrialState.SUCCEEDED) -> None:
    """Record trials that have ended."""
    begin = len(StoreReader(store.directory).trials())
    with store.batch():
        for id, values in enumerate(metrics, begin + 1):
            store.add_trial(Trial(id, Sample({"id": id}), state, values))


def ids(trials: list[Trial]) -> list[int]:
    """The ids of trials."""
    return [trial.id for trial in trials]


def test_the_front_of_two_objectives(tmp_path: Path) -> None:
    """Sorted by the first; duplicates, pruned trials and what is dominated are left out, equals are all there."""
    with create(tmp_path, config=BOTH) as store:
        sizes = [(0.9, 30), (0.5, 10), (0.8, 40), (0.7, 20), (0.5, 10)]
        fill(store, [{"default": value, "size": size} for value, size in sizes])
        fill(store, [{"default": 1.0, "size": 1}], TrialState.PRUNED)
        fill(store, [{"default": 1.0, "size": 1}], TrialState.DUPLICATE)
        reader = StoreReader(store.directory)
        assert ids(find_front(reader)) == [1, 4, 2, 5]
        assert ids(find_best(reader, 2)) == [1, 4]
        assert ids(find_best(reader, 3, Objectives([Objective(mode="minimize")]))) == [2, 5, 4]


def test_limits_come_first(tmp_path: Path) -> None:
    """What breaks a limit is behind all that keep theirs; where nothing keeps them, the least broken is best."""
    with create(tmp_path, config={"limits": [{"name": "size", "at_most": 15}]}) as store:
        fill(store, [{"default": value, "size": size} for value, size in [(0.9, 30), (0.5, 10), (0.8, 20)]])
        reader = StoreReader(store.directory)
        assert read_objectives(reader.info()).limits == (Limit("size", at_most=15),)
        assert ids(find_best(reader, 9)) == [2, 3, 1]
        assert ids(find_front(reader)) == [2]
        assert ids(find_front(reader, Objectives(limits=[Limit("size", at_most=5)]))) == [2]


def test_thousands_of_trials_are_read_by_pages(tmp_path: Path) -> None:
    """The front of a long record is that of all trials, whatever page they are on."""
    with create(tmp_path, config=BOTH, optimize_mode="minimize") as store:
        # On one curve, moved by a noise that lets few be on the front.
        points = [(i * 7919 % 2503, i * 104729 % 1009) for i in range(2503)]
        fill(store, [{"default": float(x + 4 * noise), "size": float(x)} for x, noise in points])
        front = find_front(StoreReader(store.directory))
        metrics = [trial.metrics for trial in front]
        assert 5 < len(front) < 500
        assert [m["default"] for m in metrics] == sorted((m["default"] for m in metrics), reverse=True)
        assert [m["size"] for m in metrics] == sorted((m["size"] for m in metrics), reverse=True)
        assert any(trial.id > 2000 for trial in front)


def test_a_record_without_objectives_has_one(tmp_path: Path) -> None:
    """As those of earlier versions of retix: the best is by `default`, in the direction of the experiment."""
    with create(tmp_path, optimize_mode="minimize") as store:
        assert find_front(StoreReader(store.directory)) == []
        fill(store, [{"default": value} for value in (0.3, 0.1, 0.2, 0.1)])
        reader = StoreReader(store.directory)
        assert read_objectives(reader.info()).objectives == (Objective(mode="minimize"),)
        assert ids(find_front(reader)) == [2, 4]
        assert ids(find_best(reader, 3)) == [2, 4, 3]


def test_settings_that_somebody_has_spoilt_are_named(tmp_path: Path) -> None:
    """The error names the experiment."""
    with (
        create(tmp_path, config={"objectives": [{"metric": "default"}]}) as store,
        pytest.raises(StoreError, match=f"objectives of the experiment '{store.id}'"),
    ):
        find_front(StoreReader(store.directory))
