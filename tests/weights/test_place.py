"""Files in a directory, as a store of weights keeps them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from retix.weights.place import LocalPlace, RemotePlace


@pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")
def test_private(tmp_path: Path) -> None:
    """What is made is the user's alone; what was there keeps its mode."""
    (tmp_path / "shared").mkdir(mode=0o755)
    LocalPlace(tmp_path / "shared").write("trials/7/x", [b"data"])
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "shared/trials/7").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "shared/trials/7/x").stat().st_mode & 0o777 == 0o600


def test_no_link_leads_out(tmp_path: Path) -> None:
    """Neither a folder nor a file that is a link is followed out of the place."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s")
    place = LocalPlace(tmp_path / "w")
    place.write("a/x", [b"data"])
    (tmp_path / "w/folder").symlink_to(outside)
    (tmp_path / "w/file").symlink_to(outside / "secret")
    for act in (
        lambda: place.read("folder/secret"),
        lambda: place.write("folder/new", [b""]),
        lambda: place.delete("folder/secret"),
        lambda: place.delete_below("folder/secret"),
        lambda: place.read("file"),
    ):
        with pytest.raises(OSError, match=r"link|symbolic"):
            act()
    place.write("file", [b"own"])
    assert place.read("file") == b"own"
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "s"


def test_a_link_in_a_folder_that_is_deleted(tmp_path: Path) -> None:
    """Deleting a folder deletes the links in it, not what they lead to."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").touch()
    place = LocalPlace(tmp_path / "w")
    place.write("m/x", [b""])
    (tmp_path / "w/m/link").symlink_to(tmp_path / "outside")
    place.delete_below("m")
    assert not (tmp_path / "w/m").exists()
    assert (tmp_path / "outside/kept").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """If writing breaks off, what was there stays and no temporary file remains."""
    place = LocalPlace(tmp_path)
    place.write("x", [b"old"])
    with pytest.raises(TypeError):
        place.write("x", [b"new", "no bytes"])  # type: ignore[list-item]  # that is what is tested
    assert place.read("x") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_deleting_takes_what_a_killed_writer_has_left(tmp_path: Path) -> None:
    """A temporary file of the same name goes with it, another's stays; an empty folder goes."""
    place = LocalPlace(tmp_path)
    place.write("t/7/x", [b""])
    (tmp_path / "t/7/.x.abc.tmp").touch()
    (tmp_path / "t/7/.y.abc.tmp").touch()
    place.delete("t/7/x")
    assert [path.name for path in (tmp_path / "t/7").iterdir()] == [".y.abc.tmp"]
    (tmp_path / "t/7/.y.abc.tmp").unlink()
    place.delete("t/7/x")
    assert list(tmp_path.iterdir()) == [tmp_path / "t"]
    assert list((tmp_path / "t").iterdir()) == []


def test_writing_beside_a_deleter(tmp_path: Path) -> None:
    """A folder that is deleted for being empty, while another thread writes into it, costs no write."""
    place, stop = LocalPlace(tmp_path), threading.Event()

    def delete() -> None:
        while not stop.wait(0.0002):
            place.delete("t/1/nothing")

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        for i in range(100):
            place.write(f"t/1/x{i}", [b"data"])
            place.delete(f"t/1/x{i}")
    finally:
        stop.set()
        thread.join()


def test_a_file_system_with_folders(tmp_path: Path) -> None:
    """Where fsspec's file system has folders, they are made."""
    place = RemotePlace(DirFileSystem(str(tmp_path), LocalFileSystem()), "w")
    place.write("a/b/x", [b"da", memoryview(b"ta")])
    assert place.read("a/b/x") == b"data"
    assert place.read_beginning("a/b/x", 2) == (b"da", 4)
    assert place.sizes("") == {"a/b/x": 4}
    place.delete_below("a")
    assert place.sizes("") == {}
