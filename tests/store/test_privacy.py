from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from retix.errors import StoreError
from retix.store import Store, StoreReader, check_private


@pytest.fixture
def pickle(store: Store) -> Path:
    """A file that a resume would unpickle, some folders down."""
    return store.write_file("parts/deep/search.pkl", b"pickle")


def test_what_the_driver_wrote_is_private(store: Store, pickle: Path) -> None:
    """Everything that a driver makes may be trusted by its user, and read by nobody else."""
    check_private(pickle)
    for path in (store.directory, *store.directory.rglob("*")):
        check_private(path)
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_write_is_refused(pickle: Path, mode: int) -> None:
    """A group or a world that may write the file could have written it; that others may read it is no harm here."""
    pickle.chmod(mode)
    with pytest.raises(StoreError, match=rf"cannot be trusted: others may write it \(mode {mode:o}\)"):
        check_private(pickle)
    pickle.chmod(0o644)
    check_private(pickle)


@pytest.mark.parametrize("part", [".", "parts", "parts/deep"])
def test_a_folder_that_others_write_is_refused(store: Store, pickle: Path, part: str) -> None:
    """Who may write a folder on the way may put another file in its place."""
    (store.directory / part).chmod(0o777)
    with pytest.raises(StoreError, match="others may write it"):
        check_private(pickle)


def test_folders_above_the_experiment_are_not_asked(store: Store, pickle: Path) -> None:
    """A directory of experiments may be shared: what lies in an experiment still belongs to its user."""
    store.directory.parent.chmod(0o777)
    check_private(pickle)


def test_a_link_is_refused(store: Store, pickle: Path, tmp_path: Path) -> None:
    """Neither the file nor a folder on the way may be a link."""
    (store.directory / "link.pkl").symlink_to(pickle)
    with pytest.raises(StoreError, match="it is a link"):
        check_private(store.directory / "link.pkl")
    (store.directory / "folder").symlink_to(pickle.parent)
    with pytest.raises(StoreError, match="it is a link"):
        check_private(store.directory / "folder" / "search.pkl")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(store: Store, pickle: Path) -> None:
    """What somebody else owns, they may have written; so for each folder on the way."""
    for path in (pickle, pickle.parent, store.directory):
        os.chown(path, 65534, -1)
        with pytest.raises(StoreError, match=r"belongs to another user \(number 65534\)"):
            check_private(pickle)
        os.chown(path, 0, -1)
    check_private(pickle)


def test_a_missing_file_is_refused(store: Store) -> None:
    """What is not there cannot be trusted either."""
    with pytest.raises(StoreError, match="cannot be checked"):
        check_private(store.directory / "absent.pkl")


def test_files_outside_of_an_experiment_count_for_themselves(tmp_path: Path) -> None:
    """Without an experiment around it, a file and its own directory are asked."""
    path = tmp_path / "folder" / "file"
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    check_private(path)
    path.parent.chmod(0o770)
    with pytest.raises(StoreError, match="others may write it"):
        check_private(path)


def test_a_reader_follows_no_link_out(store: Store, tmp_path: Path) -> None:
    """A file or a trial's directory that leads out of the experiment is refused; a link within it is followed."""
    (tmp_path / "secret").write_text("secret")
    directory = store.trial_directory(1)
    (directory / "model.py").symlink_to(tmp_path / "secret")
    (directory / "inside.py").symlink_to(store.write_file("trials/1/graph.json", b"{}"))
    (store.directory / "trials" / "2").symlink_to(tmp_path)
    reader = StoreReader(store.directory)
    calls: list[Callable[[], Path]] = [
        lambda: reader.trial_file(1, "model.py"),
        lambda: reader.trial_file(2, "secret"),
        lambda: reader.trial_directory(2),
        lambda: reader.file("trials/1/model.py"),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="leads out of its experiment"):
            call()
    assert reader.trial_file(1, "inside.py").read_bytes() == b"{}"
    assert not reader.trial_file(1, "absent.py").exists()


@pytest.mark.parametrize("name", ["../../driver.lock", "/etc/passwd", "", "a/../../b", "..", ".hidden"])
def test_no_name_leads_out(store: Store, name: str) -> None:
    """A name that climbs out, or is none, is refused."""
    reader = StoreReader(store.directory)
    with pytest.raises(StoreError, match="is no name for a file"):
        reader.trial_file(1, name)
    with pytest.raises(StoreError, match="is no id of a trial"):
        reader.trial_file(0, "model.py")


def test_a_linked_root_is_no_link_out(store: Store, tmp_path: Path) -> None:
    """A user may reach an experiment through a link of their own."""
    (tmp_path / "alias").symlink_to(store.directory)
    reader = StoreReader(tmp_path / "alias")
    store.write_file("trials/1/model.py", b"model")
    assert reader.trial_file(1, "model.py").read_bytes() == b"model"
