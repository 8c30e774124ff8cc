"""Whose a trial's directory is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from retix.execution.possession import possessing

_HOLD = """
import sys, time
from pathlib import Path
from retix.execution.possession import possessing
with possessing(Path(sys.argv[1])) as held:
    print(held, flush=True)
    time.sleep(60)
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    """While another process holds the directory, it is waited for; when that was killed, the directory is free."""
    other = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with possessing(tmp_path, patience=0.1) as held:
            assert not held
        os.kill(other.pid, signal.SIGKILL)
        with possessing(tmp_path, patience=30) as held:
            assert held
    finally:
        other.kill()
        other.communicate()


def test_a_child_does_not_keep_it(tmp_path: Path) -> None:
    """A process that was forked meanwhile and lives on holds nothing after the end."""
    with possessing(tmp_path) as held:
        assert held
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        with possessing(tmp_path, patience=0) as again:
            assert again
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_without_a_directory(tmp_path: Path) -> None:
    """Where nothing can be held, the trial goes on."""
    with possessing(tmp_path / "none", patience=0) as held:
        assert not held
