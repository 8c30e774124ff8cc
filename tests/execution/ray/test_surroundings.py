from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from retix.execution.ray.surroundings import Surroundings, describe_surroundings


def test_the_users_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of the user's are described, in full; those of the Python installation are not."""
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "deep", os.path.dirname(os.__file__), sys.prefix])
    surroundings = describe_surroundings()
    assert [Path(entry) for entry in surroundings.path] == [tmp_path, tmp_path / "deep"]
    assert surroundings.directory == tmp_path


@pytest.mark.parametrize("keep", [False, True])
def test_settling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool) -> None:
    """What exists here comes first, once; the working directory changes unless the user has chosen another."""
    (tmp_path / "new").mkdir()
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "argv", ["worker"])
    monkeypatch.setattr(sys, "path", ["/usr"])
    path = (str(tmp_path / "new"), str(tmp_path / "missing"), "/usr")
    Surroundings(path, ("script.py", "--flag"), tmp_path).settle(keep_directory=keep)
    assert sys.path == [str(tmp_path / "new"), "/usr"]
    assert sys.argv == ["script.py", "--flag"]
    assert Path.cwd() == (Path("/") if keep else tmp_path)
    Surroundings((), ("a",), tmp_path / "missing").settle(keep_directory=False)
    assert Path.cwd() == (Path("/") if keep else tmp_path)
