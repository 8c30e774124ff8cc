from __future__ import annotations

import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

from retix.execution.handover import hand_over

ROOT = Path(__file__).parents[2]


def test_a_child_takes_connections_over() -> None:
    """A child can use the connections that it was given, by the words on its command line."""
    script = (
        "import sys\nfrom retix.execution.handover import take_over\n"
        "first, second = map(take_over, sys.argv[1:])\nsecond.send(first.recv() + 1)\n"
    )
    question, theirs = Pipe()
    answer, their_answer = Pipe()
    words, options = hand_over(theirs, their_answer)
    with subprocess.Popen([sys.executable, "-c", script, *words], cwd=ROOT, **options):
        question.send(41)
        assert answer.recv() == 42
    for connection in (question, theirs, answer, their_answer):
        connection.close()


def test_import_without_unix() -> None:
    """Everything imports where the system has no fcntl, as on Windows."""
    code = (
        "import sys, psutil, torch, pytorch_lightning\nfrom multiprocessing import connection\n"
        "connection.PipeConnection = connection.Connection\n"
        "sys.platform = 'win32'\nsys.modules['fcntl'] = None\n"
        "from retix.execution import LocalEngine\nimport retix.execution.keeper, retix.execution.worker\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_keeper_needs_no_torch() -> None:
    """What a keeper imports is light."""
    code = "import sys, retix.execution.keeper; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
