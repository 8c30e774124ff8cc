from __future__ import annotations

import os
import subprocess
import sys

from retix.store.process import read_start_mark


def test_a_living_process_keeps_its_mark() -> None:
    """The mark of one process is the same whenever it is read."""
    assert read_start_mark(os.getpid()) is not None
    assert read_start_mark(os.getpid()) == read_start_mark(os.getpid())


def test_a_process_that_ended_has_no_mark() -> None:
    """A process is gone once it has ended, even before its parent has waited for it."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    before = read_start_mark(process.pid)
    process.stdin.close()
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert before is not None
    assert read_start_mark(process.pid) is None
    process.stdout.close()
    process.wait()
    assert read_start_mark(process.pid) is None
