from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from retix.execution.kernel import count_memory_kills, kill_opened, open_process
from tests.execution.processes import wait_for_end

ROOT = Path(__file__).parents[2]


def test_a_child_dies_with_its_parent() -> None:
    """A process that asked for it ends when the one that forked it is killed."""
    script = (
        "import os, signal, time\nfrom retix.execution.kernel import die_with_parent\n"
        "reading, writing = os.pipe()\nparent = os.getpid()\nchild = os.fork()\n"
        "if child == 0:\n    os.setsid()\n    assert die_with_parent(parent)\n    os.write(writing, b'x')\n"
        "    time.sleep(600)\n"
        "os.read(reading, 1)\nprint(child, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    wait_for_end([int(ended.stdout)])


def test_a_parent_that_has_gone_already() -> None:
    """A process whose parent is another one than it takes it for ends at once."""
    script = "from retix.execution.kernel import die_with_parent\ndie_with_parent(1 << 30)\nprint('alive')\n"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_an_opened_process() -> None:
    """A process can be killed by its descriptor, also a second time; one that does not exist cannot be opened."""
    process = subprocess.Popen(["sleep", "600"])
    descriptor = open_process(process.pid)
    assert descriptor is not None
    kill_opened(descriptor)
    assert process.wait(10) == -9
    kill_opened(descriptor)
    os.close(descriptor)
    assert open_process(process.pid) is None


def test_memory_kills() -> None:
    """The kernel's count is a number that does not fall."""
    first = count_memory_kills()
    assert 0 <= first <= count_memory_kills()
