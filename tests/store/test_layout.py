from __future__ import annotations

import re
from pathlib import Path

import pytest

from retix.errors import StoreError
from retix.store.layout import (
    experiment_directory,
    file_path,
    make_private_directory,
    new_id,
    trial_directory,
    write_atomically,
)

HOSTILE = ("", ".", "..", "../x", "a/../b", "/etc", "a//b", ".hidden", "-rf", "a\0b", "a\nb", "a\\b", "é", "a" * 129)


def test_an_id_is_easy_to_read_aloud() -> None:
    """An id has 8 characters, begins with a letter, and holds none that look alike."""
    for _ in range(200):
        assert re.fullmatch("[a-hj-km-np-z][a-hj-km-np-z2-9]{7}", new_id())


@pytest.mark.parametrize("id", [*HOSTILE, "a/b"])
def test_no_id_leaves_the_root(id: str) -> None:
    """An id that is no plain name is refused by name."""
    with pytest.raises(StoreError, match="is no id of an experiment"):
        experiment_directory(Path("root"), id)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_leaves_the_directory(name: str) -> None:
    """A file's name that leaves the experiment's directory is refused."""
    with pytest.raises(StoreError, match="is no name for a file"):
        file_path(Path("directory"), name)


@pytest.mark.parametrize("name", ["experiment.sqlite", "experiment.sqlite-wal", "driver.lock", "driver.lock/x"])
def test_no_file_replaces_the_store(name: str) -> None:
    """The store's own files are refused."""
    with pytest.raises(StoreError, match="belongs to the store itself"):
        file_path(Path("directory"), name)


def test_a_plain_name_is_taken(tmp_path: Path) -> None:
    """Names of letters, digits, dots and dashes are joined to the directory."""
    assert file_path(tmp_path, "trials/3/graph-1.json") == tmp_path / "trials" / "3" / "graph-1.json"


@pytest.mark.parametrize("trial_id", [0, -1, "../x"])
def test_no_trial_leaves_the_directory(trial_id: int) -> None:
    """A trial's directory is named by a number from 1."""
    with pytest.raises(StoreError, match="is no id of a trial"):
        trial_directory(Path("directory"), trial_id)


def test_directories_are_private(tmp_path: Path) -> None:
    """What is created can be entered by the user alone; what exists is left as it is."""
    (tmp_path / "there").mkdir(mode=0o755)
    make_private_directory(tmp_path / "there" / "a" / "b")
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "there" / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "there" / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """A write that cannot be finished changes nothing and leaves nothing behind."""
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "no bytes")  # type: ignore[arg-type]  # the failure is the point
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
