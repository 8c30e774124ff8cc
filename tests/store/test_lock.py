from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from retix.errors import StoreError
from retix.store import ExperimentState, Holder, Store, StoreReader, read_holder
from retix.store.lock import DriverLock, is_held
from retix.store.process import read_start_mark
from tests.store.conftest import create

SHARED = pytest.mark.parametrize("shared", [False, True], ids=["disk", "network"])

HOLD = """
import sys
from pathlib import Path
from retix.store.lock import DriverLock
lock = DriverLock(Path(sys.argv[1]), shared=sys.argv[2] == "True")
print("held", flush=True)
sys.stdin.read()
"""


def hold_elsewhere(directory: Path, shared: bool) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends."""
    arguments = [sys.executable, "-c", HOLD, str(directory), str(shared)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@SHARED
def test_the_holder_is_named(tmp_path: Path, shared: bool) -> None:
    """A second driver is told the process, the host and the time of the first, and may begin when that has died."""
    process = hold_elsewhere(tmp_path, shared)
    try:
        match = rf"process {process.pid} on host '{socket.gethostname()}' drives it since 20\d\d-"
        with pytest.raises(StoreError, match=match):
            DriverLock(tmp_path, shared=shared)
    finally:
        process.kill()
        process.communicate()
    holder = read_holder(tmp_path)
    assert holder is not None
    assert (holder.pid, holder.is_gone) == (process.pid, True)
    DriverLock(tmp_path, shared=shared).release()


@SHARED
def test_one_process_holds_once(tmp_path: Path, shared: bool) -> None:
    """The lock also holds between two drivers in one process, until it is let go."""
    lock = DriverLock(tmp_path, shared=shared)
    assert read_holder(tmp_path) is not None
    with pytest.raises(StoreError, match=f"process {os.getpid()} on host"):
        DriverLock(tmp_path, shared=shared)
    lock.release()
    lock.release()
    assert read_holder(tmp_path) is None
    DriverLock(tmp_path, shared=shared).release()


def test_what_a_dead_driver_left_is_waited_for(tmp_path: Path) -> None:
    """A process that the dead driver forked still holds its lock: a new driver waits for it, and says so in the end."""
    code = """
import os, signal, sys
from pathlib import Path
from retix.store.lock import DriverLock
lock = DriverLock(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    sys.stdin.read()
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.wait()
    with pytest.raises(StoreError, match=f"process {process.pid} on this host, is gone, but a process that it started"):
        DriverLock(tmp_path, patience=0.3)
    process.stdin.close()
    DriverLock(tmp_path, patience=30.0).release()
    process.stdout.close()


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"pid": "x", "host": "", "mark": "", "since": 0}'])
def test_a_lock_without_a_name_names_nobody(tmp_path: Path, text: str) -> None:
    """What stands in the file is only told if it makes sense, and a lock that is held is held all the same."""
    lock = DriverLock(tmp_path)
    (tmp_path / "driver.lock").write_text(text)
    assert read_holder(tmp_path) is None
    with pytest.raises(StoreError, match="another driver holds it"):
        DriverLock(tmp_path, patience=0.0)
    lock.release()


def test_a_link_is_no_lock(tmp_path: Path) -> None:
    """A link in the place of the lock is not followed: what it leads to stays as it is."""
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "driver.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match="cannot be held"):
        DriverLock(tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"


def test_only_here_is_a_process_known_to_be_gone() -> None:
    """A process of this host is gone if it is not there or another one; of one elsewhere nothing is said."""
    mark = read_start_mark(os.getpid()) or ""
    assert not Holder(os.getpid(), socket.gethostname(), mark, 0.0).is_gone
    assert Holder(os.getpid(), socket.gethostname(), "another boot:1", 0.0).is_gone
    assert not Holder(os.getpid(), "elsewhere.example", "another boot:1", 0.0).is_gone


def test_asking_disturbs_nobody(tmp_path: Path) -> None:
    """Whether an experiment is held can be asked while it is held, and does not let go of it."""
    assert is_held(tmp_path) is False
    lock = DriverLock(tmp_path)
    assert is_held(tmp_path) is True
    assert is_held(tmp_path) is True
    with pytest.raises(StoreError, match="is being run already"):
        DriverLock(tmp_path)
    lock.release()
    assert is_held(tmp_path) is False


def test_a_container_with_another_name_leaves_no_zombie(tmp_path: Path) -> None:
    """An experiment whose driver had another host name is running while it is held, and interrupted afterwards."""
    with create(tmp_path) as store:
        store._connection.execute("UPDATE experiment SET host = 'a-container-that-is-gone'")
        assert StoreReader(store.directory).info().state is ExperimentState.RUNNING
    assert StoreReader(store.directory).info().state is ExperimentState.INTERRUPTED
    (store.directory / "driver.lock").write_text(
        json.dumps({"pid": 1, "host": "a-container-that-is-gone", "mark": "", "since": 0.0})
    )
    with Store.open(tmp_path, store.id) as again:
        assert StoreReader(again.directory).info().state is ExperimentState.RUNNING


def test_the_store_needs_no_unix() -> None:
    """Everything is imported where there is no fcntl and the platform calls itself Windows."""
    code = """
import sys, types, sqlite3, subprocess, socket, tempfile, psutil, retix.trial
sys.modules["fcntl"] = None
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
sys.platform = "win32"
import retix.store
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
