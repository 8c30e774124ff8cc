from __future__ import annotations

import os
from pathlib import Path

import pytest

from retix.errors import ExecutionError
from retix.execution.ray.parcel import Piece, cut, list_files, write_pieces


def test_files_arrive_as_they_were(tmp_path: Path) -> None:
    """Files of every size go through pieces of bounded size, empty ones and folders in folders too."""
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "a" / "b").mkdir(parents=True)
    contents = {"a/b/large": os.urandom(2500), "a/exact": os.urandom(1000), "empty": b"", "small": b"x"}
    for name, data in contents.items():
        (here / name).write_bytes(data)
    parcels = list(cut("files", here, list_files(here), size=1000))
    assert all(sum(len(piece.data) for piece in parcel) <= 2000 for parcel in parcels)
    for parcel in parcels:
        write_pieces({"files": there}, parcel)
    assert {name: (there / name).read_bytes() for name in list_files(there)} == contents


def test_a_file_has_no_name_before_it_is_complete(tmp_path: Path) -> None:
    """Half a file is not there for who looks for it, and what was there before stays until then."""
    (tmp_path / "file").write_bytes(b"before")
    write_pieces({"files": tmp_path}, [Piece("files", "file", b"af", is_first=True, is_last=False)])
    assert (tmp_path / "file").read_bytes() == b"before"
    write_pieces({"files": tmp_path}, [Piece("files", "file", b"ter", is_first=False, is_last=True)])
    assert (tmp_path / "file").read_bytes() == b"after"
    assert list_files(tmp_path) == ["file"]


def test_links_and_what_is_left_out(tmp_path: Path) -> None:
    """Links are not followed, files that the other side knows stay out, and so do those that have gone."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "known").write_bytes(b"x")
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert list_files(tmp_path, without={"known"}) == ["file"]
    assert list_files(tmp_path / "nowhere") == []
    assert list(cut("files", tmp_path, ["gone"])) == []


@pytest.mark.parametrize("path", ["../out", "a/../../out", "/etc/out", "", "."])
def test_paths_that_lead_out(tmp_path: Path, path: str) -> None:
    """A node cannot write beside the folders of its trial."""
    with pytest.raises(ExecutionError, match="leads out of its folder"):
        write_pieces({"files": tmp_path / "in"}, [Piece("files", path, b"x", is_first=True, is_last=True)])
    with pytest.raises(ExecutionError, match="leads out of its folder"):
        write_pieces({"files": tmp_path}, [Piece("other", "file", b"x", is_first=True, is_last=True)])
    assert list_files(tmp_path) == []
