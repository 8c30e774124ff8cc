from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from retix.execution.ray.room import Room


def test_a_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is private, empty for each trial, and gone in the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    room = Room()
    assert not list(tmp_path.iterdir())
    first = room.empty()
    assert first.parent.stat().st_mode & 0o777 == 0o700
    (first / "file").write_text("x")
    assert room.empty() == first
    assert not list(first.iterdir())
    room.remove()
    assert not list(tmp_path.iterdir())


def test_what_killed_hosts_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms of processes that are no more are removed; those of living ones, other machines and others' files stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    me, host = psutil.Process(), socket.gethostname()
    mine = f"retix-ray-{host}-{me.pid}-{int(me.create_time())}-mine"
    far = "retix-ray-elsewhere-1-1-far"
    reused = f"retix-ray-{host}-{me.pid}-{int(me.create_time()) - 1000}-reused"
    for name in (mine, far, reused, f"retix-ray-{host}-99999999-1-gone", "retix-ray-notes"):
        (tmp_path / name).mkdir()
    room = Room()
    own = room.empty().parent.name
    assert {path.name for path in tmp_path.iterdir()} == {mine, far, own, "retix-ray-notes"}
