from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.execution.processes import is_running, wait_for_end, wait_until

ROOT = Path(__file__).parents[2]

# A process that minds a child as a keeper does; the child has two children of its own, one of them a daemon.
MINDER = """
import os, subprocess, sys, time
from pathlib import Path
from retix.execution.kernel import adopt_orphans
from retix.execution.process_tree import ProcessTree

is_plain = sys.argv[1] == "plain"
if not is_plain:
    adopt_orphans()
note = Path(sys.argv[2])
script = '''
import os, pathlib, subprocess, sys, time
taken = b"x" * 100_000_000
child = subprocess.Popen(["sleep", "600"])
if os.fork() == 0:
    os.setsid()
    if os.fork():
        time.sleep(0.5)
        os._exit(0)
    pathlib.Path(sys.argv[1]).write_text(f"{os.getppid()} {os.getpid()}")
    time.sleep(600)
pathlib.Path(sys.argv[1] + "2").write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
'''
root = subprocess.Popen([sys.executable, "-S", "-c", script, str(note)], start_new_session=True)
tree = ProcessTree(root.pid, is_plain)
while not (note.exists() and note.with_name("note2").exists() and len(tree.look()) >= 4):
    time.sleep(0.01)
pids = [int(word) for file in (note, note.with_name("note2")) for word in file.read_text().split()]
while len(tree.look()) > 3:  # until the daemon's parent has gone
    time.sleep(0.01)
use = tree.measure(10**12)
close = tree.measure(0)
tree.kill()
root.wait()
print(len(tree.look()), use.processes, use.bytes, close.bytes, *pids)
"""


@pytest.mark.parametrize("kind", ["linux", "plain"])
def test_a_tree(kind: str, tmp_path: Path) -> None:
    """All that a child started is found and killed, a daemon too; its memory counts shared pages once if need be."""
    command = [sys.executable, "-c", MINDER, kind, str(tmp_path / "note")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    left, count, size, shared_once, *processes = map(int, ended.stdout.split())
    assert (left, count) == (0, 3)
    assert size > 200_000_000  # the daemon was forked, and shares what its parent had taken
    assert 100_000_000 < shared_once < 150_000_000
    wait_for_end(processes)


def test_killing_all_but_some(tmp_path: Path) -> None:
    """Children that are to stay do, with what they started."""
    script = (
        "import os, subprocess, time\nfrom retix.execution.process_tree import kill_below\n"
        "keep, drop = (subprocess.Popen(['sh', '-c', 'sleep 600 & wait']) for _ in range(2))\n"
        "kill_below(os.getpid(), but={keep.pid})\n"
        "print(keep.pid, drop.pid, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        keep, drop = map(int, process.stdout.readline().split())
        children = Path(f"/proc/{keep}/task/{keep}/children")
        wait_until(lambda: bool(children.read_text()))
        grandchild = int(children.read_text())
        assert is_running(keep)
        assert not is_running(drop)
        process.kill()
    for each in (keep, grandchild):
        os.kill(each, 9)
