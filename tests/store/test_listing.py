from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from retix.errors import StoreError
from retix.store import ExperimentState, StoreReader, list_experiments, list_ids, read_experiment
from tests.store.conftest import create


@pytest.fixture
def crowded_root(tmp_path: Path) -> Iterator[Path]:
    """A root with two experiments, one that is damaged, one from the future, and things that are none."""
    with create(tmp_path, name="first") as first, create(tmp_path, name="second") as second:
        first._connection.execute("UPDATE experiment SET created = 1")
        second._connection.execute("UPDATE experiment SET created = 2e12")
        second._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copytree(second.directory, tmp_path / "future")
        (tmp_path / "future" / "experiment.sqlite-wal").unlink()
        (tmp_path / "future" / "experiment.sqlite-shm").unlink()
        with sqlite3.connect(tmp_path / "future" / "experiment.sqlite") as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        for name in ("damaged", "empty"):
            (tmp_path / name).mkdir()
        (tmp_path / "damaged" / "experiment.sqlite").write_bytes(b"no database at all" * 100)
        (tmp_path / "notes.txt").touch()
        (tmp_path / ".hidden").mkdir()
        (tmp_path / ".hidden" / "experiment.sqlite").touch()
        yield tmp_path


def test_the_list_survives_everything(crowded_root: Path) -> None:
    """Experiments come newest first; the unreadable are told with their reason, and what is none is left out."""
    infos = list_experiments(crowded_root)
    assert [info.name for info in infos if info.problem is None] == ["second", "first"]
    broken = {info.id: info for info in infos if info.problem is not None}
    assert set(broken) == {"damaged", "future"}
    assert all(info.state is ExperimentState.UNREADABLE for info in broken.values())
    assert "not a database" in str(broken["damaged"].problem)
    assert "version 99" in str(broken["future"].problem)
    assert set(list_ids(crowded_root)) == {info.id for info in infos}


def test_a_missing_root_has_no_experiments(tmp_path: Path) -> None:
    """Before the first experiment there is no root, and that is no error."""
    assert list_experiments(tmp_path / "absent") == []


def test_a_root_that_is_a_file_cannot_be_listed(tmp_path: Path) -> None:
    """A root that is no directory is an error that names it."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be listed"):
        list_ids(tmp_path / "file")


@pytest.mark.parametrize("id", ["absent", "../x"])
def test_a_missing_experiment_is_named(tmp_path: Path, id: str) -> None:
    """Asking for an experiment that is not there, or cannot be, says which."""
    with pytest.raises(StoreError, match=id):
        read_experiment(tmp_path, id)
    with pytest.raises(StoreError, match="no experiment in"):
        StoreReader(tmp_path / "absent").info()
